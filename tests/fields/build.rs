//! Every object that the builders make of an instance.

use std::collections::{BTreeMap, BTreeSet};

use odoo_operator::api::v1::{OdooInitJob, OdooInstance};
use odoo_operator::lifecycle::wanted_pods;
use odoo_operator::resources::{
    DatabaseAccess, Inputs, InstanceSecrets, OdooVersion, Routing, cron, init_job_cr, jobs, pdb, pvc, secret, service,
    service_account, web,
};
use serde_json::{Value, json};

fn typed<T: serde::de::DeserializeOwned>(kind: &str, spec: &Value) -> T {
    serde_json::from_value(json!({
        "apiVersion": "bemade.org/v1",
        "kind": kind,
        "metadata": {"name": "shop", "namespace": "eu", "uid": "3f2a9c1e-0b7d-4c55-9a10-77aa01fe23bd"},
        "spec": spec,
    }))
    .unwrap()
}

fn of_instance(instance: &OdooInstance, init: Option<&OdooInitJob>) -> BTreeMap<&'static str, Value> {
    let database = DatabaseAccess { host: "pg".to_owned(), port: 5432, ..DatabaseAccess::default() };
    let secrets = InstanceSecrets::unknown();
    let inputs = Inputs {
        instance,
        image: instance.spec.image.as_deref().unwrap_or("odoo:18.0"),
        database: &database,
        secrets: &secrets,
        odoo_version: OdooVersion::parse("19.0"),
    };
    let (web_pods, cron_pods) = wanted_pods(&instance.spec);
    let json = |value: Result<Value, serde_json::Error>| value.unwrap();
    let routing = match Routing::of(&inputs) {
        Some(Routing::Ingress(ingress)) => json(serde_json::to_value(ingress)),
        Some(Routing::HttpRoute(route)) => json(serde_json::to_value(route)),
        None => Value::Null,
    };
    let made = init_job_cr::auto_init(&inputs);
    let init = init.unwrap_or(&made);
    BTreeMap::from([
        ("odoo.conf", json(serde_json::to_value(secret::odoo_conf(&inputs)))),
        ("user", json(serde_json::to_value(secret::user(&inputs)))),
        ("pvc", json(serde_json::to_value(pvc::filestore(&inputs)))),
        ("service", json(serde_json::to_value(service::web(&inputs)))),
        ("service account", json(serde_json::to_value(service_account::pods(&inputs)))),
        ("routing", routing),
        ("web", json(serde_json::to_value(web::deployment(&inputs, web_pods)))),
        ("cron", json(serde_json::to_value(cron::deployment(&inputs, cron_pods)))),
        ("pdb", json(serde_json::to_value(pdb::web(&inputs)))),
        ("auto init", json(serde_json::to_value(&made))),
        ("init job", json(serde_json::to_value(jobs::init::job(&inputs, init)))),
    ])
}

/// Names of the objects that are not the same with both specs.
pub fn that_differ(kind: &str, before: &Value, after: &Value) -> BTreeSet<&'static str> {
    let build = |spec: &Value| {
        if kind == "OdooInstance" {
            of_instance(&typed(kind, spec), None)
        } else {
            let instance = typed("OdooInstance", &super::table::smallest("OdooInstance"));
            of_instance(&instance, Some(&typed(kind, spec)))
        }
    };
    let (before, after) = (build(before), build(after));
    before.iter().filter(|(name, object)| after[*name] != **object).map(|(name, _)| *name).collect()
}
