//! What becomes of the objects of an instance.

use super::collect::{Child, World};
use super::report::Finding;
use crate::api::labels::INSTANCE_UID;
use crate::controller::apply::{Owner, is_ours};
use crate::resources::names;

/// Judges the objects with the names of an instance's children.
pub fn judge(world: &World, owner: &Owner) -> Vec<Finding> {
    let names = [
        ("Deployment", names::web(&owner.name)),
        ("Deployment", names::cron(&owner.name)),
        ("PersistentVolumeClaim", names::filestore(&owner.name)),
        ("ConfigMap", names::odoo_conf(&owner.name)),
        ("Service", names::web(&owner.name)),
        ("Ingress", names::web(&owner.name)),
        ("Secret", names::user_secret(&owner.name)),
        ("Secret", names::odoo_conf(&owner.name)),
    ];
    let found = names.iter().filter_map(|(kind, name)| {
        let child = world.children.iter().find(|child| {
            child.kind == *kind
                && child.meta.name.as_deref() == Some(name)
                && child.meta.namespace.as_deref() == Some(&owner.namespace)
        })?;
        one(child, name, owner)
    });
    found.collect()
}

fn one(child: &Child, name: &str, owner: &Owner) -> Option<Finding> {
    let about = format!("{} {name}", child.kind);
    if !is_ours(&child.meta, owner) {
        if child.kind == "ConfigMap" {
            return None;
        }
        let message = "is not this instance's (no owner reference to it): it is left alone, and the instance says \
                       NameTaken until one of both has another name";
        return Some(Finding::attention(about, message));
    }
    if child.meta.labels.as_ref().is_some_and(|labels| labels.contains_key(INSTANCE_UID)) {
        return None;
    }
    let message = match child.kind {
        "Deployment" => {
            "keeps its pods and their template until the instance is changed, or annotated bemade.org/adopt: now; it \
             gets labels"
        }
        "PersistentVolumeClaim" => {
            "loses its owner reference, so that deletionPolicy decides about the files, and gets labels"
        }
        "ConfigMap" => "stays until the pods have moved to a Secret of this name, then it is removed",
        "Secret" => "keeps its password, and gets hashes of the admin password beside it",
        _ => "gets labels; what the instance says is applied to it",
    };
    Some(Finding::change(about, message))
}
