//! Walks of the transition table.

use std::collections::BTreeMap;

use super::*;
use crate::api::v1::{
    DatabaseSpec, Initialization, InitializationMode, MissingPolicy, OdooInstanceSpec, OperationKind, Phase,
};

fn settled() -> Observed {
    let children = [
        Child::Credentials,
        Child::OdooConf,
        Child::ServiceAccount,
        Child::Filestore,
        Child::Service,
        Child::Ingress,
        Child::Web,
        Child::Cron,
    ];
    Observed {
        deleting: false,
        rejected: None,
        database: Database::Ready,
        login: Login::Proven,
        base: Base::Unknown,
        children: children.into_iter().map(|child| (child, ChildState::Matches)).collect(),
        init: InitWork::Succeeded(None),
        web: Workload { ready: 1, replicas: 1 },
        cron: Workload { ready: 1, replicas: 1 },
        pods: 2,
    }
}

fn next(phase: Phase, db_initialized: bool, observed: &Observed) -> Plan {
    let spec = OdooInstanceSpec::default();
    decide(&Facts { spec: &spec, db_initialized, operation: None, phase, observed })
}

#[test]
fn a_new_instance_gets_everything_in_order() {
    let mut observed = Observed {
        database: Database::Absent,
        base: Base::Unknown,
        children: BTreeMap::from([
            (Child::Credentials, ChildState::Missing),
            (Child::OdooConf, ChildState::Blocked),
            (Child::Filestore, ChildState::Missing),
            (Child::Web, ChildState::Missing),
        ]),
        init: InitWork::None,
        web: Workload::default(),
        cron: Workload::default(),
        pods: 0,
        ..settled()
    };
    let plan = next(Phase::Provisioning, false, &observed);
    assert_eq!(plan.effects, [Effect::EnsureCredentials, Effect::Ensure(Child::Filestore)]);
    observed.children.insert(Child::Credentials, ChildState::Matches);
    assert!(next(Phase::Provisioning, false, &observed).effects.contains(&Effect::EnsureDatabase));
}

#[test]
fn running_at_rest_is_left_alone() {
    let plan = next(Phase::Running, true, &settled());
    assert_eq!(plan, Plan { phase: Phase::Running, effects: vec![] });
}

#[test]
fn an_unknown_database_changes_nothing() {
    let observed = Observed { database: Database::Unknown("connection refused".into()), ..settled() };
    for row in TRANSITIONS {
        let Some(phase) = row.from else { continue };
        let plan = next(phase, true, &observed);
        let destructive = [Effect::EnsureDatabase, Effect::DropData, Effect::EnsureInitJob];
        assert!(plan.effects.iter().all(|effect| !destructive.contains(effect)), "{phase:?}: {plan:?}");
        assert!(plan.phase != Phase::Uninitialized, "{phase:?}");
    }
}

#[test]
fn a_missing_database_is_not_made_again_unasked() {
    let observed = Observed { database: Database::Absent, ..settled() };
    let plan = next(Phase::Running, true, &observed);
    assert_eq!(plan, Plan { phase: Phase::Running, effects: vec![] });
}

#[test]
fn a_lost_database_is_made_anew_where_that_is_asked_for() {
    let database = DatabaseSpec { missing_policy: Some(MissingPolicy::Recreate), ..DatabaseSpec::default() };
    let spec = OdooInstanceSpec { database: Some(database), ..OdooInstanceSpec::default() };
    let observed = Observed { database: Database::Absent, ..settled() };
    for phase in [Phase::Starting, Phase::Running, Phase::Degraded] {
        let facts = Facts { spec: &spec, db_initialized: true, operation: None, phase, observed: &observed };
        assert_eq!(decide(&facts).phase, Phase::Uninitialized, "{phase:?}");
    }
}

#[test]
fn an_init_job_is_made_in_mode_fresh_only() {
    use InitializationMode as Mode;
    let observed = Observed { base: Base::NotInstalled, init: InitWork::None, ..settled() };
    for mode in [Mode::Fresh, Mode::None, Mode::Restore, Mode::Clone] {
        let init = Initialization { mode: Some(mode), ..Initialization::default() };
        let spec = OdooInstanceSpec { initialization: Some(init), ..OdooInstanceSpec::default() };
        let phase = Phase::Uninitialized;
        let facts = Facts { spec: &spec, db_initialized: false, operation: None, phase, observed: &observed };
        let made = decide(&facts).effects.contains(&Effect::EnsureInitJob);
        assert_eq!(made, mode == Mode::Fresh, "{mode:?}");
        // The others say what they wait for.
        let waits = matches!(mode, Mode::None | Mode::Restore | Mode::Clone);
        assert_eq!(report(&facts).message.is_some_and(|message| message.contains("initialization.mode")), waits);
    }
}

#[test]
fn data_is_touched_only_after_the_choice_is_recorded() {
    let spec = OdooInstanceSpec::default();
    let observed =
        Observed { deleting: true, pods: 0, web: Workload::default(), cron: Workload::default(), ..settled() };
    let facts =
        |operation| Facts { spec: &spec, db_initialized: true, operation, phase: Phase::Deleting, observed: &observed };
    assert_eq!(decide(&facts(None)).effects, []);
    assert!(decide(&facts(Some(OperationKind::Retain))).effects.contains(&Effect::RetainData));
    assert!(!decide(&facts(Some(OperationKind::Retain))).effects.contains(&Effect::DropData));
    let waiting = Observed { pods: 1, ..observed.clone() };
    let plan = decide(&Facts { observed: &waiting, ..facts(Some(OperationKind::Delete)) });
    assert_eq!(plan.effects, [Effect::StopPods]);
}

#[test]
fn every_phase_of_this_table_can_be_left_and_deletion_wins_everywhere() {
    let observed = Observed { deleting: true, rejected: Some("bad".into()), ..settled() };
    for row in TRANSITIONS {
        let Some(phase) = row.from else { continue };
        assert_eq!(next(phase, true, &observed).phase, Phase::Deleting, "{phase:?}");
    }
}

#[test]
fn a_suspended_instance_gets_no_effects() {
    let spec = OdooInstanceSpec { suspend: Some(true), ..OdooInstanceSpec::default() };
    let mut observed = settled();
    observed.children.insert(Child::Service, ChildState::Differs);
    let plan = decide(&Facts {
        spec: &spec,
        db_initialized: true,
        operation: None,
        phase: Phase::Running,
        observed: &observed,
    });
    assert_eq!(plan.effects, []);
}
