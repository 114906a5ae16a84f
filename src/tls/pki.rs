//! The CA Secret as data, and what is to be done about it at a given time. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};

/// Secret key of the CA certificate that signs leaves.
pub const CA_CERTIFICATE: &str = "ca.crt";
/// Secret key of its private key.
pub const CA_KEY: &str = "ca.key";
/// Secret key of the CA certificate that takes over next; trusted already, signing nothing yet.
pub const NEXT_CERTIFICATE: &str = "next.crt";
/// Secret key of its private key.
pub const NEXT_KEY: &str = "next.key";

/// How long a CA lives.
pub const CA_LIFETIME: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);
/// How long a leaf lives.
pub const LEAF_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far a certificate's start lies in the past, for API servers whose clock is behind ours.
pub const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

/// The CA Secret cannot be used as it stands.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key is missing or holds no text.
    #[error("key {0} is missing or not UTF-8; delete the Secret to have a new CA made")]
    Key(&'static str),
    /// A certificate cannot be read.
    #[error("{0} is not a PEM certificate; delete the Secret to have a new CA made")]
    Certificate(&'static str),
}

/// A certificate and its private key, both PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    /// PEM certificate.
    pub certificate: String,
    /// PEM private key (PKCS #8).
    pub key: SecretString,
}

/// Content of the CA Secret.
#[derive(Clone, Debug)]
pub struct CaSecret {
    /// Signs leaves.
    pub current: Pair,
    /// Signs leaves after the next promotion.
    pub next: Option<Pair>,
}

impl CaSecret {
    /// Reads a Secret's data.
    pub fn from_data(data: &BTreeMap<String, ByteString>) -> Result<Self, Error> {
        let current = Pair { certificate: text(data, CA_CERTIFICATE)?, key: text(data, CA_KEY)?.into() };
        let next = if data.contains_key(NEXT_CERTIFICATE) {
            Some(Pair { certificate: text(data, NEXT_CERTIFICATE)?, key: text(data, NEXT_KEY)?.into() })
        } else {
            None
        };
        Ok(Self { current, next })
    }

    /// The Secret's data.
    pub fn to_data(&self) -> BTreeMap<String, ByteString> {
        let pairs = [
            Some((CA_CERTIFICATE, CA_KEY, &self.current)),
            self.next.as_ref().map(|pair| (NEXT_CERTIFICATE, NEXT_KEY, pair)),
        ];
        let mut data = BTreeMap::new();
        for (certificate, key, pair) in pairs.into_iter().flatten() {
            data.insert(certificate.into(), ByteString(pair.certificate.clone().into_bytes()));
            data.insert(key.into(), ByteString(pair.key.expose_secret().as_bytes().to_vec()));
        }
        data
    }

    /// Every CA that a client has to trust, as one PEM text: what goes into `caBundle`.
    pub fn bundle(&self) -> String {
        let mut bundle = with_newline(&self.current.certificate);
        if let Some(next) = &self.next {
            bundle.push_str(&with_newline(&next.certificate));
        }
        bundle
    }
}

/// What to do about the CA Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is none: make a CA and create the Secret. Whoever comes second reads the first one's.
    Create,
    /// The current CA is good: sign with it.
    Use,
    /// The current CA has ended, nothing trusts what it signed: put a new one in its place.
    Replace,
}

/// Decides on the stored Secret at `now`.
pub fn step(stored: Option<&CaSecret>, now: Timestamp) -> Result<Step, Error> {
    let Some(stored) = stored else {
        return Ok(Step::Create);
    };
    let validity = Validity::of_pem(&stored.current.certificate).ok_or(Error::Certificate(CA_CERTIFICATE))?;
    Ok(if now >= validity.not_after { Step::Replace } else { Step::Use })
}

/// From when to when a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: Timestamp,
    /// Last second.
    pub not_after: Timestamp,
}

