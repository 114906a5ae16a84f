//! What of a spec shows in a pod template or in odoo.conf, as one hash.

use serde_json::Value;

use super::hex_sha256;
use crate::api::v1::OdooInstanceSpec;

/// Fields that show in neither.
const ELSEWHERE: [&str; 9] = [
    "deletionPolicy",
    "filestore",
    "ingress",
    "initialization",
    "podDisruptionBudget",
    "replicas",
    "suspend",
    "upgrade",
    "webhook",
];

/// Changes when a change of `spec` (defaulted) would show in a pod or in odoo.conf.
pub fn spec_hash(spec: &OdooInstanceSpec) -> String {
    let mut value = serde_json::to_value(spec).unwrap_or_default();
    let Some(fields) = value.as_object_mut() else { return String::new() };
    fields.retain(|name, _| !ELSEWHERE.contains(&name.as_str()));
    if let Some(cron) = fields.get_mut("cron").and_then(Value::as_object_mut) {
        cron.remove("replicas");
        if cron.is_empty() {
            fields.remove("cron");
        }
    }
    // Probes ask for it.
    fields.insert("host".to_owned(), spec.ingress.hosts.first().cloned().into());
    hex_sha256(value.to_string().as_bytes())[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hash(change: Value) -> String {
        let mut spec = json!({"image": "odoo:18.0", "ingress": {"hosts": ["a", "b"]}, "cron": {"replicas": 1}});
        json_patch::merge(&mut spec, &change);
        spec_hash(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn only_what_pods_show_changes_it() {
        let before = hash(json!({}));
        for same in [
            json!({"replicas": 3}),
            json!({"cron": {"replicas": 2}}),
            json!({"cron": null}),
            json!({"suspend": true, "deletionPolicy": "Delete"}),
            json!({"webhook": {"url": "https://a"}, "upgrade": {"modules": ["base"]}}),
            json!({"ingress": {"hosts": ["a"], "class": "nginx"}}),
        ] {
            assert_eq!(hash(same.clone()), before, "{same}");
        }
        for other in [
            json!({"image": "odoo:19.0"}),
            json!({"configOptions": {"workers": "2"}}),
            json!({"adminPassword": "x"}),
            json!({"cron": {"resources": {"limits": {"cpu": "1"}}}}),
            json!({"environment": "Production"}),
            json!({"ingress": {"hosts": ["c"]}}),
            json!({"extraEnv": [{"name": "A", "value": "1"}]}),
        ] {
            assert_ne!(hash(other.clone()), before, "{other}");
        }
    }
}
