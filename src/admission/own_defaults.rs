//! The operator's own defaults, judged by its own rules: every new instance would be refused for what is wrong with them.

use super::context::{Clusters, Context, InstanceFacts, Lookup, ObjectKey};
use super::defaulting::{self, Source};
use super::guard::guard;
use super::subject::Spec;
use super::violation::Violation;
use crate::api::settings::Settings;
use crate::api::v1::{Ingress, OdooInstance, OdooInstanceSpec};

/// A cluster with nothing in it.
struct Nothing;

impl Lookup for Nothing {
    fn host_owner(&self, _: &str) -> Option<ObjectKey> {
        None
    }

    fn database_owner(&self, _: &str, _: &str) -> Option<ObjectKey> {
        None
    }

    fn instance(&self, _: &str, _: &str) -> Option<InstanceFacts> {
        None
    }

    fn clusters(&self) -> Option<Clusters> {
        None
    }
}

/// Everything that is wrong with an instance of whose spec the settings decide all but a host name.
pub fn wrong_defaults(settings: &Settings) -> Vec<Violation> {
    let ingress = Ingress { hosts: vec!["instance.example.com".to_owned()], ..Ingress::default() };
    let mut spec = Spec::Instance(Box::new(OdooInstanceSpec { ingress, ..OdooInstanceSpec::default() }));
    let source = Source { defaults: &settings.defaults, default_cluster: None, is_new: true, old: None };
    defaulting::default(&mut spec, source);
    let Spec::Instance(spec) = spec else { return Vec::new() };
    let instance = OdooInstance::new("instance", *spec);
    match guard(&instance, &Context { settings, lookup: &Nothing }) {
        Ok(guarded) => guarded.reported,
        Err(violations) => violations,
    }
}