impl Validity {
    /// A validity of `lifetime` counted from `now`, ending no later than `limit`.
    pub fn starting(now: Timestamp, lifetime: SignedDuration, limit: Option<Timestamp>) -> Self {
        let end = now + lifetime;
        Self { not_before: now - BACKDATE, not_after: limit.map_or(end, |limit| limit.min(end)) }
    }

    /// Validity of the first certificate in a PEM text; None when there is none that can be read.
    pub fn of_pem(pem: &str) -> Option<Self> {
        Self::of_der(&CertificateDer::from_pem_slice(pem.as_bytes()).ok()?)
    }

    /// Validity of a DER certificate; None when it cannot be read.
    pub fn of_der(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            not_before: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
            not_after: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
        })
    }

    /// Whether two thirds of the life are over: time for the next certificate.
    pub fn renewal_due(&self, now: Timestamp) -> bool {
        let life = self.not_after.duration_since(self.not_before);
        now.duration_since(self.not_before) >= life * 2 / 3
    }
}

fn text(data: &BTreeMap<String, ByteString>, key: &'static str) -> Result<String, Error> {
    data.get(key)
        .and_then(|bytes| String::from_utf8(bytes.0.clone()).ok())
        .filter(|text| !text.trim().is_empty())
        .ok_or(Error::Key(key))
}

fn with_newline(pem: &str) -> String {
    format!("{}\n", pem.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::authority::Authority;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_missing_secret_is_created_a_good_one_used_an_ended_one_replaced() {
        let made = at("2026-01-01T00:00:00Z");
        let stored = CaSecret { current: Authority::generate(made).unwrap(), next: None };
        assert_eq!(step(None, made).unwrap(), Step::Create);
        assert_eq!(step(Some(&stored), made).unwrap(), Step::Use);
        assert_eq!(step(Some(&stored), made + CA_LIFETIME).unwrap(), Step::Replace);
    }

    #[test]
    fn data_survives_the_secret() {
        let now = at("2026-01-01T00:00:00Z");
        let ca = CaSecret { current: Authority::generate(now).unwrap(), next: Some(Authority::generate(now).unwrap()) };
        let back = CaSecret::from_data(&ca.to_data()).unwrap();
        assert_eq!(back.current.certificate, ca.current.certificate);
        assert_eq!(back.current.key.expose_secret(), ca.current.key.expose_secret());
        assert_eq!(back.next.unwrap().certificate, ca.next.as_ref().unwrap().certificate);
        assert_eq!(ca.bundle().matches("BEGIN CERTIFICATE").count(), 2);
    }

    #[test]
    fn a_damaged_secret_names_the_key_and_the_way_out() {
        let mut data =
            CaSecret { current: Authority::generate(at("2026-01-01T00:00:00Z")).unwrap(), next: None }.to_data();
        data.insert(CA_CERTIFICATE.into(), ByteString(b"rubbish".to_vec()));
        let damaged = CaSecret::from_data(&data).unwrap();
        let error = step(Some(&damaged), at("2026-01-01T00:00:00Z")).unwrap_err();
        assert!(error.to_string().contains("ca.crt"), "{error}");
        data.remove(CA_KEY);
        let error = CaSecret::from_data(&data).unwrap_err();
        assert!(error.to_string().contains("ca.key"), "{error}");
        assert!(error.to_string().contains("delete the Secret"), "{error}");
    }

    #[test]
    fn renewal_is_due_after_two_thirds() {
        let validity = Validity { not_before: at("2026-01-01T00:00:00Z"), not_after: at("2026-01-07T00:00:00Z") };
        assert!(!validity.renewal_due(at("2026-01-04T23:59:59Z")));
        assert!(validity.renewal_due(at("2026-01-05T00:00:00Z")));
    }

    #[test]
    fn a_leaf_never_outlives_its_ca() {
        let now = at("2026-01-01T00:00:00Z");
        let limit = now + SignedDuration::from_hours(24);
        assert_eq!(Validity::starting(now, LEAF_LIFETIME, Some(limit)).not_after, limit);
    }
}
