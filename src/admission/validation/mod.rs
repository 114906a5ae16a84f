//! The rules: what is legal beyond its form.
//!
//! Owns: one small function a rule, and the ordered [table](rules) of them. Each judges one object as it is meant to be stored
//! (defaults filled in), with the old one where there is one. Must not: know about requests, versions or ratcheting.

mod blocks;
mod case;
mod cluster;
mod config_options;
mod consent;
mod database;
mod environment;
mod extra_env;
mod hosts;
mod image;
mod jobs;
mod lists;
mod moves;
mod names;
mod passwords;
mod pods;
mod production;
mod quantities;
mod release;
mod replicas;
mod rule;
mod s3;
mod schedule;
mod table;
mod unused;
mod webhook;

pub use case::{Case, Migration, State};
pub use rule::{Outcome, Rule, Stored};
pub use table::rules;

use super::subject::Kind;
use super::violation::Findings;

/// The rules of a kind, in the order in which a person hears of them.
pub fn rules_of(kind: Kind) -> impl Iterator<Item = &'static Rule> {
    rules().iter().filter(move |rule| rule.kinds.contains(&kind))
}

/// Applies every rule of the object's kind.
pub fn apply(case: &Case<'_>) -> Findings {
    let mut findings = Findings::default();
    for rule in rules_of(case.spec.kind()) {
        (rule.judge)(case, &mut findings);
    }
    findings
}

#[cfg(test)]
mod tests;
