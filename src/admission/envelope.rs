//! The outside of an AdmissionReview: read without opening the objects, and answered.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::violation::{Reason, Violation};
use crate::api::GROUP;
use crate::conversion::cursor::{Broken, Cursor, Place};

/// Managers whose fields are kept to compare others with: as many as an object has, and no more, since each of the
/// others is compared with all of them.
const MOST_KNOWN: usize = 8;

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
#[derive(Debug)]
pub(super) struct Review<'a> {
    pub api_version: Cow<'a, str>,
    pub request: Request<'a>,
}

/// What is asked.
#[expect(clippy::struct_field_names, reason = "the names are Kubernetes'")]
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub uid: Cow<'a, str>,
    pub kind: GroupVersionKind<'a>,
    pub request_kind: Option<GroupVersionKind<'a>>,
    pub sub_resource: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
    pub namespace: Option<Cow<'a, str>>,
    pub operation: Cow<'a, str>,
    /// The name of the user who asks.
    pub user: Option<Cow<'a, str>>,
    pub object: Option<Head<'a>>,
    pub old_object: Option<Head<'a>>,
}

/// What kind of object.
#[derive(Debug)]
pub(super) struct GroupVersionKind<'a> {
    pub group: Cow<'a, str>,
    pub version: Cow<'a, str>,
    pub kind: Cow<'a, str>,
}

/// An object: the text of its parts, and what is looked at of its metadata.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    /// All of it.
    pub text: &'a str,
    pub metadata: Metadata<'a>,
    pub spec: Option<&'a str>,
    pub status: Option<&'a str>,
}

/// The part of an object's metadata that is looked at.
#[derive(Debug, Default)]
pub(super) struct Metadata<'a> {
    pub name: Option<Cow<'a, str>>,
    pub generate_name: Option<Cow<'a, str>>,
    /// Whether the object is being deleted.
    pub deleting: bool,
    annotations: Option<&'a str>,
    finalizers: Option<&'a str>,
    /// The first few, which nobody judges: they are most of an object, and most of them are the same before and after.
    managed_fields: Vec<&'a str>,
}

impl Metadata<'_> {
    /// The value of one annotation.
    pub fn annotation(&self, name: &str) -> Option<String> {
        let annotations: serde_json::Map<String, serde_json::Value> = serde_json::from_str(self.annotations?).ok()?;
        annotations.get(name)?.as_str().map(str::to_owned)
    }

    /// The finalizers; `None` when the list is not there at all.
    pub fn finalizers(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.finalizers?).ok()
    }
}

/// Reads the outside of a review.
pub(super) fn parse(body: &[u8]) -> Result<Review<'_>, NotAReview> {
    let text = simdutf8::compat::from_utf8(body).map_err(|error| NotAReview::Parse(error.to_string()))?;
    let (mut api_version, mut kind, mut request) = (Place::of("apiVersion"), Place::of("kind"), Place::of("request"));
    let mut json = Cursor::new(text);
    let is_object = json.object(|name, json| match &*name {
        "apiVersion" => api_version.put(json.string(&name)?),
        "kind" => kind.put(json.string(&name)?),
        "request" => request.put(request_of(json)?),
        _ => json.skip(),
    })?;
    if !is_object || !json.is_at_end() {
        return Err(NotAReview::Parse("it is not one JSON object".to_owned()));
    }
    match kind.needed()? {
        kind if kind == "AdmissionReview" => {}
        kind => return Err(NotAReview::Kind(kind.into_owned())),
    }
    Ok(Review { api_version: api_version.needed()?, request: request.needed()? })
}

/// Reads the outside of an object.
pub(super) fn head(object: &str) -> Result<Head<'_>, NotAReview> {
    head_of(&mut Cursor::new(object), "object", None)?.ok_or(NotAReview::Missing("object"))
}

