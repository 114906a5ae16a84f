//! Source `files`: certificate and key from mounted files, as cert-manager writes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::pki::Validity;
use super::{Resolver, Served, Source};

/// The certificate files cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate file holds no certificate.
    #[error("{0} must hold a PEM certificate chain, leaf first")]
    Certificate(PathBuf),
    /// The key file holds no key.
    #[error("{0} must hold a PEM private key (PKCS #8, PKCS #1 or SEC 1)")]
    Key(PathBuf),
    /// The two do not fit.
    #[error("{key} is not the key of the certificate in {certificate}: {source}")]
    Mismatch {
        /// The key file.
        key: PathBuf,
        /// The certificate file.
        certificate: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// The files to serve from.
#[derive(Clone, Debug)]
pub struct Files {
    /// PEM chain, leaf first (`tls.crt`).
    pub certificate: PathBuf,
    /// PEM private key (`tls.key`).
    pub key: PathBuf,
    /// PEM bundle to put into `caBundle` (`ca.crt`). None leaves that to somebody else.
    pub ca: Option<PathBuf>,
    /// How often the files' content is looked at.
    pub interval: Duration,
}

/// Content of the files and its hash.
struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
    ca: Option<String>,
    hash: [u8; 32],
}

impl Files {
    /// Loads the files (an error here is final) and follows their content until `shutdown`; from then on what is
    /// broken is logged and the last good certificate kept.
    pub async fn start(self, shutdown: CancellationToken) -> Result<Source, Error> {
        let content = self.read().await?;
        let resolver = Arc::new(Resolver::new(self.parse(&content)?));
        let (sender, receiver) = watch::channel(content.ca.clone().unwrap_or_default());
        let source = Source { resolver: Arc::clone(&resolver), ca: self.ca.is_some().then_some(receiver) };
        tokio::spawn(async move {
            let follow = self.follow(content.hash, &resolver, &sender);
            shutdown.run_until_cancelled(follow).await;
        });
        Ok(source)
    }

    async fn follow(&self, mut hash: [u8; 32], resolver: &Resolver, ca: &watch::Sender<String>) {
        let mut broken = None;
        loop {
            tokio::time::sleep(self.interval).await;
            let loaded = match self.read().await {
                Ok(content) if content.hash == hash => continue,
                Ok(content) => self.parse(&content).map(|served| (content, served)),
                Err(error) => Err(error),
            };
            match loaded {
                Ok((content, served)) => {
                    // Trust first, then serve.
                    if let Some(bundle) = content.ca {
                        ca.send_replace(bundle);
                    }
                    tracing::info!(not_after = %served.validity.not_after, "serving certificate read again");
                    resolver.replace(served);
                    hash = content.hash;
                    broken = None;
                }
                Err(error) => {
                    let message = error.to_string();
                    if broken.as_ref() != Some(&message) {
                        tracing::error!(error = message, "certificate files are not usable; serving on with the last");
                        broken = Some(message);
                    }
                }
            }
        }
    }

    async fn read(&self) -> Result<Content, Error> {
        let certificate = read(&self.certificate).await?;
        let key = read(&self.key).await?;
        let ca = match &self.ca {
            Some(path) => Some(String::from_utf8(read(path).await?).map_err(|_| Error::Certificate(path.clone()))?),
            None => None,
        };
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [&certificate[..], &key, ca.as_deref().unwrap_or_default().as_bytes()] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Ok(Content { certificate, key, ca, hash })
    }

    fn parse(&self, content: &Content) -> Result<Served, Error> {
        let no_certificate = || Error::Certificate(self.certificate.clone());
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&content.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| no_certificate())?;
        let validity = chain.first().and_then(|leaf| Validity::of_der(leaf)).ok_or_else(no_certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&content.key).map_err(|_| Error::Key(self.key.clone()))?;
        let certified =
            CertifiedKey::from_der(chain, key, &rustls::crypto::aws_lc_rs::default_provider()).map_err(|source| {
                Error::Mismatch { key: self.key.clone(), certificate: self.certificate.clone(), source }
            })?;
        Ok(Served { key: Arc::new(certified), validity })
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, Error> {
    tokio::fs::read(path).await.map_err(|source| Error::Read { path: path.to_owned(), source })
}
