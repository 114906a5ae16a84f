//! Rule 31. The cluster test `refusals::what_rule_31_refuses_the_api_server_refuses` holds it against the API server.

use serde_json::{Value, json};

use super::Trial;
use crate::admission::violation::Reason::NotSupported;

fn instance(more: Value) -> Trial {
    Trial::instance(more)
}

fn refused(path: &str, more: Value) {
    instance(more).refused_at(path);
}

#[test]
fn rule_31_names_of_other_objects() {
    instance(json!({
        "ingress": {"class": "nginx.internal"}, "filestore": {"storageClass": ""}, "priorityClassName": "system-node-critical",
    }))
    .clean();
    refused("spec.ingress.class", json!({"ingress": {"class": "Nginx"}}));
    refused("spec.filestore.storageClass", json!({"filestore": {"storageClass": "fast_ssd"}}));
    refused("spec.priorityClassName", json!({"priorityClassName": "a/b"}));
}

#[test]
fn rule_31_annotations_and_node_labels() {
    let annotations = |key: &str| json!({"ingress": {"annotations": {key: "any thing"}}});
    instance(annotations("nginx.ingress.kubernetes.io/proxy-body-size")).clean();
    instance(annotations("Example.com/a")).clean();
    for key in ["bad key!", "", "a/b/c", "/a", "a/", "-a"] {
        refused(&format!("spec.ingress.annotations[{key}]"), annotations(key));
    }
    instance(json!({"nodeSelector": {"kubernetes.io/arch": "amd64", "dedicated": "", "a_B.c": "A_b.C-1"}})).clean();
    refused("spec.nodeSelector[a b]", json!({"nodeSelector": {"a b": "c"}}));
    refused("spec.nodeSelector[a]", json!({"nodeSelector": {"a": "c d"}}));
    refused("spec.nodeSelector[a]", json!({"nodeSelector": {"a": "x".repeat(64)}}));
    refused("spec.nodeSelector[EXAMPLE.com/a]", json!({"nodeSelector": {"EXAMPLE.com/a": "b"}}));
}

#[test]
fn rule_31_resources() {
    let known = json!({"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi", "example.com/gpu": "1"});
    instance(json!({"resources": {"requests": known, "limits": known}, "cron": {"resources": {"limits": known}}}))
        .clean();
    refused("spec.resources.requests[foo]", json!({"resources": {"requests": {"foo": "1"}}}));
    refused("spec.cron.resources.limits[storage]", json!({"cron": {"resources": {"limits": {"storage": "1"}}}}));
    refused("spec.resources.claims", json!({"resources": {"claims": [{"name": "gpu"}]}}));
}

