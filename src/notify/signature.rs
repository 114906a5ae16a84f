//! Signatures after Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// Keys that sign: one, or two during a rotation, newest first.
#[derive(Clone)]
pub struct Keys(Vec<hmac::Key>);

/// A signing Secret that cannot be used. Never says what it holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// There is nothing in it.
    #[error("it is empty; it must hold one or two whsec_… keys")]
    Empty,
    /// There is too much in it.
    #[error("it holds {0} keys; it must hold one, or two during a rotation, separated by white space")]
    TooMany(usize),
    /// A key is not in base64.
    #[error("key {0} is not `whsec_` and base64")]
    NotBase64(usize),
    /// A key is too short to be safe.
    #[error("key {0} has fewer than 24 bytes")]
    Short(usize),
}

impl Keys {
    /// Reads one or two `whsec_…` keys, separated by white space.
    pub fn parse(text: &SecretString) -> Result<Self, Unusable> {
        let words: Vec<&str> = text.expose_secret().split_whitespace().collect();
        match words.len() {
            0 => return Err(Unusable::Empty),
            1 | 2 => {}
            more => return Err(Unusable::TooMany(more)),
        }
        let key = |(at, word): (usize, &&str)| {
            let encoded = word.strip_prefix("whsec_").ok_or(Unusable::NotBase64(at + 1))?;
            let bytes = STANDARD.decode(encoded).map_err(|_| Unusable::NotBase64(at + 1))?;
            if bytes.len() < 24 {
                return Err(Unusable::Short(at + 1));
            }
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        };
        words.iter().enumerate().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// The value of `webhook-signature`: one signature a key. `timestamp` is in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let one = |key: &hmac::Key| {
            let mut context = hmac::Context::with_key(key);
            context.update(format!("{id}.{timestamp}.").as_bytes());
            context.update(body);
            format!("v1,{}", STANDARD.encode(context.sign().as_ref()))
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn verify(secret: &str, signature: &str, body: &[u8]) -> bool {
        let webhook = standardwebhooks::Webhook::new(secret).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", now.to_string().parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        webhook.verify(body, &headers).is_ok()
    }

    #[test]
    fn the_public_library_accepts_what_we_sign() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let keys = Keys::parse(&format!("{NEW} {OLD}").into()).unwrap();
        let signature = keys.sign("msg_1", i64::try_from(now).unwrap(), b"{}");
        assert!(verify(OLD, &signature, b"{}") && verify(NEW, &signature, b"{}"));
        assert!(!verify(OLD, &signature, b"{ }"));
    }

    #[test]
    fn unusable_secrets_say_what_is_wrong_and_not_what_they_hold() {
        let problem = |text: &str| Keys::parse(&text.into()).unwrap_err();
        assert_eq!(problem("  "), Unusable::Empty);
        assert_eq!(problem("hunter2hunter2"), Unusable::NotBase64(1));
        assert_eq!(problem(&format!("{OLD} whsec_AAAA")), Unusable::Short(2));
        assert_eq!(problem(&format!("{OLD} {OLD} {OLD}")), Unusable::TooMany(3));
    }
}
