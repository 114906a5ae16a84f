//! Looks up the names of receivers, and lets through what the policy allows.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::{self, Denied};
use crate::api::settings::WebhookPolicy;

/// Resolves like the system, and gives back only addresses that may be called. The client connects to what comes from
/// here and to nothing else, so that a name cannot change its mind between check and connection.
pub(super) struct Guarded(Arc<WebhookPolicy>);

impl Guarded {
    /// A resolver under this policy.
    pub(super) fn new(policy: Arc<WebhookPolicy>) -> Self {
        Self(policy)
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(permitted(found, &policy)?.into_iter()) as Addrs)
        })
    }
}

/// Of the addresses of a name, those that may be called; an error when there is none for that reason.
fn permitted(found: impl Iterator<Item = SocketAddr>, policy: &WebhookPolicy) -> Result<Vec<SocketAddr>, Denied> {
    let mut denied = None;
    let mut allowed = Vec::new();
    for address in found {
        match policy::check(address.ip(), policy) {
            Ok(()) => allowed.push(address),
            Err(problem) => denied = Some(problem),
        }
    }
    match denied {
        Some(problem) if allowed.is_empty() => Err(problem),
        _ => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn of_mixed_answers_only_what_may_be_called_is_left() {
        let policy = WebhookPolicy::default();
        let mixed = addresses(&["127.0.0.1", "192.0.2.7", "::ffff:169.254.169.254", "2001:db8::7"]);
        assert_eq!(permitted(mixed.into_iter(), &policy), Ok(addresses(&["192.0.2.7", "2001:db8::7"])));
        let inside = addresses(&["127.0.0.1", "::1"]);
        assert!(permitted(inside.into_iter(), &policy).is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_resolved() {
        // The C library reads this as 127.0.0.1 without asking anybody.
        let name: Name = "127.1".parse().unwrap();
        let closed = Guarded::new(Arc::new(WebhookPolicy::default())).resolve(name).await;
        let error = closed.err().expect("denied").to_string();
        assert!(error.contains("127.0.0.1 is a loopback address"), "{error}");

        let allow = vec!["127.0.0.0/8".parse().unwrap()];
        let open = Arc::new(WebhookPolicy { allow, ..WebhookPolicy::default() });
        let found: Vec<SocketAddr> = Guarded::new(open).resolve("127.1".parse().unwrap()).await.unwrap().collect();
        assert_eq!(found, addresses(&["127.0.0.1"]));
    }
}
