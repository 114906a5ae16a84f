//! The same judgement for the reconciler: an object that slipped past the webhooks is reported, not executed. One that
//! was there before a rule was, and can be served all the same, is served and reported.

use super::context::Context;
use super::defaulting::{self, Source};
use super::subject::Spec;
use super::validation::{self, Case, Migration, State, Stored};
use super::violation::{Findings, Violation};
use crate::api::v1::{OdooInitJob, OdooInstance};

/// An instance that can be acted on.
#[derive(Clone, Debug, PartialEq)]
pub struct Guarded {
    /// The instance with its defaults, without what the builders cannot serve.
    pub instance: OdooInstance,
    /// What is wrong with it and does not stop it.
    pub reported: Vec<Violation>,
}

/// The instance as it can be acted on, or everything for which it cannot. Nothing changes here, so rules about changes
/// find nothing.
pub fn guard(instance: &OdooInstance, ctx: &Context<'_>) -> Result<Guarded, Vec<Violation>> {
    let mut spec = Spec::Instance(Box::new(instance.spec.clone()));
    let clusters = ctx.lookup.clusters();
    let default_cluster = clusters.as_ref().and_then(|clusters| clusters.default.as_deref());
    defaulting::default(
        &mut spec,
        Source { defaults: &ctx.settings.defaults, default_cluster, is_new: false, old: None },
    );
    let state = instance.status.as_ref().map_or_else(State::default, |status| State {
        phase: status.phase.map(|phase| format!("{phase:?}")),
        db_initialized: status.db_initialized,
        database_name: status.database_name.clone(),
        active_cluster: status.active_cluster.clone(),
        migration: status.migration.as_ref().map(|migration| Migration {
            previous_storage_class: migration.previous_storage_class.clone(),
            previous_cluster: migration.previous_cluster.clone(),
        }),
    });
    let case = stored(instance.metadata.name.as_deref(), instance.metadata.namespace.as_deref(), &spec, &state, *ctx);
    let Verdict { stopping, reported, without } = judge(&case);
    match spec {
        Spec::Instance(mut spec) if stopping.is_empty() => {
            for part in without {
                part(&mut spec);
            }
            Ok(Guarded { instance: OdooInstance { spec: *spec, ..instance.clone() }, reported })
        }
        _ => Err(stopping),
    }
}

/// Everything for which an OdooInitJob that is stored cannot be run.
pub fn guard_init_job(job: &OdooInitJob, ctx: &Context<'_>) -> Vec<Violation> {
    let mut spec = Spec::InitJob(Box::new(job.spec.clone()));
    defaulting::constants(&mut spec);
    let state = State::default();
    judge(&stored(job.metadata.name.as_deref(), job.metadata.namespace.as_deref(), &spec, &state, *ctx)).stopping
}

/// An object as it is stored: rules about changes, and about new names, have had their say.
fn stored<'a>(
    name: Option<&'a str>,
    namespace: Option<&'a str>,
    spec: &'a Spec,
    state: &'a State,
    ctx: Context<'a>,
) -> Case<'a> {
    let (name, namespace) = (name.unwrap_or_default(), namespace.unwrap_or_default());
    Case { name, generated: false, namespace, spec, old: Some(spec), state, ctx }
}

#[derive(Default)]
struct Verdict {
    stopping: Vec<Violation>,
    reported: Vec<Violation>,
    without: Vec<fn(&mut crate::api::v1::OdooInstanceSpec)>,
}

