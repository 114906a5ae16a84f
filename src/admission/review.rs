//! From the bytes of an AdmissionReview to the bytes of its answer.

use std::borrow::Cow;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::{Value, json};

use super::context::Context;
use super::deletion;
use super::envelope::{self, Decision, Head, NotAReview, Request};
use super::judge::{Change, Judged, Text, judge};
use super::subject::Kind;
use super::validation::State;
use super::violation::Findings;
use crate::api::crds::Version;
use crate::api::{GROUP, labels};
use crate::conversion::{self, path_in_v1alpha1};

/// Answers a mutating review: fills in what the manifest leaves open, or refuses with everything that is wrong.
pub fn mutate(body: &[u8], ctx: &Context<'_>) -> Result<Vec<u8>, NotAReview> {
    let review = envelope::parse(body)?;
    let mut decision = Decision::default();
    let mut name = Cow::default();
    let own = ctx.settings.operator_user.as_deref();
    let user = review.request.user_info.as_ref().and_then(|user| user.username.as_deref());
    let is_own = own.is_some() && own == user;
    // A patch is laid on the version that came in, and only v1 is registered.
    if let Some(kind) = judged_kind(&review.request).filter(|_| !is_own && review.request.kind.version == "v1") {
        let incoming = Incoming::read(kind, &review.request)?;
        decision = incoming.mutate(*ctx);
        name = Cow::Owned(incoming.name.into_owned());
    }
    Ok(envelope::answer(&review, &decision, &name))
}

/// Answers a validating review: the object as it will be stored is judged once more, and warnings are given.
pub fn validate(body: &[u8], ctx: &Context<'_>) -> Result<Vec<u8>, NotAReview> {
    let review = envelope::parse(body)?;
    let request = &review.request;
    let Some(kind) = judged_kind(request) else {
        return Ok(envelope::answer(&review, &Decision::default(), ""));
    };
    // The existing operator's registration sends v1alpha1 as it is.
    let as_v1 = |object: Option<&serde_json::value::RawValue>| {
        let mut object = serde_json::from_str(object?.get()).ok()?;
        conversion::to_v1(&mut object, kind.name());
        serde_json::to_string(&object).ok()
    };
    let converted = (request.kind.version == "v1alpha1").then(|| (as_v1(request.object), as_v1(request.old_object)));
    let incoming = match &converted {
        Some((object, old)) => Incoming::of(kind, request, object.as_deref(), old.as_deref())?,
        None => Incoming::read(kind, request)?,
    };
    let decision = incoming.validate(*ctx);
    Ok(envelope::answer(&review, &decision, &incoming.name))
}

/// The kind to judge; `None` lets the request pass untouched.
fn judged_kind(request: &Request<'_>) -> Option<Kind> {
    let written = matches!(&*request.operation, "CREATE" | "UPDATE");
    let whole = request.sub_resource.as_deref().unwrap_or_default().is_empty();
    let ours = request.kind.group == GROUP && matches!(&*request.kind.version, "v1" | "v1alpha1");
    if written && whole && ours { Kind::parse(&request.kind.kind) } else { None }
}

/// A request to judge.
struct Incoming<'a> {
    kind: Kind,
    sent_as: Version,
    name: Cow<'a, str>,
    generated: bool,
    namespace: &'a str,
    object: Head<'a>,
    old: Option<Head<'a>>,
}

impl<'a> Incoming<'a> {
    fn read(kind: Kind, request: &'a Request<'a>) -> Result<Self, NotAReview> {
        let text = |raw: Option<&'a serde_json::value::RawValue>| raw.map(serde_json::value::RawValue::get);
        Self::of(kind, request, text(request.object), text(request.old_object))
    }

    fn of(
        kind: Kind,
        request: &'a Request<'a>,
        object: Option<&'a str>,
        old: Option<&'a str>,
    ) -> Result<Self, NotAReview> {
        let object = envelope::head(object.ok_or(NotAReview::Missing("object"))?)?;
        let named = request.name.as_deref().filter(|name| !name.is_empty());
        let old = match (&*request.operation, old) {
            ("UPDATE", None) => return Err(NotAReview::Missing("oldObject")),
            ("UPDATE", Some(old)) => Some(envelope::head(old)?),
            _ => None,
        };
        let sent = request.request_kind.as_ref().unwrap_or(&request.kind);
        let sent_as = if sent.version == "v1alpha1" { Version::V1Alpha1 } else { Version::V1 };
        Ok(Self {
            kind,
            sent_as,
            // A name that the API server is yet to make has its beginning in the object.
            name: named.map_or_else(
                || {
                    object
                        .metadata
                        .name
                        .as_ref()
                        .or(object.metadata.generate_name.as_ref())
                        .cloned()
                        .unwrap_or_default()
                },
                Cow::Borrowed,
            ),
            generated: object.metadata.name.is_none() && object.metadata.generate_name.is_some(),
            namespace: request.namespace.as_deref().unwrap_or_default(),
            object,
            old,
        })
    }

