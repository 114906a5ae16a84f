//! Which addresses may be called, and when a call is tried again.
//!
//! The URL is a tenant's and the caller is the operator: without a policy it would be a way into the cluster.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, Url};

use crate::api::settings::WebhookPolicy;

/// Addresses outside of the link-local networks at which cloud providers serve credentials or settings of a machine.
const METADATA: [IpAddr; 6] = [
    // Amazon: instance metadata, and the credentials of pods.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    // Azure's WireServer, Alibaba, Oracle.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// Waits before the second and later tries; after the last one a notification is given up.
pub const RETRIES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(3),
    Duration::from_hours(6),
    Duration::from_hours(12),
];

/// How long to wait after `failures` failed tries; `None` when no more is made. `spread` from 0 to 1 adds up to a tenth,
/// so that receivers that were away together are not called together.
pub fn retry_after(failures: u32, spread: f64) -> Option<Duration> {
    let wait = RETRIES.get(usize::try_from(failures.checked_sub(1)?).ok()?)?;
    Some(wait.mul_f64(1.0 + spread.clamp(0.0, 1.0) / 10.0))
}

/// A URL that may not be called, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    /// It cannot be read.
    #[error("is not a URL ({0}); it must look like https://example.com/hook")]
    NotAUrl(String),
    /// It is of another scheme.
    #[error("has scheme {0}; write http or https")]
    Scheme(String),
    /// The operator asks for TLS.
    #[error("has scheme http, and this operator calls https only (--webhook-require-https); write https")]
    Plain,
    /// It carries a user name or a password.
    #[error("must not hold a user name or a password; use tokenSecretRef")]
    UserInfo,
    /// It names no host.
    #[error("has no host; it must look like https://example.com/hook")]
    NoHost,
    /// It names an address that may not be called.
    #[error(
        "names {0}; name a receiver elsewhere, or have the operator's administrator allow it (--webhook-allow-cidr)"
    )]
    Denied(Denied),
}

/// An address that may not be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address that may not be called: {address} is {what}")]
pub struct Denied {
    /// The address.
    pub address: IpAddr,
    /// What is wrong with it.
    pub what: &'static str,
}

/// Whether a URL may be called, as far as it can be told without looking up its host.
pub fn check_url(text: &str, policy: &WebhookPolicy) -> Result<Url, UrlProblem> {
    let url = Url::parse(text).map_err(|error| UrlProblem::NotAUrl(error.to_string()))?;
    match url.scheme() {
        "https" => {}
        "http" if !policy.require_https => {}
        "http" => return Err(UrlProblem::Plain),
        other => return Err(UrlProblem::Scheme(other.to_owned())),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlProblem::UserInfo);
    }
    let literal = match url.host() {
        None => return Err(UrlProblem::NoHost),
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let local = name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
            local.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST))
        }
    };
    if let Some(address) = literal {
        check(address, policy).map_err(UrlProblem::Denied)?;
    }
    Ok(url)
}

/// The policy of a cluster whose API server has these addresses: they are denied too, for the operator's own rights must
/// not be within a tenant's reach.
pub fn beside_api_server(mut policy: WebhookPolicy, addresses: impl IntoIterator<Item = IpAddr>) -> WebhookPolicy {
    policy.deny.extend(addresses.into_iter().map(|address| IpNet::from(canonical(address))));
    policy
}

/// Whether an address may be called. Every address that a name resolves to is asked about, and only one that was is
/// connected to.
pub fn check(address: IpAddr, policy: &WebhookPolicy) -> Result<(), Denied> {
    let real = canonical(address);
    if policy.allow.iter().any(|net| net.contains(&real)) {
        return Ok(());
    }
    let denied = |what| Err(Denied { address, what });
    // A denied network may be one of addresses that carry others, such as 64:ff9b::/96.
    if policy.deny.iter().any(|net| net.contains(&real) || net.contains(&address)) {
        return denied("the API server's, or in a network of --webhook-deny-cidr");
    }
    match real {
        it if it.is_unspecified() => denied("the unspecified address"),
        it if it.is_loopback() => denied("a loopback address"),
        it if it.is_multicast() => denied("a multicast address"),
        IpAddr::V4(it) if it.is_link_local() => denied("a link-local address, as cloud metadata services have"),
        IpAddr::V4(it) if it.is_broadcast() => denied("the broadcast address"),
        IpAddr::V4(it) if it.octets()[0] == 0 => denied("an address of this host"),
        IpAddr::V6(it) if it.is_unicast_link_local() => denied("a link-local address"),
        it if METADATA.contains(&it) => denied("a cloud provider's metadata service"),
        _ => Ok(()),
    }
}

