//! The rules in order. The page of the documentation is made of this table, and tests hold it to what it says.

use super::rule::Outcome::{self, Denies, DeniesOrWarns, Warns};
use super::rule::Rule;
use super::rule::Stored::{self, GoesOn, NotAsked, Stops, StopsUntilInitialized};
use super::{
    Case, blocks, cluster, config_options, consent, database, environment, extra_env, hosts, image, jobs, lists, moves,
    names, passwords, pods, production, quantities, release, replicas, s3, schedule, unused, webhook,
};
use crate::admission::subject::Kind::{
    self, BackupJob, BackupSchedule, InitJob, Instance, RefreshJob, RestoreJob, UpgradeJob,
};
use crate::admission::violation::Findings;
use crate::api::v1::OdooInstanceSpec;

const INSTANCE: &[Kind] = &[Instance];
const ONCE: &[Kind] = &[InitJob, UpgradeJob, BackupJob, RestoreJob, RefreshJob];
const JOBS: &[Kind] = &[InitJob, UpgradeJob, BackupJob, RestoreJob, RefreshJob, BackupSchedule];
const S3: &[Kind] = &[Instance, BackupJob, RestoreJob, BackupSchedule];
const ACROSS: &[Kind] = &[Instance, BackupJob, RestoreJob, RefreshJob, BackupSchedule];
const NOT_BUILT: &[Kind] = &[UpgradeJob, BackupJob, RestoreJob, RefreshJob, BackupSchedule];

/// Every rule, in the order in which a person hears of them.
pub fn rules() -> &'static [Rule] {
    RULES
}

