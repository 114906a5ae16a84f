#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values")]

mod changes;
mod instance;
mod jobs;
mod parity;
mod places;
mod pods;
mod release;
mod table;

use serde_json::{Value, json};

use super::{Case, State, rules, rules_of};
use crate::admission::defaulting::{self, Source};
use crate::admission::subject::{Kind, Spec};
use crate::admission::tests::{World, smallest, with};
use crate::admission::violation::{Findings, Reason};

/// An object to judge, in namespace `eu`.
pub struct Trial {
    kind: Kind,
    name: &'static str,
    spec: Value,
    old: Option<Value>,
    state: Value,
    world: World,
    release: bool,
}

impl Trial {
    /// A new object named `shop`.
    pub fn of(kind: Kind, spec: Value) -> Self {
        Self { kind, name: "shop", spec, old: None, state: json!({}), world: World::new(), release: false }
    }

    /// A new instance: the smallest spec with `more`.
    pub fn instance(more: Value) -> Self {
        Self::of(Kind::Instance, with(smallest(), more))
    }

    /// Of another name.
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// A change of an object with this spec, on top of the smallest for an instance.
    pub fn was(self, old: Value) -> Self {
        let old = if self.kind == Kind::Instance { with(smallest(), old) } else { old };
        Self { old: Some(old), ..self }
    }

    /// With this status.
    pub fn state(self, state: Value) -> Self {
        Self { state, ..self }
    }

    /// Also by rule 29, which every other test would hear from.
    pub fn in_this_release(self) -> Self {
        Self { release: true, ..self }
    }

    /// In another world.
    pub fn world(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self
    }

    fn findings(&self) -> Findings {
        let mut findings = Findings::default();
        for (_, found) in self.by_rule() {
            findings.violations.extend(found.violations);
            findings.warnings.extend(found.warnings);
        }
        findings
    }

    /// Numbers of the rules that refuse it, and where.
    fn broken(&self) -> Vec<(u8, String)> {
        let found = self.by_rule().into_iter();
        found
            .flat_map(|(number, found)| found.violations.into_iter().map(move |violation| (number, violation.path)))
            .collect()
    }

    fn by_rule(&self) -> Vec<(u8, Findings)> {
        let ctx = self.world.ctx();
        let filled = |spec: &Value| -> Spec {
            let mut spec = self.kind.decode(spec).unwrap();
            let source =
                Source { defaults: &ctx.settings.defaults, default_cluster: Some("main"), is_new: true, old: None };
            if self.world.clusters.is_some() {
                defaulting::default(&mut spec, source);
            } else {
                defaulting::constants(&mut spec);
            }
            spec
        };
        let (spec, old) = (filled(&self.spec), self.old.as_ref().map(filled));
        let (spec, old) = (&spec, old.as_ref());
        let state = &State::parse(&self.state.to_string());
        let case = Case { name: self.name, generated: false, namespace: "eu", spec, old, state, ctx };
        rules_of(self.kind)
            .filter(|rule| self.release || rule.number != 29)
            .map(|rule| {
                let mut found = Findings::default();
                (rule.judge)(&case, &mut found);
                (rule.number, found)
            })
            .collect()
    }

    /// Nothing is wrong; warnings are not looked at.
    #[track_caller]
    pub fn accepted(self) {
        assert_eq!(self.findings().violations, [], "{}", self.spec);
    }

    /// Nothing is wrong or worth a warning.
    #[track_caller]
    pub fn clean(self) {
        assert_eq!(self.findings(), Findings::default(), "{}", self.spec);
    }

    /// This alone is wrong.
    #[track_caller]
    pub fn refused(self, path: &str, reason: Reason, message: &str) {
        let violations = self.findings().violations;
        let found: Vec<_> = violations.iter().map(|v| (v.path.as_str(), v.reason, v.message.as_str())).collect();
        assert_eq!(found, [(path, reason, message)], "{}", self.spec);
    }

    /// One thing is wrong, there.
    #[track_caller]
    pub fn refused_at(self, path: &str) {
        let paths: Vec<_> = self.findings().violations.into_iter().map(|violation| violation.path).collect();
        assert_eq!(paths, [path], "{}", self.spec);
    }

    /// Nothing is wrong, and this alone is worth a warning.
    #[track_caller]
    pub fn warned(self, path: &str, message: &str) {
        let Findings { violations, warnings } = self.findings();
        assert_eq!(violations, [], "{}", self.spec);
        let found: Vec<_> = warnings.iter().map(|w| (w.path.as_str(), w.message.as_str())).collect();
        assert_eq!(found, [(path, message)], "{}", self.spec);
        assert!(path.len() + 2 + message.len() <= 120, "kubectl cuts warnings: {}", path.len() + 2 + message.len());
    }
}

#[test]
fn rules_are_numbered_in_order() {
    let numbers: Vec<_> = rules().iter().map(|rule| rule.number).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    for wanted in (1..=16).chain(20..=28) {
        assert!(numbers.contains(&wanted), "{wanted}");
    }
}

#[test]
fn a_status_of_other_types_leaves_the_rest() {
    let state = State::parse(r#"{"phase": "Running", "dbInitialized": "yes", "migration": [], "databaseName": "a"}"#);
    assert_eq!(state.phase.as_deref(), Some("Running"));
    assert_eq!(state.database_name.as_deref(), Some("a"));
    assert_eq!(state.db_initialized, None);
    assert_eq!(State::parse("[]"), State::default());
}
