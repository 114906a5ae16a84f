//! The one TLS configuration of the process.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::Resolver;

/// The TLS configuration cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client CA file holds no usable certificate.
    #[error("the client CA file must hold PEM certificates: {0}")]
    ClientCa(String),
    /// The cryptography library refuses the protocol versions.
    #[error("TLS 1.2 and 1.3 are not available: {0}")]
    Protocol(#[source] rustls::Error),
}

/// TLS 1.2 and 1.3, HTTP/2 and 1.1, certificate from the resolver.
///
/// With `client_ca` (PEM) a certificate that a client presents must chain to it. The handshake of a client that
/// presents none succeeds: the server answers it 403, which says more than an aborted handshake.
pub fn server_config(resolver: Arc<Resolver>, client_ca: Option<&[u8]>) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(Error::Protocol)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(pem)?), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| Error::ClientCa(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots(pem: &[u8]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| Error::ClientCa(error.to_string()))?;
        roots.add(certificate).map_err(|error| Error::ClientCa(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(Error::ClientCa("it holds none".to_owned()));
    }
    Ok(roots)
}
