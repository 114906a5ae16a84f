//! The source `files`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use odoo_operator::tls::authority::Authority;
use odoo_operator::tls::{Files, Source};
use rcgen::{CertificateParams, KeyPair};
use tokio_util::sync::CancellationToken;

use super::support::PATIENCE;

fn files(folder: &Path) -> Files {
    Files {
        certificate: folder.join("tls.crt"),
        key: folder.join("tls.key"),
        ca: Some(folder.join("ca.crt")),
        interval: Duration::from_millis(20),
    }
}

/// Writes a certificate that ends with this year.
fn write(folder: &Path, year: i32) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 12, 31);
    fs::write(folder.join("tls.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    fs::write(folder.join("ca.crt"), Authority::generate(Timestamp::now()).unwrap().certificate).unwrap();
}

fn year(source: &Source) -> i16 {
    source.resolver.validity().not_after.to_zoned(TimeZone::UTC).year()
}

#[tokio::test]
async fn new_files_are_served_and_broken_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 2031);
    let shutdown = CancellationToken::new();
    let source = files(folder.path()).start(shutdown.clone()).await.unwrap();
    assert_eq!(year(&source), 2031);
    let mut ca = source.ca.clone().unwrap();
    assert_eq!(*ca.borrow_and_update(), fs::read_to_string(folder.path().join("ca.crt")).unwrap());

    // Ten looks at broken files, and the last good certificate stays.
    fs::write(folder.path().join("tls.key"), "rubbish").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(year(&source), 2031);

    write(folder.path(), 2032);
    tokio::time::timeout(PATIENCE, ca.changed()).await.expect("the new files are not read").unwrap();
    let served = async {
        while year(&source) != 2032 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, served).await.expect("the new certificate is not served");
    shutdown.cancel();
}

#[tokio::test]
async fn files_that_cannot_be_served_at_the_start_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || files(folder.path()).start(CancellationToken::new()).await.unwrap_err().to_string();
    assert!(start().await.contains("tls.crt"));
    write(folder.path(), 2031);
    let certificate = fs::read(folder.path().join("tls.crt")).unwrap();
    write(folder.path(), 2032);
    fs::write(folder.path().join("tls.crt"), certificate).unwrap();
    let error = start().await;
    assert!(error.contains("tls.key") && error.contains("not the key"), "{error}");
    fs::write(folder.path().join("tls.crt"), "rubbish").unwrap();
    assert!(start().await.contains("must hold a PEM certificate"));
}
