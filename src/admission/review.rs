//! From the bytes of an AdmissionReview to the bytes of its answer.

use std::borrow::Cow;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::defaulting;
use super::deletion;
use super::envelope::{self, Decision, Head, NotAReview, Request};
use super::judge::{Change, Judged, Text, judge};
use super::subject::Kind;
use super::validation::State;
use super::violation::{Findings, Reason, Violation};
use crate::api::crds::Version;
use crate::api::{GROUP, labels};
use crate::conversion::{self, path_in_v1alpha1};

/// Values that an object may hold, in all: each takes up to a KiB while it is judged. Those that people write hold some
/// hundred, and their managedFields as many again.
const MOST_VALUES: usize = 50_000;

/// Answers a mutating review: fills in what the manifest leaves open, or refuses with everything that is wrong.
pub fn mutate(body: &[u8], ctx: &Context<'_>) -> Result<Vec<u8>, NotAReview> {
    let review = envelope::parse(body)?;
    let mut decision = Decision::default();
    let mut name = String::new();
    let own = ctx.settings.operator_user.as_deref();
    let user = review.request.user.as_deref();
    let is_own = own.is_some() && own == user;
    // A patch is laid on the version that came in, and only v1 is registered.
    if let Some(kind) = judged_kind(&review.request).filter(|_| !is_own && review.request.kind.version == "v1") {
        let incoming = Incoming::read(kind, &review.request)?;
        decision = excess(&review.request).unwrap_or_else(|| incoming.mutate(*ctx));
        name = incoming.name;
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
    if let Some(decision) = excess(request) {
        let name = request.object.as_ref().and_then(|object| object.metadata.name.as_deref());
        return Ok(envelope::answer(&review, &decision, name.unwrap_or_default()));
    }
    // The existing operator's registration sends v1alpha1 as it is.
    let as_v1 = |head: Option<&Head<'_>>| {
        let mut object = serde_json::from_str(head?.text).ok()?;
        conversion::to_v1(&mut object, kind.name());
        serde_json::to_string(&object).ok()
    };
    let texts = (request.kind.version == "v1alpha1")
        .then(|| (as_v1(request.object.as_ref()), as_v1(request.old_object.as_ref())));
    let heads = match &texts {
        Some((object, old)) => Some((head_of(object.as_deref())?, head_of(old.as_deref())?)),
        None => None,
    };
    let incoming = match &heads {
        Some((object, old)) => Incoming::of(kind, request, object.as_ref(), old.as_ref())?,
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

/// Decides without reading them on objects that would take hundreds of MiB as trees: a spec that stays as it is passes.
/// `None` for all others.
fn excess(request: &Request<'_>) -> Option<Decision> {
    let (object, old) = (request.object.as_ref(), request.old_object.as_ref());
    let held = [object, old].into_iter().flatten().map(|head| values(head.text)).max()?;
    if held <= MOST_VALUES {
        return None;
    }
    let mut decision = Decision::default();
    if old.is_none_or(|old| object.is_some_and(|object| object.spec != old.spec)) {
        let message =
            format!("holds too much: the object has {held} values, at most {MOST_VALUES} are read; write fewer");
        decision.violations.push(Violation { path: "spec".to_owned(), reason: Reason::Invalid, message });
    }
    Some(decision)
}

/// The values of a JSON text. It is not counted where it is too short for too many.
fn values(json: &str) -> usize {
    if json.len() <= MOST_VALUES {
        return 0;
    }
    let (mut count, mut quoted, mut escaped) = (1, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// A request to judge.
struct Incoming<'a> {
    kind: Kind,
    sent_as: Version,
    name: String,
    generated: bool,
    namespace: &'a str,
    object: &'a Head<'a>,
    old: Option<&'a Head<'a>>,
}

impl<'a> Incoming<'a> {
    fn read(kind: Kind, request: &'a Request<'a>) -> Result<Self, NotAReview> {
        Self::of(kind, request, request.object.as_ref(), request.old_object.as_ref())
    }

    fn of(
        kind: Kind,
        request: &'a Request<'a>,
        object: Option<&'a Head<'a>>,
        old: Option<&'a Head<'a>>,
    ) -> Result<Self, NotAReview> {
        let object = object.ok_or(NotAReview::Missing("object"))?;
        let old = match (&*request.operation, old) {
            ("UPDATE", None) => return Err(NotAReview::Missing("oldObject")),
            ("UPDATE", old) => old,
            _ => None,
        };
        let sent = request.request_kind.as_ref().unwrap_or(&request.kind);
        let sent_as = if sent.version == "v1alpha1" { Version::V1Alpha1 } else { Version::V1 };
        let given = |name: Option<&str>| name.filter(|name| !name.is_empty()).map(str::to_owned);
        let name = given(object.metadata.name.as_deref()).or_else(|| given(request.name.as_deref()));
        let generated = name.is_none();
        let name = name.or_else(|| given(object.metadata.generate_name.as_deref())).unwrap_or_default();
        let namespace = request.namespace.as_deref().unwrap_or_default();
        Ok(Self { kind, sent_as, name, generated, namespace, object, old })
    }

    fn mutate(&self, ctx: Context<'_>) -> Decision {
        let deleting = self.object.metadata.deleting || self.old_is_going();
        let restored = self.restored();
        let (findings, defaulted) = if self.old_is_going() {
            (self.judge_deletion(restored.as_ref()), None)
        } else {
            let judged = self.judge(restored.as_ref(), !deleting, ctx);
            (judged.findings, judged.defaulted)
        };
        // Warnings are for the validating call, which always follows.
        let mut decision = self.decision(Findings { warnings: Vec::new(), ..findings });
        if decision.violations.is_empty() {
            let after = if deleting { restored } else { defaulted.or(restored) };
            decision.patch = Some(self.patch(after, self.old.is_none() && !deleting));
        }
        decision
    }

    fn validate(&self, ctx: Context<'_>) -> Decision {
        if self.old_is_going() {
            return self.decision(self.judge_deletion(None));
        }
        // With the same defaults as before: what the mutating call filled in is nobody's change here either.
        let Judged { findings, .. } = self.judge(None, !self.object.metadata.deleting, ctx);
        self.decision(findings)
    }

    fn old_is_going(&self) -> bool {
        self.old.is_some_and(|old| old.metadata.deleting)
    }

    /// The spec with what a v1alpha1 client dropped; `None` when nothing is to put back.
    fn restored(&self) -> Option<Value> {
        let old = self.old.filter(|_| self.sent_as == Version::V1Alpha1)?;
        let mut object = whole(spec_text(self.object).tree());
        conversion::restore_dropped(&whole(spec_text(old).tree()), &mut object, self.kind.name())
            .then(|| object["spec"].take())
    }

    fn judge(&self, restored: Option<&Value>, defaults: bool, ctx: Context<'_>) -> Judged {
        // What came with the request is no state: the API server drops it.
        let status = self.old.and_then(|old| old.status);
        let mut spec = restored.map_or_else(|| spec_text(self.object), |tree| Text::Tree(Cow::Borrowed(tree)));
        // In that version everything that an instance has goes with it.
        let takes_all = self.kind == Kind::Instance && self.old.is_none() && self.sent_as == Version::V1Alpha1;
        if takes_all {
            let mut tree = spec.tree().into_owned();
            if let Some(fields) = tree.as_object_mut() {
                fields.entry("deletionPolicy").or_insert_with(|| json!("Delete"));
            }
            spec = Text::Tree(Cow::Owned(tree));
        }
        let change = Change {
            kind: self.kind,
            name: &self.name,
            generated: self.generated,
            namespace: self.namespace,
            sent_as: self.sent_as,
            spec,
            old: self.old.map(spec_text),
            state: status.map_or_else(State::default, State::parse),
            defaults,
        };
        let mut judged = judge(&change, ctx);
        if judged.defaulted.is_none() && takes_all && defaults {
            judged.defaulted = Some(change.spec.tree().into_owned());
        }
        judged
    }

    fn judge_deletion(&self, restored: Option<&Value>) -> Findings {
        let mut findings = Findings::default();
        let Some(old) = &self.old else { return findings };
        let confirmation = |head: &Head<'_>| head.metadata.annotation(labels::CONFIRM_DELETE);
        let (before, after) = (confirmation(old), confirmation(self.object));
        deletion::judge_confirmation(before.as_deref(), after.as_deref(), &mut findings);

        let old = spec_text(old).tree().into_owned();
        let new = restored.cloned().unwrap_or_else(|| spec_text(self.object).tree().into_owned());
        match (self.kind.decode(&old), self.kind.decode(&new)) {
            (Ok(mut old), Ok(mut new)) => {
                // A constant that one of both lacks is no difference.
                for spec in [&mut old, &mut new] {
                    deletion::level(spec);
                    defaulting::constants(spec);
                }
                deletion::judge_spec(&old, &new, &mut findings);
            }
            _ if old.is_object() && new.is_object() => deletion::judge_raw(&old, &new, &mut findings),
            _ => findings.invalid("spec", "cannot be read"),
        }
        findings
    }

    /// The findings in the words of the version that the user wrote.
    fn decision(&self, findings: Findings) -> Decision {
        let sent = |path: String| match self.sent_as {
            Version::V1 => path,
            Version::V1Alpha1 => path_in_v1alpha1(self.kind.name(), &path),
        };
        let Findings { violations, warnings } = findings;
        Decision {
            violations: violations
                .into_iter()
                .map(|violation| Violation { path: sent(violation.path), ..violation })
                .collect(),
            warnings: warnings
                .into_iter()
                .map(|warning| format!("{}: {}", sent(warning.path), warning.message))
                .collect(),
            patch: None,
        }
    }

    /// From the object as it came to the object with `spec`, and with our finalizer on a new instance.
    fn patch(&self, spec: Option<Value>, new: bool) -> Patch {
        let mut patch = Patch::default();
        if let Some(spec) = spec {
            patch = json_patch::diff(&whole(spec_text(self.object).tree()), &whole(Cow::Owned(spec)));
        }
        if new && self.kind == Kind::Instance {
            let finalizer = labels::INSTANCE_FINALIZER;
            let (at, value) = match self.object.metadata.finalizers() {
                None => (PointerBuf::from_tokens(["metadata", "finalizers"]), json!([finalizer])),
                Some(there) if there.iter().any(|found| found == finalizer) => return patch,
                Some(_) => (PointerBuf::from_tokens(["metadata", "finalizers", "-"]), json!(finalizer)),
            };
            patch.0.push(PatchOperation::Add(AddOperation { path: at, value }));
        }
        patch
    }
}

fn head_of(text: Option<&str>) -> Result<Option<Head<'_>>, NotAReview> {
    text.map(envelope::head).transpose()
}

/// An object of nothing but its spec. `json!` would copy it.
fn whole(spec: Cow<'_, Value>) -> Value {
    Value::Object(Map::from_iter([("spec".to_owned(), spec.into_owned())]))
}

fn spec_text<'a>(head: &Head<'a>) -> Text<'a> {
    Text::Raw(head.spec.unwrap_or("{}"))
}

#[cfg(test)]
mod tests;
