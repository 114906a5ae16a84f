//! The judgement of one change: defaults, form, rules, and what was wrong before already.

mod before;
mod differing;

use std::borrow::Cow;

use serde_json::Value;

use self::before::{before, matters};
use self::differing::{Member, differing};
use super::context::{Clusters, Context};
use super::defaulting::{self, Source};
use super::shape;
use super::subject::{Kind, Spec};
use super::validation::{self, Case, State};
use super::violation::{Findings, Reason, Violation};
use super::{overlay, path};
use crate::api::crds::Version;

/// An object that is created or changed.
pub(super) struct Change<'a> {
    pub kind: Kind,
    pub name: &'a str,
    pub generated: bool,
    pub namespace: &'a str,
    /// The version that the user wrote.
    pub sent_as: Version,
    /// The spec as it came, in v1.
    pub spec: Text<'a>,
    /// The spec before.
    pub old: Option<Text<'a>>,
    pub state: State,
    /// Whether absent fields are filled in.
    pub defaults: bool,
}

/// JSON that is opened as a tree only when that is needed.
pub(super) enum Text<'a> {
    Raw(&'a str),
    Tree(Cow<'a, Value>),
}

impl Text<'_> {
    /// As a tree; null if it cannot be read.
    pub fn tree(&self) -> Cow<'_, Value> {
        self.read().unwrap_or_default()
    }

    fn read(&self) -> serde_json::Result<Cow<'_, Value>> {
        match self {
            Text::Raw(text) => serde_json::from_str(text).map(Cow::Owned),
            Text::Tree(tree) => Ok(Cow::Borrowed(tree)),
        }
    }

    fn typed(&self, kind: Kind) -> Option<Spec> {
        match self {
            Text::Raw(text) => kind.parse_spec(text).ok(),
            Text::Tree(tree) => kind.decode(tree).ok(),
        }
    }
}

/// What became of a change.
pub(super) struct Judged {
    pub findings: Findings,
    /// The spec with defaults laid over it; `None` when nothing was filled in.
    pub defaulted: Option<Value>,
}

/// A spec that was read: its typed form, and what had to be repaired for it.
struct Read {
    spec: Option<Spec>,
    problems: Vec<Violation>,
}

/// Judges a change.
pub(super) fn judge(change: &Change<'_>, ctx: Context<'_>) -> Judged {
    let clusters = ctx.lookup.clusters();
    // The old object gets what it cannot be served without as well, so that filling it in is nobody's change.
    let fill_old = |mut spec: Spec| {
        fill(&mut spec, None, change, ctx, clusters.as_ref());
        spec
    };
    let read_old = || {
        let Read { spec, problems } = read(change.kind, change.old.as_ref()?, Version::V1);
        Some(Read { spec: spec.map(fill_old), problems })
    };

    let mut new = read(change.kind, &change.spec, change.sent_as);
    let sound = new.problems.is_empty();
    // Reading the old spec takes a third of the time. Where nothing changed that matters, it is as good as the new one.
    let compared = compared(change);
    let same = compared.as_ref().is_some_and(Vec::is_empty);
    let undone =
        compared.filter(|_| sound && !same).and_then(|members| before(&members, new.spec.as_ref()?.instance()?));
    let undone = undone.map(|spec| fill_old(Spec::Instance(Box::new(spec))));
    let mut old = if same || undone.is_some() { None } else { read_old() };

    let old_spec = || undone.as_ref().or_else(|| old.as_ref()?.spec.as_ref());
    let mut changed = false;
    if let Some(spec) = &mut new.spec {
        changed = fill(spec, old_spec(), change, ctx, clusters.as_ref());
    }
    let old_spec = if same { new.spec.as_ref() } else { old_spec() };

    let mut findings = match &new.spec {
        Some(spec) => validation::apply(&case(change, spec, old_spec, ctx)),
        None => Findings::default(),
    };
    if !findings.violations.is_empty() && sound && change.sent_as == Version::V1 {
        // v1's form is the API server's to check, after this: a person who is refused anyway hears of it now.
        new.problems = shape::check(change.kind, &mut change.spec.tree().into_owned(), Version::V1);
    }
    join(&mut findings, new.problems);

    if !findings.violations.is_empty() && old.is_none() {
        old = read_old();
    }
    if !findings.violations.is_empty()
        && let (Some(old_text), Some(old)) = (&change.old, &old)
    {
        let mut before = match &old.spec {
            Some(spec) => validation::apply(&case(change, spec, None, ctx)),
            None => Findings::default(),
        };
        let problems = shape::check(change.kind, &mut old_text.tree().into_owned(), change.sent_as);
        join(&mut before, if problems.is_empty() { old.problems.clone() } else { problems });
        forgive(&mut findings, &before.violations, &old_text.tree(), &change.spec.tree());
    }

    let mut defaulted = None;
    if let Some(after) = new.spec.filter(|_| changed && sound) {
        match change.spec.read() {
            Ok(raw) => {
                let before = change.spec.typed(change.kind).map_or(Value::Null, |spec| spec.to_value());
                let filled = defaulted.insert(raw.into_owned());
                overlay::overlay(filled, &before, &after.to_value());
            }
            // The types step over what no tree takes, such as lists within lists a hundred deep.
            Err(error) => unreadable(&error).tell(&mut findings.violations),
        }
    }
    Judged { findings, defaulted }
}