/// The address that is meant by one that carries an IPv4 address inside: v4-mapped, v4-compatible,
/// NAT64 (RFC 6052 and RFC 8215), 6to4.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let parts = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low] | [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_and_of_metadata_services_are_denied_in_every_disguise() {
        let policy = WebhookPolicy::default();
        for address in [
            "127.0.0.1",
            "127.8.9.1",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "64:ff9b:1::7f00:1",
            "fd00:ec2::254",
            "168.63.129.16",
            "::ffff:100.100.100.200",
        ] {
            assert!(check(address.parse().unwrap(), &policy).is_err(), "{address}");
        }
        for address in ["192.0.2.7", "10.1.2.3", "2001:db8::1", "fd12::1"] {
            assert!(check(address.parse().unwrap(), &policy).is_ok(), "{address}");
        }
    }

    #[test]
    fn an_allowed_network_is_exempt_from_every_denial() {
        let policy = WebhookPolicy {
            deny: vec!["10.0.0.0/8".parse().unwrap()],
            allow: vec!["127.0.0.0/8".parse().unwrap(), "10.1.0.0/16".parse().unwrap()],
            require_https: false,
        };
        assert!(check("::ffff:127.0.0.1".parse().unwrap(), &policy).is_ok());
        assert!(check("10.1.2.3".parse().unwrap(), &policy).is_ok());
        assert!(check("10.2.2.3".parse().unwrap(), &policy).is_err());
    }

    #[test]
    fn the_api_server_is_denied_in_every_disguise_but_not_its_neighbours() {
        let policy = beside_api_server(WebhookPolicy::default(), ["::ffff:10.96.0.1".parse().unwrap()]);
        assert!(check("10.96.0.1".parse().unwrap(), &policy).is_err());
        assert!(check("64:ff9b::a60:1".parse().unwrap(), &policy).is_err());
        assert!(check("10.96.0.2".parse().unwrap(), &policy).is_ok());
        assert!(matches!(check_url("https://10.96.0.1/api", &policy), Err(UrlProblem::Denied(_))));
    }

    #[test]
    fn a_network_of_carrying_addresses_can_be_denied() {
        let policy = WebhookPolicy { deny: vec!["64:ff9b::/96".parse().unwrap()], ..WebhookPolicy::default() };
        assert!(check("64:ff9b::c000:207".parse().unwrap(), &policy).is_err());
        assert!(check("192.0.2.7".parse().unwrap(), &policy).is_ok());
    }

    #[test]
    fn urls_are_judged_by_what_they_say() {
        let policy = WebhookPolicy { require_https: true, ..WebhookPolicy::default() };
        assert!(check_url("https://example.com/hook?x=1", &policy).is_ok());
        assert_eq!(check_url("http://example.com", &policy), Err(UrlProblem::Plain));
        let open = WebhookPolicy::default();
        assert!(matches!(check_url("ftp://example.com", &open), Err(UrlProblem::Scheme(_))));
        assert_eq!(check_url("https://user@example.com", &open), Err(UrlProblem::UserInfo));
        assert!(matches!(check_url("example.com", &open), Err(UrlProblem::NotAUrl(_))));
        for url in ["http://127.0.0.1", "http://0x7f.1", "http://2130706433", "http://[::1]:80", "http://LOCALHOST./x"]
        {
            assert!(matches!(check_url(url, &open), Err(UrlProblem::Denied(_))), "{url}");
        }
    }

    #[test]
    fn retries_follow_the_published_schedule_and_end() {
        assert_eq!(retry_after(1, 0.0), Some(Duration::from_secs(5)));
        assert!(retry_after(1, 1.0).unwrap() <= Duration::from_millis(5_500));
        assert_eq!(retry_after(9, 0.0), Some(Duration::from_hours(12)));
        assert_eq!(retry_after(10, 0.0), None);
        assert_eq!(retry_after(0, 0.0), None);
    }
}
