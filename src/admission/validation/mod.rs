//! The rules: what is legal beyond its form.
//!
//! Owns: one small function a rule, and the ordered list of them. Each judges one object as it is meant to be stored
//! (defaults filled in), with the old one where there is one. Must not: know about requests, versions or ratcheting.

mod blocks;
mod case;
mod cluster;
mod config_options;
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
mod production;
mod quantities;
mod replicas;
mod s3;
mod schedule;
mod webhook;

pub use case::{Case, Migration, State};

use super::subject::Kind;
use super::violation::Findings;

/// A rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its number in the documentation.
    pub number: u8,
    /// What it asks for, in one line.
    pub title: &'static str,
    /// The kinds that it judges.
    pub kinds: &'static [Kind],
    /// The rule itself.
    pub judge: fn(&Case<'_>, &mut Findings),
}

const INSTANCE: &[Kind] = &[Kind::Instance];
const JOBS: &[Kind] =
    &[Kind::InitJob, Kind::UpgradeJob, Kind::BackupJob, Kind::RestoreJob, Kind::RefreshJob, Kind::BackupSchedule];

macro_rules! rule {
    ($number:literal, $title:literal, $kinds:expr, $judge:path) => {
        Rule { number: $number, title: $title, kinds: $kinds, judge: $judge }
    };
}

/// Every rule, in the order in which a person hears of them.
pub fn rules() -> &'static [Rule] {
    static RULES: &[Rule] = &[
        rule!(1, "hosts: at least one, legal DNS names, none twice, none of another instance", INSTANCE, hosts::judge),
        rule!(2, "quantities can be read; requests are at most their limits", INSTANCE, quantities::judge),
        rule!(3, "storageSize never shrinks", INSTANCE, moves::size),
        rule!(4, "storageClass and database.cluster change at rest only", INSTANCE, moves::place),
        rule!(5, "database.cluster is a configured one", INSTANCE, cluster::judge),
        rule!(
            6,
            "database.name: legal, no system database, fixed once in use, nobody else's",
            INSTANCE,
            database::judge
        ),
        rule!(
            7,
            "configOptions: legal keys and values; connection keys are the operator's",
            INSTANCE,
            config_options::judge
        ),
        rule!(8, "the admin password is given in one way at most; plain text warns", INSTANCE, passwords::admin),
        rule!(
            9,
            "Production is no clone, nothing is a clone of itself, one source at most",
            INSTANCE,
            production::clone
        ),
        rule!(10, "more than one web pod, or RollingUpdate, needs ReadWriteMany", INSTANCE, replicas::access_mode),
        rule!(11, "rollingUpdate goes with type RollingUpdate", INSTANCE, replicas::rolling_update),
        rule!(
            12,
            "derived names and labels fit; no instance has the name of another's cron pods",
            INSTANCE,
            names::judge
        ),
        rule!(13, "webhook.url: http(s), no user info, an address that may be called", &Kind::ALL, webhook::judge),
        rule!(14, "extraEnv leaves the operator's variables alone", INSTANCE, extra_env::judge),
        rule!(15, "image is a legal reference", INSTANCE, image::judge),
        rule!(16, "Production to Staging, and Delete on Production, warn", INSTANCE, environment::judge),
        rule!(20, "odooInstanceRef is in the own namespace; a missing instance warns", JOBS, jobs::target),
        rule!(21, "the spec of a job is fixed once it has begun", JOBS, jobs::fixed),
        rule!(
            22,
            "exactly the source block that type or mode names",
            &[Kind::Instance, Kind::RestoreJob],
            blocks::judge
        ),
        rule!(23, "a refresh never replaces Production; a restore of Production warns", JOBS, jobs::production),
        rule!(24, "bucket, objectKey and endpoint are legal", &Kind::ALL, s3::judge),
        rule!(25, "module and language names are legal", &Kind::ALL, lists::judge),
        rule!(26, "times, cron expressions and time zones can be read", JOBS, schedule::judge),
        rule!(
            27,
            "plain-text secrets warn; a copy that is not neutralised warns on Staging",
            &Kind::ALL,
            passwords::others
        ),
    ];
    RULES
}

/// Applies every rule of the object's kind.
pub fn apply(case: &Case<'_>) -> Findings {
    let mut findings = Findings::default();
    let kind = case.spec.kind();
    for rule in rules().iter().filter(|rule| rule.kinds.contains(&kind)) {
        (rule.judge)(case, &mut findings);
    }
    findings
}

#[cfg(test)]
mod tests;