fn unreadable(error: &serde_json::Error) -> Violation {
    let message = format!("cannot be read: {error}");
    Violation { path: "spec".to_owned(), reason: Reason::Invalid, message }
}

/// What an instance changes of that whose old value matters. `None` where that takes reading both specs.
fn compared<'a>(change: &'a Change<'_>) -> Option<Vec<Member<'a>>> {
    let (Kind::Instance, Text::Raw(new), Some(Text::Raw(old))) = (change.kind, &change.spec, &change.old) else {
        return None;
    };
    let mut members = differing(new, old)?;
    members.retain(matters);
    Some(members)
}

fn case<'a>(change: &'a Change<'_>, spec: &'a Spec, old: Option<&'a Spec>, ctx: Context<'a>) -> Case<'a> {
    Case {
        name: change.name,
        generated: change.generated,
        namespace: change.namespace,
        spec,
        old,
        state: &change.state,
        ctx,
    }
}

/// Reads a spec. v1 that decodes has the right form but for bounds, which the API server checks; everything else is
/// walked along the schema.
fn read(kind: Kind, text: &Text<'_>, sent_as: Version) -> Read {
    if sent_as == Version::V1
        && let Some(spec) = text.typed(kind)
    {
        return Read { spec: Some(spec), problems: Vec::new() };
    }
    let mut tree = match text.read() {
        Ok(tree) => tree.into_owned(),
        Err(error) => return Read { spec: None, problems: vec![unreadable(&error)] },
    };
    let mut problems = shape::check(kind, &mut tree, sent_as);
    let spec = kind.decode(&tree);
    if let (true, Err(error)) = (problems.is_empty(), &spec) {
        // The schema takes what the types do not: said in the decoder's words rather than not at all.
        problems.push(Violation { path: "spec".to_owned(), reason: Reason::Invalid, message: error.to_string() });
    }
    Read { spec: spec.ok(), problems }
}

fn fill(
    spec: &mut Spec,
    old: Option<&Spec>,
    change: &Change<'_>,
    ctx: Context<'_>,
    clusters: Option<&Clusters>,
) -> bool {
    if !change.defaults {
        return defaulting::constants(spec);
    }
    let default_cluster = clusters.and_then(|clusters| clusters.default.as_deref());
    let is_new = change.old.is_none();
    defaulting::default(spec, Source { defaults: &ctx.settings.defaults, default_cluster, is_new, old })
}

/// Problems of form come first; what a rule says about the same place follows from them.
fn join(findings: &mut Findings, problems: Vec<Violation>) {
    findings.violations.retain(|found| !problems.iter().any(|problem| path::overlap(&problem.path, &found.path)));
    findings.violations.splice(0..0, problems);
}

/// What was wrong before, and was not touched, is a warning.
fn forgive(findings: &mut Findings, before: &[Violation], old: &Value, new: &Value) {
    let untouched = |found: &Violation| {
        let value = |spec: &Value| match found.path.strip_prefix("spec") {
            Some(rest) => path::get(spec, rest).cloned(),
            // Names do not change.
            None => None,
        };
        // What cannot be read cannot be said to be untouched.
        before.contains(found) && old.is_object() && new.is_object() && value(old) == value(new)
    };
    let (forgiven, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut findings.violations).into_iter().partition(untouched);
    findings.violations = kept;
    for Violation { path, message, .. } in forgiven {
        findings.warn(path, format!("{message} (as before)"));
    }
}

#[cfg(test)]
mod tests;