#[rustfmt::skip]
static RULES: &[Rule] = &[
    rule(1, "hosts: legal DNS names, none of another instance",
        INSTANCE, Denies, Stops, hosts::names),
    rule(1, "hosts: at least one, none twice, a full name first",
        INSTANCE, Denies, GoesOn(hosts::tidy), hosts::list),
    rule(2, "quantities can be read; requests are at most their limits",
        INSTANCE, Denies, Stops, quantities::judge),
    rule(3, "storageSize never shrinks",
        INSTANCE, Denies, NotAsked, moves::size),
    rule(4, "storageClass and database.cluster change at rest only",
        INSTANCE, Denies, NotAsked, moves::place),
    rule(5, "database.cluster is a configured one",
        INSTANCE, Denies, Stops, cluster::judge),
    rule(6, "database.name: no system database, fixed once in use, nobody else's",
        INSTANCE, Denies, Stops, database::judge),
    rule(6, "database.name: legal",
        INSTANCE, Denies, StopsUntilInitialized, database::legal),
    rule(7, "configOptions: legal keys and values; connection keys are the operator's; some others warn",
        INSTANCE, DeniesOrWarns, GoesOn(as_it_is), config_options::judge),
    rule(8, "the admin password is given in one way at most; plain text warns",
        INSTANCE, DeniesOrWarns, GoesOn(as_it_is), passwords::admin)
        .in_schema(&["spec.adminPassword"]),
    rule(9, "Production is no clone, nothing is a clone of itself, one source at most",
        INSTANCE, Denies, StopsUntilInitialized, production::clone)
        .in_schema(&["spec.initialization.clone"]),
    rule(9, "an instance of another namespace is copied with its consent (bemade.org/allow-from-namespaces)",
        INSTANCE, DeniesOrWarns, StopsUntilInitialized, consent::clone),
    rule(10, "more than one web pod, or RollingUpdate, needs ReadWriteMany",
        INSTANCE, Denies, GoesOn(replicas::one_at_a_time), replicas::access_mode)
        .in_schema(&["spec.replicas", "spec.strategy.type"]),
    rule(11, "rollingUpdate goes with type RollingUpdate, and lets pods be replaced",
        INSTANCE, Denies, GoesOn(replicas::without_bounds), replicas::rolling_update)
        .in_schema(&["spec.strategy.rollingUpdate"]),
    rule(12, "derived names and labels fit; no instance has the name of another's cron pods",
        INSTANCE, Denies, NotAsked, names::judge),
    rule(13, "webhook.url: http(s), no user info, an address that may be called; events are known ones",
        &Kind::ALL, Denies, GoesOn(as_it_is), webhook::judge),
    rule(14, "extraEnv: legal names, none twice, none of the operator's",
        INSTANCE, Denies, GoesOn(extra_env::without_illegal), extra_env::judge),
    rule(15, "image is a legal reference",
        INSTANCE, Denies, Stops, image::judge),
    rule(16, "Production to Staging, and Delete on Production, warn",
        INSTANCE, Warns, NotAsked, environment::judge),
    rule(20, "odooInstanceRef is in the own namespace; a missing instance warns",
        JOBS, DeniesOrWarns, Stops, jobs::target),
    rule(21, "the spec of a job is fixed once it has begun, but for cancel: true",
        ONCE, Denies, NotAsked, jobs::fixed),
    rule(22, "the source block that type or mode names is there; a job has no other",
        &[Instance, RestoreJob], Denies, StopsUntilInitialized, blocks::judge)
        .in_schema(&[
            "spec.initialization.restore", "spec.initialization.clone", "spec.initialization.restore.s3",
            "spec.source.s3", "spec.source.odoo",
        ]),
    rule(23, "a refresh never replaces Production, nor an instance by itself",
        &[RefreshJob], Denies, Stops, jobs::refresh),
    rule(23, "a restore of Production warns",
        &[RestoreJob], Warns, NotAsked, jobs::restore),
    rule(24, "bucket, objectKey and endpoint are legal",
        S3, Denies, StopsUntilInitialized, s3::judge),
    rule(25, "module and language names are legal",
        &[Instance, InitJob, UpgradeJob], Denies, StopsUntilInitialized, lists::judge),
    rule(26, "times, cron expressions and time zones can be read",
        &[UpgradeJob, BackupSchedule], Denies, Stops, schedule::judge),
    rule(27, "plain-text secrets warn",
        &Kind::ALL, Warns, NotAsked, passwords::plain),
    rule(27, "a copy that is not neutralised warns on Staging",
        &[Instance, RestoreJob, RefreshJob], Warns, NotAsked, passwords::live_copy),
    rule(28, "what is in another namespace is used with its consent (bemade.org/allow-from-namespaces); a job waits for it",
        ACROSS, Warns, NotAsked, consent::others),
    rule(29, "a database that the operator did not make is not used by this release",
        INSTANCE, Denies, StopsUntilInitialized, release::database),
    rule(29, "what this release does not carry out is refused where going on without it would surprise",
        INSTANCE, Denies, GoesOn(as_it_is), release::refused),
    rule(29, "what this release does not carry out otherwise warns",
        INSTANCE, Warns, NotAsked, release::told),
    rule(29, "kinds that this release does not run warn when they are created, and get Accepted=False",
        NOT_BUILT, Warns, NotAsked, release::kinds),
    rule(30, "what has no effect beside another field warns",
        INSTANCE, Warns, NotAsked, unused::judge),
    rule(31, "what goes into pods, routing and budget, and names of Secrets, is what the API server takes there",
        &Kind::ALL, DeniesOrWarns, GoesOn(as_it_is), pods::judge),
];

const fn rule(
    number: u8,
    title: &'static str,
    kinds: &'static [Kind],
    outcome: Outcome,
    stored: Stored,
    judge: fn(&Case<'_>, &mut Findings),
) -> Rule {
    Rule { number, title, kinds, outcome, in_schema: &[], stored, judge }
}

impl Rule {
    const fn in_schema(self, paths: &'static [&'static str]) -> Self {
        Self { in_schema: paths, ..self }
    }
}

/// The builders leave out what breaks the rule, or nothing is built of it, or the API server says so of what is built.
fn as_it_is(_: &mut OdooInstanceSpec) {}
