//! Making a CA and signing leaves with it.

use std::sync::Arc;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use secrecy::ExposeSecret;
use url::{Host, Url};

use super::pki::{CA_LIFETIME, LEAF_LIFETIME, Pair, Validity};
use super::resolver::Served;

/// A CA cannot be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Key generation or signing failed.
    #[error("cannot make the certificate: {0}")]
    Generate(#[source] rcgen::Error),
    /// The stored CA cannot be read.
    #[error("the CA certificate or its key cannot be read; delete the Secret to have a new CA made")]
    Load,
    /// The stored key is another certificate's.
    #[error("the CA key does not belong to the CA certificate; delete the Secret to have a new CA made")]
    KeyMismatch,
    /// The signed leaf cannot be served.
    #[error("the signed certificate cannot be served: {0}")]
    Serve(#[source] rustls::Error),
}

/// A CA ready to sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    validity: Validity,
}

impl Authority {
    /// Makes a new CA: ECDSA P-256, may sign leaves only.
    pub fn generate(now: Timestamp) -> Result<Pair, Error> {
        let key = KeyPair::generate().map_err(Error::Generate)?;
        let mut params = params("odoo-operator CA", Vec::new(), Validity::starting(now, CA_LIFETIME, None))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key).map_err(Error::Generate)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem().into() })
    }

    /// Reads a stored CA.
    pub fn load(pair: &Pair) -> Result<Self, Error> {
        let der = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).map_err(|_| Error::Load)?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|_| Error::Load)?;
        let key = KeyPair::from_pem(pair.key.expose_secret()).map_err(|_| Error::Load)?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(Error::KeyMismatch);
        }
        let validity = Validity::of_der(&der).ok_or(Error::Load)?;
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|_| Error::Load)?;
        Ok(Self { issuer, validity })
    }

    /// Signs a leaf for these DNS names and addresses, key and certificate in memory only.
    pub fn sign(&self, names: &[String], now: Timestamp) -> Result<Served, Error> {
        let key = KeyPair::generate().map_err(Error::Generate)?;
        let validity = Validity::starting(now, LEAF_LIFETIME, Some(self.validity.not_after));
        let mut params = params("odoo-operator webhooks", names.to_vec(), validity)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(Error::Generate)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let certified = CertifiedKey::from_der(
            vec![certificate.der().clone()],
            key,
            &rustls::crypto::aws_lc_rs::default_provider(),
        )
        .map_err(Error::Serve)?;
        Ok(Served { key: Arc::new(certified), validity })
    }
}

/// Names that the API server may use for the webhook server: those of the Service, and the host of the webhook URL
/// when there is one.
pub fn server_names(service: &str, namespace: &str, webhook_url: Option<&Url>) -> Vec<String> {
    let mut names = vec![
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.cluster.local"),
        format!("{service}.{namespace}"),
    ];
    let host = webhook_url.and_then(Url::host).map(|host| match host {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    });
    names.extend(host.filter(|host| !names.contains(host)));
    names
}

fn params(common_name: &str, names: Vec<String>, validity: Validity) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names).map_err(Error::Generate)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    // rcgen takes `time`'s type, which is not worth a dependency of its own: count from the epoch.
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since = |moment: Timestamp| std::time::Duration::from_secs(moment.as_second().max(0).unsigned_abs());
    params.not_before = epoch + since(validity.not_before);
    params.not_after = epoch + since(validity.not_after);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{RootCertStore, client::WebPkiServerVerifier};
    use std::time::Duration;

    fn now() -> Timestamp {
        "2026-11-21T00:00:00Z".parse().unwrap()
    }

    fn verify(ca: &Pair, served: &Served, name: &str, at: Timestamp) -> Result<(), rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.certificate.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().unsigned_abs()));
        verifier
            .verify_server_cert(&served.key.cert[0], &[], &ServerName::try_from(name.to_owned()).unwrap(), &[], at)
            .map(|_| ())
    }

    #[test]
    fn a_client_that_trusts_the_ca_accepts_each_name_and_no_other() {
        let ca = Authority::generate(now()).unwrap();
        let url = Url::parse("https://10.89.0.1:9443").unwrap();
        let names = server_names("odoo-operator", "odoo-system", Some(&url));
        let served = Authority::load(&ca).unwrap().sign(&names, now()).unwrap();
        for name in [
            "odoo-operator.odoo-system.svc",
            "odoo-operator.odoo-system.svc.cluster.local",
            "odoo-operator.odoo-system",
            "10.89.0.1",
        ] {
            verify(&ca, &served, name, now()).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        verify(&ca, &served, "other.odoo-system.svc", now()).unwrap_err();
        verify(&ca, &served, "10.89.0.1", served.validity.not_after + Duration::from_secs(1)).unwrap_err();
        let stranger = Authority::generate(now()).unwrap();
        verify(&stranger, &served, "10.89.0.1", now()).unwrap_err();
    }

    #[test]
    fn the_ca_may_sign_leaves_and_nothing_else() {
        let ca = Authority::generate(now()).unwrap();
        let der = CertificateDer::from_pem_slice(ca.certificate.as_bytes()).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        let constraints = parsed.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        assert_eq!(constraints.value.path_len_constraint, Some(0));
        let usage = parsed.key_usage().unwrap().unwrap().value;
        assert!(usage.key_cert_sign());
        assert!(!usage.digital_signature());
        let life = Validity::of_der(&der).unwrap();
        assert!(life.not_after.duration_since(now()).as_hours() >= 365 * 24);
    }

    #[test]
    fn a_key_of_another_ca_is_refused() {
        let ca = Pair {
            certificate: Authority::generate(now()).unwrap().certificate,
            key: Authority::generate(now()).unwrap().key,
        };
        assert!(matches!(Authority::load(&ca), Err(Error::KeyMismatch)));
    }
}