    /// The object as it came, or with what its author left open; refused with everything that is wrong.
    fn mutate(&self, ctx: Context<'_>) -> Decision {
        if let Some(old) = self.leaving() {
            return self.decide(self.judge_leaving(old), Vec::new());
        }
        let sent = raw(&self.object);
        let spec = self.as_meant(&sent);
        let judged =
            self.judge(spec.as_ref().map_or(Text::Raw(text(&self.object)), |spec| Text::Tree(spec.clone())), true, ctx);
        let mut patch = Vec::new();
        if let Some(meant) = judged.defaulted.or(spec) {
            patch = json_patch::diff(&json!({"spec": sent}), &json!({"spec": meant})).0;
        }
        patch.extend(self.finalizer());
        self.decide(Findings { warnings: Vec::new(), ..judged.findings }, patch)
    }

    /// The object as it will be stored.
    fn validate(&self, ctx: Context<'_>) -> Decision {
        if let Some(old) = self.leaving() {
            return self.decide(self.judge_leaving(old), Vec::new());
        }
        let judged = self.judge(Text::Raw(text(&self.object)), false, ctx);
        self.decide(judged.findings, Vec::new())
    }

    /// The object before, if it is being deleted.
    fn leaving(&self) -> Option<&Head<'a>> {
        self.old.as_ref().filter(|old| old.metadata.deletion_timestamp.is_some_and(|time| time.get() != "null"))
    }

    fn judge_leaving(&self, old: &Head<'_>) -> Findings {
        let mut findings = Findings::default();
        let spec = |head: &Head<'_>| self.kind.parse_spec(text(head));
        match (spec(old), spec(&self.object)) {
            (Ok(old), Ok(new)) => deletion::judge_spec(&old, &new, &mut findings),
            _ => deletion::judge_raw(&raw(old), &raw(&self.object), &mut findings),
        }
        let confirmation = |head: &Head<'_>| head.metadata.annotation(labels::CONFIRM_DELETE);
        let (before, now) = (confirmation(old), confirmation(&self.object));
        deletion::judge_confirmation(before.as_deref(), now.as_deref(), &mut findings);
        findings
    }

    /// The spec with what a v1alpha1 client could not say: what it dropped, and what its API means by a deletion.
    /// `None` if the object says it all.
    fn as_meant(&self, sent: &Value) -> Option<Value> {
        if self.sent_as == Version::V1 || !sent.is_object() {
            return None;
        }
        let mut object = json!({"spec": sent});
        if let Some(old) = &self.old {
            conversion::restore_dropped(&json!({"spec": raw(old)}), &mut object, self.kind.name());
        } else if self.kind == Kind::Instance && sent.get("deletionPolicy").is_none() {
            object["spec"]["deletionPolicy"] = json!("Delete");
        }
        let meant = object["spec"].take();
        (meant != *sent).then_some(meant)
    }

    fn judge(&self, spec: Text<'_>, defaults: bool, ctx: Context<'_>) -> Judged {
        // The object's own status came with this very request and may be anything; what holds is what was stored.
        let state = self.old.as_ref().and_then(|old| serde_json::from_str::<State>(old.status?.get()).ok());
        let change = Change {
            kind: self.kind,
            name: &self.name,
            generated: self.generated,
            namespace: self.namespace,
            sent_as: self.sent_as,
            spec,
            old: self.old.as_ref().map(|old| Text::Raw(text(old))),
            state: state.unwrap_or_default(),
            defaults,
        };
        judge(&change, ctx)
    }

    /// A new instance holds its finalizer from the beginning: no moment is left in which it could vanish unseen.
    fn finalizer(&self) -> Option<PatchOperation> {
        if self.kind != Kind::Instance || self.old.is_some() {
            return None;
        }
        let (path, value) = match self.object.metadata.finalizers() {
            Some(all) if all.iter().any(|finalizer| finalizer == labels::INSTANCE_FINALIZER) => return None,
            Some(_) => (["metadata", "finalizers", "-"].as_slice(), json!(labels::INSTANCE_FINALIZER)),
            None => (["metadata", "finalizers"].as_slice(), json!([labels::INSTANCE_FINALIZER])),
        };
        Some(PatchOperation::Add(AddOperation { path: PointerBuf::from_tokens(path.iter().copied()), value }))
    }

    /// Findings at the paths that the user wrote.
    fn decide(&self, findings: Findings, patch: Vec<PatchOperation>) -> Decision {
        let sent = |path: String| match self.sent_as {
            Version::V1 => path,
            Version::V1Alpha1 => path_in_v1alpha1(self.kind.name(), &path),
        };
        let mut violations = findings.violations;
        for violation in &mut violations {
            violation.path = sent(std::mem::take(&mut violation.path));
        }
        let warnings =
            findings.warnings.into_iter().map(|warning| format!("{}: {}", sent(warning.path), warning.message));
        let patch = (!patch.is_empty()).then_some(Patch(patch));
        Decision { violations, warnings: warnings.collect(), patch }
    }
}

fn text<'a>(head: &Head<'a>) -> &'a str {
    head.spec.map_or("null", serde_json::value::RawValue::get)
}

fn raw(head: &Head<'_>) -> Value {
    serde_json::from_str(text(head)).unwrap_or(Value::Null)
}
