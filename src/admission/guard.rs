//! The same judgement for the reconciler: an object that slipped past the webhooks is reported, not executed.

use super::context::Context;
use super::defaulting::{self, Source};
use super::subject::Spec;
use super::validation::{self, Case, Migration, State};
use super::violation::Violation;
use crate::api::v1::OdooInstance;

/// The instance with its defaults, or everything that is wrong with it. Nothing changes here, so rules about changes
/// find nothing.
pub fn guard(instance: &OdooInstance, ctx: &Context<'_>) -> Result<OdooInstance, Vec<Violation>> {
    let mut spec = Spec::Instance(Box::new(instance.spec.clone()));
    let clusters = ctx.lookup.clusters();
    let default_cluster = clusters.as_ref().and_then(|clusters| clusters.default.as_deref());
    defaulting::default(&mut spec, Source { defaults: &ctx.settings.defaults, default_cluster, old: None });
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
    let case = Case {
        name: instance.metadata.name.as_deref().unwrap_or_default(),
        generated: false,
        namespace: instance.metadata.namespace.as_deref().unwrap_or_default(),
        spec: &spec,
        // As it is stored: rules about changes, and about new names, have had their say.
        old: Some(&spec),
        state: &state,
        ctx: *ctx,
    };
    let violations = validation::apply(&case).violations;
    match spec {
        Spec::Instance(spec) if violations.is_empty() => Ok(OdooInstance { spec: *spec, ..instance.clone() }),
        _ => Err(violations),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::guard;
    use crate::admission::ObjectKey;
    use crate::admission::tests::{World, smallest, with};
    use crate::api::v1::OdooInstance;

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
        assert_eq!(found.spec.image.as_deref(), Some("odoo:18.0"));
        assert_eq!(found.spec.database.unwrap().cluster.as_deref(), Some("main"));
        assert_eq!(found.metadata.uid.as_deref(), Some("1"));
    }

    #[test]
    fn a_bad_one_is_told_everything() {
        let world = World::new();
        let spec = with(smallest(), json!({"image": "No Image", "configOptions": {"db_host": "x"}}));
        let found = guard(&instance("shop", spec), &world.ctx()).unwrap_err();
        let paths: Vec<_> = found.iter().map(|violation| violation.path.as_str()).collect();
        assert_eq!(paths, ["spec.configOptions[db_host]", "spec.image"]);
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
