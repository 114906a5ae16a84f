//! The outside of an AdmissionReview: read without opening the objects, and answered.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::violation::{Reason, Violation};
use crate::api::GROUP;

/// The body is no AdmissionReview with a request, so there is nobody to answer to: HTTP 400.
#[derive(Debug, thiserror::Error)]
pub enum NotAReview {
    /// Not JSON in UTF-8, or not the shape of an AdmissionReview.
    #[error("not an AdmissionReview: {0}")]
    Parse(String),
    /// JSON of another kind.
    #[error("not an AdmissionReview: kind is {0:?}, expected \"AdmissionReview\"")]
    Kind(String),
    /// A request to judge an object that does not carry it.
    #[error("not an AdmissionReview: request.{0} is missing")]
    Missing(&'static str),
}

/// A review with a request.
#[derive(Debug, Deserialize)]
pub(super) struct Review<'a> {
    #[serde(rename = "apiVersion", borrow)]
    pub api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    pub request: Request<'a>,
}

/// What is asked.
#[expect(clippy::struct_field_names, reason = "the names are Kubernetes'")]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    #[serde(borrow)]
    pub kind: GroupVersionKind<'a>,
    #[serde(borrow)]
    pub request_kind: Option<GroupVersionKind<'a>>,
    #[serde(borrow)]
    pub sub_resource: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub namespace: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub operation: Cow<'a, str>,
    #[serde(borrow)]
    pub user_info: Option<UserInfo<'a>>,
    #[serde(borrow)]
    pub object: Option<Head<'a>>,
    #[serde(borrow)]
    pub old_object: Option<Head<'a>>,
}

/// What kind of object.
#[derive(Debug, Deserialize)]
pub(super) struct GroupVersionKind<'a> {
    #[serde(borrow)]
    pub group: Cow<'a, str>,
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
}

/// Who asks.
#[derive(Debug, Deserialize)]
pub(super) struct UserInfo<'a> {
    #[serde(borrow)]
    pub username: Option<Cow<'a, str>>,
}

/// The top level of an object.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow, default)]
    pub metadata: Metadata<'a>,
    #[serde(borrow)]
    pub spec: Option<&'a RawValue>,
    #[serde(borrow)]
    pub status: Option<&'a RawValue>,
}

/// The part of an object's metadata that is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub generate_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub deletion_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    pub annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub finalizers: Option<&'a RawValue>,
}

impl Metadata<'_> {
    /// The value of one annotation.
    pub fn annotation(&self, name: &str) -> Option<String> {
        let annotations: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(self.annotations?.get()).ok()?;
        annotations.get(name)?.as_str().map(str::to_owned)
    }

    /// The finalizers; `None` when the list is not there at all.
    pub fn finalizers(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.finalizers?.get()).ok()
    }
}

/// Reads the outside of a review.
pub(super) fn parse(body: &[u8]) -> Result<Review<'_>, NotAReview> {
    let text = std::str::from_utf8(body).map_err(|error| NotAReview::Parse(error.to_string()))?;
    let review: Review<'_> = serde_json::from_str(text).map_err(|error| NotAReview::Parse(error.to_string()))?;
    if review.kind == "AdmissionReview" { Ok(review) } else { Err(NotAReview::Kind(review.kind.into_owned())) }
}

/// Reads the top level of an object.
pub(super) fn head(object: &str) -> Result<Head<'_>, NotAReview> {
    serde_json::from_str(object).map_err(|error| NotAReview::Parse(error.to_string()))
}

/// The objects of a review, whole. [`parse`] goes through the body once and keeps only what is judged.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Objects<'a> {
    #[serde(borrow)]
    pub object: Option<&'a RawValue>,
    #[serde(borrow)]
    pub old_object: Option<&'a RawValue>,
}

/// Reads the objects of a review that has been parsed.
pub(super) fn objects(body: &[u8]) -> Result<Objects<'_>, NotAReview> {
    #[derive(Deserialize)]
    struct Whole<'a> {
        #[serde(borrow)]
        request: Objects<'a>,
    }
    let whole: Whole<'_> = serde_json::from_slice(body).map_err(|error| NotAReview::Parse(error.to_string()))?;
    Ok(whole.request)
}

/// What is answered.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// What is wrong; nothing of it allows the request.
    pub violations: Vec<Violation>,
    /// What the user should know all the same.
    pub warnings: Vec<String>,
    /// Changes to the object.
    pub patch: Option<json_patch::Patch>,
}

/// The answer to `review`, as bytes. Paths in `decision` are those that the user wrote.
pub(super) fn answer(review: &Review<'_>, decision: &Decision, name: &str) -> Vec<u8> {
    let denied = !decision.violations.is_empty();
    let kind = &review.request.kind.kind;
    let patch = decision.patch.as_ref().filter(|patch| !denied && !patch.0.is_empty());
    let answer = Answer {
        api_version: &review.api_version,
        kind: "AdmissionReview",
        response: Response {
            uid: &review.request.uid,
            allowed: !denied,
            status: denied.then(|| invalid(kind, name, &decision.violations)),
            patch_type: patch.map(|_| "JSONPatch"),
            patch: patch
                .map(|patch| STANDARD.encode(serde_json::to_vec(patch).expect("a patch is JSON with string keys"))),
            warnings: &decision.warnings,
        },
    };
    serde_json::to_vec(&answer).expect("an answer is JSON with string keys")
}

/// What Kubernetes itself says of an invalid object. kubectl prints the causes; Helm, Argo CD and client-go only the
/// message, so everything stands there too.
fn invalid<'a>(kind: &'a str, name: &'a str, violations: &'a [Violation]) -> Status<'a> {
    let causes: Vec<Cause<'_>> = violations
        .iter()
        .map(|violation| Cause {
            reason: violation.reason.as_str(),
            message: format!("{}: {}", label(violation.reason), violation.message),
            field: &violation.path,
        })
        .collect();
    let list: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    let list = if let [one] = list.as_slice() { one.clone() } else { format!("[{}]", list.join(", ")) };
    Status {
        status: "Failure",
        code: 422,
        reason: "Invalid",
        message: format!("{kind}.{GROUP} \"{name}\" is invalid: {list}"),
        details: Details { name, group: GROUP, kind, causes },
    }
}

/// How Kubernetes begins the message of a cause.
fn label(reason: Reason) -> &'static str {
    match reason {
        Reason::Invalid | Reason::TypeInvalid => "Invalid value",
        Reason::Required => "Required value",
        Reason::Duplicate => "Duplicate value",
        Reason::Forbidden => "Forbidden",
        Reason::NotSupported => "Unsupported value",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    api_version: &'a str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

#[expect(clippy::struct_field_names, reason = "the names are Kubernetes'")]
#[derive(Serialize)]
struct Status<'a> {
    status: &'static str,
    message: String,
    reason: &'static str,
    code: u16,
    details: Details<'a>,
}

#[derive(Serialize)]
struct Details<'a> {
    name: &'a str,
    group: &'static str,
    kind: &'a str,
    causes: Vec<Cause<'a>>,
}

#[derive(Serialize)]
struct Cause<'a> {
    reason: &'static str,
    message: String,
    field: &'a str,
}
