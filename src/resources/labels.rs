//! Labels of the objects and pods of an instance.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{Inputs, names};
use crate::api::labels as keys;
use crate::api::v1::Environment;

/// Selector of the pods of a Deployment: `app=<Deployment name>`, nothing more. It is the existing operator's, and a
/// Deployment's selector cannot be changed.
pub fn selector(deployment: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(keys::APP.to_owned(), deployment.to_owned())])
}

/// Labels of every object of an instance. `component` says what part it is of: web, cron, init, …
pub fn common(inputs: &Inputs<'_>, component: &str) -> BTreeMap<String, String> {
    let environment = match inputs.spec().environment() {
        Environment::Staging => "staging",
        Environment::Production => "production",
    };
    let name = names::label_value(inputs.name());
    [
        ("app.kubernetes.io/name", "odoo".to_owned()),
        ("app.kubernetes.io/instance", name.clone()),
        ("app.kubernetes.io/component", component.to_owned()),
        ("app.kubernetes.io/part-of", "odoo".to_owned()),
        (keys::MANAGED_BY, keys::MANAGER.to_owned()),
        (keys::INSTANCE, name),
        (keys::INSTANCE_UID, inputs.uid()),
        (keys::ENVIRONMENT, environment.to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Labels of a Deployment's pods.
pub(super) fn pods(inputs: &Inputs<'_>, component: &str, deployment: &str) -> BTreeMap<String, String> {
    let mut labels = common(inputs, component);
    labels.extend(selector(deployment));
    labels
}

/// [`selector`] as the objects that select pods want it.
pub(super) fn label_selector(deployment: &str) -> LabelSelector {
    LabelSelector { match_labels: Some(selector(deployment)), match_expressions: None }
}