fn request_of<'a>(json: &mut Cursor<'a>) -> Result<Option<Request<'a>>, Broken> {
    let (mut uid, mut kind, mut operation) = (Place::of("uid"), Place::of("kind"), Place::of("operation"));
    let (mut object, mut old_object) = (Place::of("object"), Place::of("oldObject"));
    let (mut request_kind, mut sub_resource) = (Place::of("requestKind"), Place::of("subResource"));
    let (mut name, mut namespace, mut user) = (Place::of("name"), Place::of("namespace"), Place::of("userInfo"));
    let is_object = json.object_or_null("request", |key, json| match &*key {
        "uid" => uid.put(json.string(&key)?),
        "kind" => kind.put(kind_of(json, &key)?),
        "requestKind" => request_kind.put(kind_of(json, &key)?),
        "subResource" => sub_resource.put(json.string(&key)?),
        "name" => name.put(json.string(&key)?),
        "namespace" => namespace.put(json.string(&key)?),
        "operation" => operation.put(json.string(&key)?),
        "userInfo" => user.put(user_of(json)?),
        "object" => object.put(head_of(json, &key, None)?),
        "oldObject" => old_object.put(head_of(json, &key, object.value.as_ref())?),
        _ => json.skip(),
    })?;
    if !is_object {
        return Ok(None);
    }
    Ok(Some(Request {
        uid: uid.needed()?,
        kind: kind.needed()?,
        request_kind: request_kind.value,
        sub_resource: sub_resource.value,
        name: name.value,
        namespace: namespace.value,
        operation: operation.needed()?,
        user: user.value,
        object: object.value,
        old_object: old_object.value,
    }))
}

fn kind_of<'a>(json: &mut Cursor<'a>, of: &str) -> Result<Option<GroupVersionKind<'a>>, Broken> {
    let (mut group, mut version, mut kind) = (Place::of("group"), Place::of("version"), Place::of("kind"));
    let is_object = json.object_or_null(of, |key, json| match &*key {
        "group" => group.put(json.string(&key)?),
        "version" => version.put(json.string(&key)?),
        "kind" => kind.put(json.string(&key)?),
        _ => json.skip(),
    })?;
    if !is_object {
        return Ok(None);
    }
    Ok(Some(GroupVersionKind { group: group.needed()?, version: version.needed()?, kind: kind.needed()? }))
}

fn user_of<'a>(json: &mut Cursor<'a>) -> Result<Option<Cow<'a, str>>, Broken> {
    let mut name = Place::of("username");
    json.object_or_null(
        "userInfo",
        |key, json| if key == "username" { name.put(json.string(&key)?) } else { json.skip() },
    )?;
    Ok(name.value)
}

/// Reads the outside of an object, which is for the most part like the one that was read before, if any was.
fn head_of<'a>(json: &mut Cursor<'a>, of: &str, like: Option<&Head<'a>>) -> Result<Option<Head<'a>>, Broken> {
    let (mut metadata, mut spec, mut status) = (Place::of("metadata"), Place::of("spec"), Place::of("status"));
    let from = json.clone();
    let is_object = json.object_or_null(of, |key, json| match &*key {
        "metadata" => metadata.put(Some(metadata_of(json, like.map(|like| &like.metadata))?)),
        "spec" => spec.put(part(json, like.and_then(|like| like.spec))?),
        "status" => status.put(part(json, like.and_then(|like| like.status))?),
        _ => json.skip(),
    })?;
    let metadata = metadata.value.unwrap_or_default();
    let head = Head { text: from.until(json), metadata, spec: spec.value, status: status.value };
    Ok(is_object.then_some(head))
}

fn metadata_of<'a>(json: &mut Cursor<'a>, like: Option<&Metadata<'a>>) -> Result<Metadata<'a>, Broken> {
    let mut metadata = Metadata::default();
    json.object_or_null("metadata", |key, json| {
        match &*key {
            "name" => metadata.name = json.string(&key)?,
            "generateName" => metadata.generate_name = json.string(&key)?,
            "deletionTimestamp" => metadata.deleting = part(json, None)?.is_some(),
            "annotations" => metadata.annotations = part(json, like.and_then(|like| like.annotations))?,
            "finalizers" => metadata.finalizers = part(json, None)?,
            "managedFields" => {
                let known = like.map(|like| &*like.managed_fields).unwrap_or_default();
                json.list(|json| {
                    let field = json.value_like(known.iter().copied())?;
                    if metadata.managed_fields.len() < MOST_KNOWN {
                        metadata.managed_fields.push(field);
                    }
                    Ok(())
                })?;
            }
            _ => json.skip()?,
        }
        Ok(())
    })?;
    Ok(metadata)
}

/// The text of a value that is not null, and probably like another.
fn part<'a>(json: &mut Cursor<'a>, like: Option<&str>) -> Result<Option<&'a str>, Broken> {
    Ok(Some(json.value_like(like)?).filter(|text| *text != "null"))
}

impl From<Broken> for NotAReview {
    fn from(broken: Broken) -> Self {
        Self::Parse(broken.to_string())
    }
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
