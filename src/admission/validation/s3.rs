//! Rule 24: where backups are.

use super::Case;
use crate::admission::subject::Kind;
use crate::admission::violation::{Findings, quoted};
use crate::api::v1::S3Location;

/// Bucket, key and endpoint are legal.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    let template = case.spec.kind() == Kind::BackupSchedule;
    for (path, location) in case.spec.s3_locations() {
        let S3Location { bucket, object_key, endpoint, .. } = location;
        if !is_bucket(bucket) {
            let message = format!("{} is no bucket name: 3 to 63 letters, digits, . - _", quoted(bucket));
            findings.invalid(format!("{path}.bucket"), message);
        }
        if let Err(problem) = key(object_key, template) {
            findings.invalid(format!("{path}.objectKey"), format!("{} {problem}", quoted(object_key)));
        }
        // The URL may hold a password: it is not repeated.
        if let Err(problem) = check_endpoint(endpoint) {
            findings.invalid(format!("{path}.endpoint"), problem);
        }
    }
}

fn is_bucket(bucket: &str) -> bool {
    let end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = bucket.as_bytes();
    (3..=63).contains(&bytes.len())
        && end(bytes.first())
        && end(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(byte))
}

fn key(key: &str, template: bool) -> Result<(), String> {
    if key.is_empty() {
        return Err("is empty; name the object, such as shop/backup.zip".to_owned());
    }
    if key.len() > 1024 {
        return Err("has more than 1024 bytes, the limit of S3; shorten it".to_owned());
    }
    if key.starts_with('/') {
        return Err("begins with /; leave it out".to_owned());
    }
    if key.ends_with('/') {
        return Err("ends with /; name the object, not a folder".to_owned());
    }
    if key.split('/').any(|segment| segment == "..") {
        return Err("has a .. segment; write the whole key".to_owned());
    }
    if key.chars().any(char::is_control) {
        return Err("has a control character; remove it".to_owned());
    }
    if template {
        let rest = ["{namespace}", "{name}", "{timestamp}"].iter().fold(key.to_owned(), |key, it| key.replace(it, ""));
        if rest.contains(['{', '}']) {
            return Err("may hold {namespace}, {name} and {timestamp}, and no other braces".to_owned());
        }
    }
    Ok(())
}

fn check_endpoint(endpoint: &str) -> Result<(), &'static str> {
    let example = "is no URL; write it like https://s3.example.com";
    let url = url::Url::parse(endpoint).map_err(|_| example)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(example);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or a password; use s3CredentialsSecretRef");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or fragment; write scheme, host and port");
    }
    Ok(())
}