#[test]
fn rule_31_tolerations() {
    let one = |toleration: Value| json!({ "tolerations": [toleration] });
    for good in [
        json!({"operator": "Exists"}),
        json!({"key": "dedicated", "value": "odoo"}),
        json!({"key": "dedicated", "operator": "Equal", "value": "", "effect": "NoSchedule"}),
        json!({"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}),
    ] {
        instance(one(good)).clean();
    }
    instance(one(json!({"key": "a", "effect": "Never"}))).refused(
        "spec.tolerations[0].effect",
        NotSupported,
        "\"Never\" is none of NoSchedule, PreferNoSchedule, NoExecute",
    );
    for (field, bad) in [
        ("operator", json!({"key": "a", "operator": "Foo"})),
        ("operator", json!({"value": "b"})),
        ("value", json!({"key": "a", "operator": "Exists", "value": "b"})),
        ("value", json!({"key": "a", "value": "b c"})),
        ("key", json!({"key": "a b", "operator": "Exists"})),
        ("effect", json!({"key": "a", "effect": "Never"})),
        ("tolerationSeconds", json!({"key": "a", "tolerationSeconds": 1})),
    ] {
        refused(&format!("spec.tolerations[0].{field}"), one(bad));
    }
}

#[test]
fn rule_31_spread() {
    let good = json!({"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"});
    let with = |more: Value| {
        let mut constraint = good.clone();
        json_patch::merge(&mut constraint, &more);
        json!({ "topologySpreadConstraints": [constraint] })
    };
    instance(with(json!({"minDomains": 2, "nodeTaintsPolicy": "Honor", "labelSelector": {"matchLabels": {"a": "b"}}})))
        .clean();
    for (path, bad) in [
        (".maxSkew", json!({"maxSkew": 0})),
        (".topologyKey", json!({"topologyKey": ""})),
        (".whenUnsatisfiable", json!({"whenUnsatisfiable": "x"})),
        (".minDomains", json!({"minDomains": 0})),
        (".minDomains", json!({"minDomains": 1, "whenUnsatisfiable": "ScheduleAnyway"})),
        (".nodeAffinityPolicy", json!({"nodeAffinityPolicy": "x"})),
        (".labelSelector.matchLabels[a]", json!({"labelSelector": {"matchLabels": {"a": "b c"}}})),
        (
            ".labelSelector.matchExpressions[0].values",
            json!({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
        ),
    ] {
        refused(&format!("spec.topologySpreadConstraints[0]{path}"), with(bad));
    }
    refused("spec.topologySpreadConstraints[1]", json!({"topologySpreadConstraints": [good, good]}));
}

#[test]
fn rule_31_affinity() {
    let node = |expression: Value| {
        let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [expression]}]});
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
    };
    let expressions = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]";
    instance(node(json!({"key": "a", "operator": "In", "values": ["b"]}))).clean();
    instance(node(json!({"key": "a", "operator": "Gt", "values": ["5"]}))).clean();
    for (field, bad) in [
        ("key", json!({"key": "a b", "operator": "Exists"})),
        ("operator", json!({"key": "a", "operator": "Is", "values": ["b"]})),
        ("values", json!({"key": "a", "operator": "In"})),
        ("values", json!({"key": "a", "operator": "Exists", "values": ["b"]})),
        ("values", json!({"key": "a", "operator": "Lt"})),
    ] {
        refused(&format!("{expressions}.{field}"), node(bad));
    }
    let none = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}});
    refused(
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
        json!({"affinity": {"nodeAffinity": none}}),
    );
    let apart = |weight: i32, topology: &str| {
        let term = json!({"weight": weight, "podAffinityTerm": {"topologyKey": topology, "labelSelector": {}}});
        json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}})
    };
    let preferred = "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]";
    instance(apart(100, "topology.kubernetes.io/zone")).clean();
    refused(&format!("{preferred}.weight"), apart(101, "a"));
    refused(&format!("{preferred}.podAffinityTerm.topologyKey"), apart(1, ""));
}

#[test]
fn rule_31_sources_of_variables() {
    let from = |source: Value| json!({"extraEnv": [{"name": "A", "valueFrom": source}]});
    instance(from(json!({"secretKeyRef": {"name": "a", "key": "b"}}))).clean();
    refused("spec.extraEnv[0].valueFrom", from(json!({})));
    let two = json!({"secretKeyRef": {"name": "a", "key": "b"}, "fieldRef": {"fieldPath": "metadata.name"}});
    refused("spec.extraEnv[0].valueFrom", from(two));
    refused("spec.extraEnv[0].valueFrom.secretKeyRef.name", from(json!({"secretKeyRef": {"name": "", "key": "b"}})));
    refused(
        "spec.extraEnv[0].valueFrom.configMapKeyRef.key",
        from(json!({"configMapKeyRef": {"name": "a", "key": ""}})),
    );
    instance(json!({"extraEnvFrom": [{"secretRef": {"name": "a"}}, {"prefix": "B_", "configMapRef": {"name": "b"}}]}))
        .clean();
    refused("spec.extraEnvFrom[0]", json!({"extraEnvFrom": [{}]}));
    refused("spec.extraEnvFrom[0].secretRef.name", json!({"extraEnvFrom": [{"secretRef": {"name": "A b"}}]}));
}

#[test]
fn rule_31_probes_and_budget() {
    refused("spec.probes.readinessPath", json!({"probes": {"readinessPath": ""}}));
    let budget = |least: Value| json!({"podDisruptionBudget": {"enabled": true, "minAvailable": least}});
    for good in [json!(0), json!(3), json!("0%"), json!("100%")] {
        instance(budget(good)).clean();
    }
    for bad in [json!(-1), json!("half"), json!("101%"), json!("3")] {
        refused("spec.podDisruptionBudget.minAvailable", budget(bad));
    }
}
