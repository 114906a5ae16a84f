//! From the body of a ConversionReview to the body of its answer.

use std::borrow::Cow;
use std::mem;

use super::envelope;
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

/// Bytes of an answer that are handed on together.
const PIECE: usize = 256 * 1024;

/// Converts every object of the review in `body`, in their order. Hands on the answer in pieces of whole objects as
/// it grows, so that it can be sent meanwhile; the end of it is returned.
///
/// If one object cannot be converted, the answer says so at its end, and the API server takes none, whatever was handed
/// on before. The body is gone through once, and of one object at a time only the top level, `spec` and the
/// mapped status fields are opened; everything else is copied as bytes.
pub fn convert(body: &[u8], piece: &mut dyn FnMut(Vec<u8>)) -> Result<Vec<u8>, NotAReview> {
    let text = simdutf8::compat::from_utf8(body).map_err(|error| NotAReview::Parse(error.to_string()))?;
    // What rows add (names that are longer, an empty password, the original of a phase) is less than an eighth of any
    // stored object.
    let capacity = (body.len() + body.len() / 8 + 256).min(PIECE + PIECE / 8);
    let mut out = Vec::with_capacity(capacity);
    out.extend_from_slice(b"{\"response\":{\"convertedObjects\":[");
    // Where the answer is cut off if an object cannot be converted: what was handed on stays.
    let mut keep = out.len();
    let (mut count, mut outcome) = (0, Ok(()));
    let each = &mut |desired: &str, object: Option<Object<'_>>| {
        if outcome.is_ok() {
            outcome = convert_next(desired, object, count, &mut out);
            if outcome.is_ok() && out.len() >= PIECE {
                piece(mem::replace(&mut out, Vec::with_capacity(capacity)));
                keep = 0;
            }
        }
        count += 1;
    };
    let review = envelope::read(text, each).map_err(|error| NotAReview::Parse(error.to_string()))?;
    if review.kind != "ConversionReview" {
        return Err(NotAReview::Kind(review.kind.into_owned()));
    }
    let result = match outcome.and_then(|()| known(&review.desired)) {
        Ok(_) => serde_json::json!({ "status": "Success" }),
        Err(message) => {
            out.truncate(keep);
            serde_json::json!({ "status": "Failure", "message": message })
        }
    };
    let json = |text: &str| serde_json::Value::from(text);
    let (uid, api_version) = (json(&review.uid), json(&review.api_version));
    let end =
        format!("],\"uid\":{uid},\"result\":{result}}},\"kind\":\"ConversionReview\",\"apiVersion\":{api_version}}}");
    out.extend_from_slice(end.as_bytes());
    Ok(out)
}

fn convert_next(desired: &str, object: Option<Object<'_>>, at: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let desired = known(desired)?;
    let mut object = object.ok_or_else(|| format!("object {at}: it is no JSON object"))?;
    if at > 0 {
        out.push(b',');
    }
    convert_one(&mut object, desired).map_err(|reason| format!("{}: {reason}", name(&mut object, at)))?;
    object.write(out);
    Ok(())
}

fn known(desired: &str) -> Result<Version, String> {
    version(desired)
        .ok_or_else(|| format!("cannot convert to {desired:?}: this operator knows {GROUP}/v1 and {GROUP}/v1alpha1"))
}

fn version(api_version: &str) -> Option<Version> {
    match api_version.strip_prefix(GROUP)?.strip_prefix('/')? {
        "v1" => Some(Version::V1),
        "v1alpha1" => Some(Version::V1Alpha1),
        _ => None,
    }
}

fn convert_one(object: &mut Object<'_>, desired: Version) -> Result<(), String> {
    let api_version = text(object, "apiVersion").ok_or("it has no apiVersion")?;
    let from = version(&api_version).ok_or_else(|| format!("unknown apiVersion {api_version:?}"))?;
    let kind = text(object, "kind").ok_or("it has no kind")?;
    if from == desired {
        return Ok(());
    }
    let kind = KINDS
        .into_iter()
        .find(|known| *known == kind)
        .ok_or_else(|| format!("kind {kind:?} does not exist in both {GROUP}/v1 and {GROUP}/v1alpha1"))?;
    match desired {
        Version::V1 => rows_to_v1(object, kind),
        Version::V1Alpha1 => rows_to_v1alpha1(object, kind),
    }
    object.put(&["apiVersion"], Node::New(format!("\"{GROUP}/{}\"", desired.name())));
    Ok(())
}

fn text(object: &mut Object<'_>, key: &str) -> Option<String> {
    object.get(key)?.as_str().map(Cow::into_owned)
}

/// What an object is called in an error.
fn name(object: &mut Object<'_>, at: usize) -> String {
    let kind = text(object, "kind").unwrap_or_else(|| format!("object {at}"));
    let of = |object: &mut Object<'_>, key: &'static str| {
        object.at(&["metadata", key]).and_then(|node| node.as_str().map(Cow::into_owned)).unwrap_or_default()
    };
    format!("{kind} {}/{}", of(object, "namespace"), of(object, "name"))
}