fn judge(case: &Case<'_>) -> Verdict {
    let initialized = case.state.db_initialized == Some(true);
    let mut verdict = Verdict::default();
    for rule in validation::rules_of(case.spec.kind()) {
        let mut found = Findings::default();
        (rule.judge)(case, &mut found);
        if found.violations.is_empty() {
            continue;
        }
        if rule.stops(initialized) {
            verdict.stopping.extend(found.violations);
        } else {
            verdict.reported.extend(found.violations);
            if let Stored::GoesOn(without) = rule.stored {
                verdict.without.push(without);
            }
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{guard, guard_init_job};
    use crate::admission::tests::{World, smallest, with};
    use crate::admission::{ObjectKey, Violation};
    use crate::api::v1::{OdooInitJob, OdooInstance};

    fn instance(name: &str, spec: serde_json::Value) -> OdooInstance {
        let status = json!({"phase": "Running", "dbInitialized": true, "databaseName": "one"});
        let metadata = json!({"name": name, "namespace": "eu", "uid": "1"});
        serde_json::from_value(json!({
            "apiVersion": "bemade.org/v1", "kind": "OdooInstance", "metadata": metadata, "spec": spec, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_good_one_comes_back_with_its_defaults() {
        let world = World::new();
        let found = guard(&instance("shop", smallest()), &world.ctx()).unwrap();
        assert_eq!(found.reported, []);
        assert_eq!(found.instance.spec.image.as_deref(), Some("odoo:18.0"));
        assert_eq!(found.instance.spec.database.unwrap().cluster.as_deref(), Some("main"));
        assert_eq!(found.instance.metadata.uid.as_deref(), Some("1"));
    }

    fn paths(violations: &[Violation]) -> Vec<&str> {
        violations.iter().map(|violation| violation.path.as_str()).collect()
    }

    #[test]
    fn a_bad_one_is_told_everything_that_stops_it() {
        let world = World::new();
        let spec = json!({"image": "No Image", "configOptions": {"db_host": "x"}, "filestore": {"storageSize": "x"}});
        let found = guard(&instance("shop", with(smallest(), spec)), &world.ctx()).unwrap_err();
        assert_eq!(paths(&found), ["spec.filestore.storageSize", "spec.image"]);
    }

    #[test]
    fn what_ran_before_the_rules_were_there_goes_on_without_what_cannot_be_served() {
        let world = World::new();
        let spec = json!({
            "ingress": {"hosts": ["*.example.com", "a.example.com", "*.example.com"]},
            "replicas": 3,
            "filestore": {"accessMode": "ReadWriteOnce"},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "half"}},
            "configOptions": {"db_host": "pooler"},
            "extraEnv": [{"name": "A=B"}, {"name": "A", "value": "1", "valueFrom": {}}, {"name": "HOST"},
                         {"name": "B", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "webhook": {"url": "http://localhost/"},
        });
        let found = guard(&instance("shop", with(smallest(), spec)), &world.ctx()).unwrap();
        assert_eq!(
            paths(&found.reported),
            [
                "spec.ingress.hosts[0]",
                "spec.ingress.hosts[2]",
                "spec.configOptions[db_host]",
                "spec.replicas",
                "spec.strategy.type",
                "spec.strategy.rollingUpdate.maxSurge",
                "spec.webhook.url",
                "spec.extraEnv[0].name",
                "spec.extraEnv[1].value",
                "spec.extraEnv[2].name",
                "spec.extraEnv[3].value",
                "spec.extraEnv[1].valueFrom",
            ]
        );
        let spec = found.instance.spec;
        assert_eq!(spec.ingress.hosts, ["a.example.com", "*.example.com"]);
        assert_eq!(spec.replicas, Some(1));
        assert_eq!(serde_json::to_value(spec.strategy).unwrap(), json!({"type": "Recreate"}));
        assert_eq!(
            serde_json::to_value(spec.extra_env).unwrap(),
            json!([{"name": "A", "value": "1"}, {"name": "HOST"},
                   {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}])
        );
    }

    #[test]
    fn no_host_and_bounds_under_recreate_stop_nobody() {
        let world = World::new();
        let spec =
            json!({"ingress": {"hosts": []}, "strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}});
        let found = guard(&instance("shop", spec), &world.ctx()).unwrap();
        assert_eq!(paths(&found.reported), ["spec.ingress.hosts", "spec.strategy.rollingUpdate"]);
        assert_eq!(found.instance.spec.strategy.unwrap().rolling_update, None);
    }

    #[test]
    fn how_the_database_was_to_be_filled_matters_until_it_is() {
        let world = World::new();
        let spec = json!({"initialization": {"mode": "clone", "modules": ["no-module"]}, "database": {"name": "_old"}});
        let mut new = instance("shop", with(smallest(), spec));
        let paths_of = ["spec.database.name", "spec.initialization.clone", "spec.initialization.modules[0]"];
        assert_eq!(paths(&guard(&new, &world.ctx()).unwrap().reported), paths_of);
        new.status.as_mut().unwrap().db_initialized = None;
        assert_eq!(paths(&guard(&new, &world.ctx()).unwrap_err()), paths_of);

        // Data that is somewhere else is not begun anew here.
        let spec = with(smallest(), json!({"database": {"credentialsSecretRef": {"name": "a"}}}));
        let mut elsewhere = instance("shop", spec);
        let path = ["spec.database.credentialsSecretRef"];
        assert_eq!(paths(&guard(&elsewhere, &world.ctx()).unwrap().reported), path);
        elsewhere.status.as_mut().unwrap().db_initialized = None;
        assert_eq!(paths(&guard(&elsewhere, &world.ctx()).unwrap_err()), path);
    }

    #[test]
    fn an_init_job_that_slipped_past_is_not_run() {
        let world = World::new();
        let job = |spec: serde_json::Value| -> OdooInitJob {
            serde_json::from_value(json!({
                "apiVersion": "bemade.org/v1", "kind": "OdooInitJob",
                "metadata": {"name": "init", "namespace": "eu"}, "spec": spec,
            }))
            .unwrap()
        };
        // Neither a missing instance nor a receiver that is not called stops it.
        let good = job(json!({"odooInstanceRef": {"name": "later"}, "webhook": {"url": "http://localhost/"}}));
        assert_eq!(guard_init_job(&good, &world.ctx()), []);
        let bad = job(json!({"odooInstanceRef": {"name": "far", "namespace": "us"}, "modules": ["--config=x"]}));
        assert_eq!(paths(&guard_init_job(&bad, &world.ctx())), ["spec.odooInstanceRef.namespace", "spec.modules[0]"]);
    }

    #[test]
    fn of_two_with_the_same_host_the_later_one_is_told() {
        let mut world = World::new();
        let spec = with(smallest(), json!({"ingress": {"hosts": ["both.example.com"]}}));
        world.hosts.insert("both.example.com", ObjectKey::new("eu", "first"));
        assert!(guard(&instance("first", spec.clone()), &world.ctx()).is_ok());
        assert_eq!(guard(&instance("second", spec), &world.ctx()).unwrap_err()[0].path, "spec.ingress.hosts[0]");
    }

    #[test]
    fn a_name_that_is_there_already_is_lived_with() {
        let world = World::new();
        assert!(guard(&instance(&"a".repeat(60), smallest()), &world.ctx()).is_ok());
    }
}
