//! From the body of a ConversionReview to the body of its answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::table::KINDS;
use super::tree::{Node, Object};
use super::{rows_to_v1, rows_to_v1alpha1};
use crate::api::GROUP;
use crate::api::crds::Version;

/// The body is no ConversionReview with a request, so there is nobody to answer to: HTTP 400.
#[derive(Debug, thiserror::Error)]
pub enum NotAReview {
    /// Not JSON in UTF-8, or not the shape of a ConversionReview.
    #[error("not a ConversionReview: {0}")]
    Parse(String),
    /// JSON of another kind.
    #[error("not a ConversionReview: kind is {0:?}, expected \"ConversionReview\"")]
    Kind(String),
}

#[derive(Deserialize)]
struct Review<'a> {
    #[serde(borrow, rename = "apiVersion")]
    api_version: &'a RawValue,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    request: Request<'a>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    uid: &'a RawValue,
    #[serde(borrow, rename = "desiredAPIVersion")]
    desired: Cow<'a, str>,
    /// An empty list may come as `null`: it is a Go slice.
    #[serde(borrow)]
    objects: Option<Vec<&'a RawValue>>,
}

/// Converts every object of the review in `body`, in their order; all or none.
///
/// Of one object at a time only the top level, `spec` and the mapped status fields are opened; everything else is
/// copied as bytes, so the answer is about as large as the body and the only other large thing in memory.
pub fn convert(body: &[u8]) -> Result<Vec<u8>, NotAReview> {
    let text = std::str::from_utf8(body).map_err(|error| NotAReview::Parse(error.to_string()))?;
    let review: Review<'_> = serde_json::from_str(text).map_err(|error| NotAReview::Parse(error.to_string()))?;
    if review.kind != "ConversionReview" {
        return Err(NotAReview::Kind(review.kind.into_owned()));
    }
    let objects = review.request.objects.unwrap_or_default();
    // What a row may add (names that are longer, an empty password, the original of a phase) is less than this: growing
    // the answer at the end would copy all of it.
    let mut out = Vec::with_capacity(body.len() + 96 * objects.len() + 256);
    out.extend_from_slice(b"{\"apiVersion\":");
    out.extend_from_slice(review.api_version.get().as_bytes());
    out.extend_from_slice(b",\"kind\":\"ConversionReview\",\"response\":{\"uid\":");
    out.extend_from_slice(review.request.uid.get().as_bytes());
    out.extend_from_slice(b",\"convertedObjects\":[");
    let start = out.len();
    match convert_all(&review.request.desired, &objects, &mut out) {
        Ok(()) => out.extend_from_slice(b"],\"result\":{\"status\":\"Success\"}}}"),
        Err(message) => {
            out.truncate(start);
            let result = serde_json::json!({ "status": "Failure", "message": message });
            out.extend_from_slice(format!("],\"result\":{result}}}}}").as_bytes());
        }
    }
    Ok(out)
}

fn convert_all(desired: &str, objects: &[&RawValue], out: &mut Vec<u8>) -> Result<(), String> {
    let desired = version(desired)
        .ok_or_else(|| format!("cannot convert to {desired:?}: this operator knows {GROUP}/v1 and {GROUP}/v1alpha1"))?;
    for (at, raw) in objects.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        convert_one(raw.get(), desired, out).map_err(|reason| format!("{}: {reason}", name(raw.get(), at)))?;
    }
    Ok(())
}

fn version(api_version: &str) -> Option<Version> {
    match api_version.strip_prefix(GROUP)?.strip_prefix('/')? {
        "v1" => Some(Version::V1),
        "v1alpha1" => Some(Version::V1Alpha1),
        _ => None,
    }
}

fn convert_one(raw: &str, desired: Version, out: &mut Vec<u8>) -> Result<(), String> {
    let mut object = Object::parse(raw).ok_or("it is no JSON object")?;
    let api_version = text(&mut object, "apiVersion").ok_or("it has no apiVersion")?;
    let from = version(&api_version).ok_or_else(|| format!("unknown apiVersion {api_version:?}"))?;
    let kind = text(&mut object, "kind").ok_or("it has no kind")?;
    if from == desired {
        out.extend_from_slice(raw.as_bytes());
        return Ok(());
    }
    let kind = KINDS
        .into_iter()
        .find(|known| *known == kind)
        .ok_or_else(|| format!("kind {kind:?} does not exist in both {GROUP}/v1 and {GROUP}/v1alpha1"))?;
    match desired {
        Version::V1 => rows_to_v1(&mut object, kind),
        Version::V1Alpha1 => rows_to_v1alpha1(&mut object, kind),
    }
    object.put(&["apiVersion"], Node::New(format!("\"{GROUP}/{}\"", desired.name())));
    object.write(out);
    Ok(())
}

fn text(object: &mut Object<'_>, key: &str) -> Option<String> {
    object.get(key)?.as_str().map(Cow::into_owned)
}

/// What an object is called in an error.
fn name(raw: &str, at: usize) -> String {
    let Some(mut object) = Object::parse(raw) else { return format!("object {at}") };
    let kind = text(&mut object, "kind").unwrap_or_else(|| format!("object {at}"));
    let of = |object: &mut Object<'_>, key: &'static str| {
        object.at(&["metadata", key]).and_then(|node| node.as_str().map(Cow::into_owned)).unwrap_or_default()
    };
    format!("{kind} {}/{}", of(&mut object, "namespace"), of(&mut object, "name"))
}
