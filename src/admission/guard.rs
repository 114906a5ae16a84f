//! The same judgement for the reconciler: an object that slipped past the webhooks is reported, not executed.

use super::context::Context;
use super::defaulting::{self, Source};
use super::subject::Spec;
use super::validation::{self, Case, Migration, State};
use super::violation::Violation;
use crate::api::v1::OdooInstance;

/// The instance with its defaults, or everything that is wrong with it. Rules about changes are not applied: there is
/// no old object to compare with.
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
        old: None,
        state: &state,
        ctx: *ctx,
    };
    let violations = validation::apply(&case).violations;
    match spec {
        Spec::Instance(spec) if violations.is_empty() => Ok(OdooInstance { spec: *spec, ..instance.clone() }),
        _ => Err(violations),
    }
}
