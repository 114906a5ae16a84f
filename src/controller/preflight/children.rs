//! What becomes of the objects of an instance.

use serde_json::Value;

use super::collect::{Child, World};
use super::report::Finding;
use crate::api::labels::INSTANCE_UID;
use crate::controller::apply::{Owner, is_ours};
use crate::resources::names;

/// Judges the objects with the names of the children of an instance with this spec, in v1.
pub fn judge(world: &World, owner: &Owner, spec: &Value) -> Vec<Finding> {
    let mut names = vec![
        ("Deployment", names::web(&owner.name)),
        ("Deployment", names::cron(&owner.name)),
        ("PersistentVolumeClaim", names::filestore(&owner.name)),
        ("ConfigMap", names::odoo_conf(&owner.name)),
        ("Service", names::web(&owner.name)),
        ("ServiceAccount", names::service_account(&owner.name)),
        ("Secret", names::user_secret(&owner.name)),
        ("Secret", names::odoo_conf(&owner.name)),
    ];
    if spec["ingress"]["hosts"].as_array().is_some_and(|hosts| !hosts.is_empty()) {
        let kind = if spec["ingress"]["gatewayRef"].is_null() { "Ingress" } else { "HTTPRoute" };
        names.push((kind, names::web(&owner.name)));
    }
    let budget = &spec["podDisruptionBudget"]["enabled"];
    if budget.as_bool().unwrap_or(spec["replicas"].as_i64().unwrap_or(1) > 1) {
        names.push(("PodDisruptionBudget", names::web(&owner.name)));
    }
    if spec["adminPassword"].is_null() && spec["adminPasswordSecretRef"].is_null() {
        names.push(("Secret", names::admin_secret(&owner.name)));
    }
    let found = names.iter().filter_map(|(kind, name)| {
        let child = world.children.iter().find(|child| {
            child.kind == *kind
                && child.meta.name.as_deref() == Some(name)
                && child.meta.namespace.as_deref() == Some(&owner.namespace)
        })?;
        one(child, name, owner)
    });
    let mut findings: Vec<_> = found.collect();
    findings.extend(cron_beside(world, owner));
    findings
}

/// Pods of a kind that an operator before did not have.
fn cron_beside(world: &World, owner: &Owner) -> Option<Finding> {
    let deployment = |name: &str| {
        world.deployments.iter().find(|it| {
            it.metadata.name.as_deref() == Some(name) && it.metadata.namespace.as_deref() == Some(&owner.namespace)
        })
    };
    let (web, cron) = (names::web(&owner.name), names::cron(&owner.name));
    let runs = deployment(&web).is_some_and(|web| is_ours(&web.metadata, owner));
    (runs && deployment(&cron).is_none()).then(|| {
        let message = "is made when the instance runs, unless cron.replicas is 0: pods for scheduled actions, beside \
                       the pods that run";
        Finding::change(format!("Deployment {cron}"), message)
    })
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

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_that_will_run_beside_those_that_do_are_told() {
        let owner = Owner { namespace: "eu".into(), name: "shop".into(), uid: "u".into() };
        let deployment = |name: &str| {
            let owners = [json!({"apiVersion": "bemade.org/v1", "kind": "OdooInstance", "name": "shop", "uid": "u"})];
            let metadata = json!({"name": name, "namespace": "eu", "ownerReferences": owners});
            serde_json::from_value::<Deployment>(json!({"metadata": metadata})).unwrap()
        };
        let told = |names: &[&str]| {
            let deployments = names.iter().map(|name| deployment(name)).collect();
            let world = World { deployments, ..World::default() };
            judge(&world, &owner, &json!({})).into_iter().map(|finding| finding.about).collect::<Vec<_>>()
        };
        assert_eq!(told(&["shop"]), ["Deployment shop-cron"]);
        assert_eq!(told(&["shop", "shop-cron"]), [""; 0]);
        assert_eq!(told(&[]), [""; 0]);
    }
    #[test]
    fn a_taken_name_is_told_where_the_instance_needs_it() {
        let owner = Owner { namespace: "eu".into(), name: "shop".into(), uid: "u".into() };
        let child = |kind, name: &str| Child {
            kind,
            meta: serde_json::from_value(json!({"name": name, "namespace": "eu"})).unwrap(),
        };
        let children = vec![
            child("Ingress", "shop"),
            child("HTTPRoute", "shop"),
            child("PodDisruptionBudget", "shop"),
            child("ServiceAccount", "shop-odoo"),
            child("Secret", "shop-admin"),
        ];
        let world = World { children, ..World::default() };
        let told = |spec| judge(&world, &owner, &spec).into_iter().map(|finding| finding.about).collect::<Vec<_>>();
        let account = "ServiceAccount shop-odoo";
        assert_eq!(told(json!({})), [account, "Secret shop-admin"]);
        let given = json!({"key": "password", "name": "mine"});
        assert_eq!(told(json!({"adminPasswordSecretRef": given})), [account]);
        let hosts = json!(["shop.example.com"]);
        assert_eq!(
            told(json!({"adminPassword": "p", "ingress": {"hosts": hosts}, "replicas": 2})),
            [account, "Ingress shop", "PodDisruptionBudget shop"]
        );
        assert_eq!(
            told(json!({"adminPassword": "p", "ingress": {"hosts": hosts, "gatewayRef": {"name": "main"}}})),
            [account, "HTTPRoute shop"]
        );
    }
}
