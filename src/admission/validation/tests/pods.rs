//! Rule 31. The cluster test `refusals::what_rule_31_refuses_the_api_server_refuses` holds it against the API server.

use serde_json::{Value, json};

use super::Trial;
use crate::admission::subject::Kind;
use crate::admission::violation::Reason::{Invalid, NotSupported};

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
    let long = |bytes: usize| json!({"ingress": {"annotations": {"a": "x".repeat(bytes / 2 - 1), "b": "x".repeat(bytes - bytes / 2 - 1)}}});
    instance(long(262_144)).clean();
    refused("spec.ingress.annotations", long(262_145));
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
    // What is Kubernetes' own by its name is not counted one by one.
    let native = json!({"kubernetes.io/foo": "500m", "requests.kubernetes.io/foo": "1", "a.kubernetes.io/foo": "1"});
    instance(json!({"resources": {"requests": native}})).clean();
    refused("spec.resources.requests[foo]", json!({"resources": {"requests": {"foo": "1"}}}));
    refused("spec.cron.resources.limits[storage]", json!({"cron": {"resources": {"limits": {"storage": "1"}}}}));
    refused("spec.resources.claims", json!({"resources": {"claims": [{"name": "gpu"}]}}));
}

#[test]
fn rule_31_resources_that_are_not_shared() {
    let of = |requests: Value, limits: Value| json!({"resources": {"requests": requests, "limits": limits}});
    for good in [
        of(json!({}), json!({"example.com/gpu": "2000m"})),
        of(json!({"example.com/gpu": "1k"}), json!({"example.com/gpu": "1000"})),
        of(json!({"cpu": "1"}), json!({"hugepages-2Mi": "0"})),
        of(json!({"hugepages-1Gi": "2Gi"}), json!({"hugepages-1Gi": "2048Mi", "memory": "1Gi"})),
        of(json!({}), json!({format!("{}/a", "x".repeat(244)): "1"})),
    ] {
        instance(good).clean();
    }
    for (path, bad) in [
        ("limits[example.com/gpu]", of(json!({"example.com/gpu": "1"}), json!({}))),
        ("requests[example.com/gpu]", of(json!({"example.com/gpu": "1"}), json!({"example.com/gpu": "2"}))),
        ("limits[example.com/gpu]", of(json!({}), json!({"example.com/gpu": "500m"}))),
        ("limits[requests.example.com/foo]", of(json!({}), json!({"requests.example.com/foo": "1"}))),
        ("limits[hugepages-2Mi]", of(json!({"cpu": "1", "hugepages-2Mi": "4Mi"}), json!({}))),
        ("requests[hugepages-2Mi]", of(json!({"cpu": "1", "hugepages-2Mi": "2Mi"}), json!({"hugepages-2Mi": "4Mi"}))),
        ("limits[hugepages-2Mi]", of(json!({"cpu": "1"}), json!({"hugepages-2Mi": "3Mi"}))),
        ("limits[hugepages-big]", of(json!({"cpu": "1"}), json!({"hugepages-big": "1"}))),
    ] {
        refused(&format!("spec.resources.{path}"), bad);
    }
    refused("spec.cron.resources", json!({"cron": {"resources": {"limits": {"hugepages-2Mi": "4Mi"}}}}));
    let long = format!("{}/a", "x".repeat(245));
    refused(&format!("spec.resources.limits[{long}]"), of(json!({}), json!({&long: "1"})));
    // Once, by rule 2.
    refused(
        "spec.resources.requests[example.com/gpu]",
        of(json!({"example.com/gpu": "2"}), json!({"example.com/gpu": "1"})),
    );
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
        ("value", json!({"key": "a", "operator": "Gt", "value": "many"})),
        ("value", json!({"key": "a", "operator": "Lt", "value": "007"})),
        ("value", json!({"key": "a", "operator": "Lt"})),
    ] {
        refused(&format!("spec.tolerations[0].{field}"), one(bad));
    }
    instance(one(json!({"key": "a", "operator": "Gt", "value": "-5"})))
        .warned("spec.tolerations[0].operator", "Lt and Gt are not taken by every API server");
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
    let mut otherwise = good.clone();
    otherwise["whenUnsatisfiable"] = json!("ScheduleAnyway");
    instance(json!({"topologySpreadConstraints": [good, otherwise]})).clean();
    refused("spec.topologySpreadConstraints[2]", json!({"topologySpreadConstraints": [good, otherwise, good]}));
}

#[test]
fn rule_31_keys_of_the_pod() {
    let spread = |keys: Value, selector: Value| {
        json!({"topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule", "matchLabelKeys": keys, "labelSelector": selector,
        }]})
    };
    let keys = "spec.topologySpreadConstraints[0].matchLabelKeys";
    instance(spread(json!(["pod-template-hash"]), json!({}))).clean();
    instance(spread(json!([]), Value::Null)).clean();
    refused(keys, spread(json!(["app"]), Value::Null));
    refused(&format!("{keys}[0]"), spread(json!(["x y"]), json!({})));
    refused(&format!("{keys}[0]"), spread(json!(["app"]), json!({"matchLabels": {"app": "shop"}})));
    let twice = json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]});
    refused(&format!("{keys}[0]"), spread(json!(["a"]), twice));
    instance(spread(json!(["a"]), json!({"matchLabels": {"a": "b"}})))
        .warned(&format!("{keys}[0]"), "is in labelSelector too, which not every API server takes");

    let near = |more: Value| {
        let mut term = json!({"topologyKey": "a"});
        json_patch::merge(&mut term, &more);
        json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
    };
    let term = "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]";
    let selected = |more: Value| {
        let mut term = json!({"labelSelector": {"matchLabels": {"a": "b"}}});
        json_patch::merge(&mut term, &more);
        near(term)
    };
    instance(selected(json!({"matchLabelKeys": ["app"], "mismatchLabelKeys": ["a", "b"], "namespaces": ["eu-1"]})))
        .clean();
    instance(selected(json!({"matchLabelKeys": ["a"]}))).clean();
    for (field, bad) in [
        ("matchLabelKeys", near(json!({"matchLabelKeys": ["app"]}))),
        ("mismatchLabelKeys", near(json!({"mismatchLabelKeys": ["app"]}))),
        ("mismatchLabelKeys[0]", selected(json!({"mismatchLabelKeys": ["x y"]}))),
        ("matchLabelKeys[0]", selected(json!({"matchLabelKeys": ["app"], "mismatchLabelKeys": ["app"]}))),
        (
            "matchLabelKeys[1]",
            selected(json!({"matchLabelKeys": ["b", "app"], "labelSelector": {"matchLabels": {"app": "shop"}}})),
        ),
        ("namespaces[1]", near(json!({"namespaces": ["eu", "Eu"]}))),
        ("namespaces[0]", near(json!({"namespaces": ["a.b"]}))),
    ] {
        refused(&format!("{term}.{field}"), bad);
    }
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
        ("values[1]", json!({"key": "a", "operator": "In", "values": ["b", "b c"]})),
        ("values[0]", json!({"key": "a", "operator": "Gt", "values": ["-5"]})),
    ] {
        refused(&format!("{expressions}.{field}"), node(bad));
    }
    let none = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}});
    refused(
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
        json!({"affinity": {"nodeAffinity": none}}),
    );
    let field = |field: Value| {
        let term = json!({"weight": 1, "preference": {"matchFields": [field]}});
        json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}})
    };
    let fields =
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0]";
    instance(field(json!({"key": "metadata.name", "operator": "NotIn", "values": ["node-1.example.com"]}))).clean();
    for (at, bad) in [
        ("key", json!({"key": "metadata.labels", "operator": "In", "values": ["a"]})),
        ("operator", json!({"key": "metadata.name", "operator": "Exists", "values": ["a"]})),
        ("values", json!({"key": "metadata.name", "operator": "In"})),
        ("values", json!({"key": "metadata.name", "operator": "In", "values": ["a", "b"]})),
        ("values[0]", json!({"key": "metadata.name", "operator": "In", "values": ["Node"]})),
    ] {
        refused(&format!("{fields}.{at}"), field(bad));
    }
    let preferred =
        json!({"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b c"]}]}});
    instance(json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [preferred]}}}))
        .clean();
    let apart = |weight: i32, topology: &str| {
        let term = json!({"weight": weight, "podAffinityTerm": {"topologyKey": topology, "labelSelector": {}}});
        json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}})
    };
    let preferred = "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]";
    instance(apart(100, "topology.kubernetes.io/zone")).clean();
    refused(&format!("{preferred}.weight"), apart(101, "a"));
    refused(&format!("{preferred}.podAffinityTerm.topologyKey"), apart(1, ""));
    let selector = json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b c"]}]});
    let term = json!({"topologyKey": "a", "namespaceSelector": selector});
    refused(
        "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespaceSelector.matchExpressions[0].values[0]",
        json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}),
    );
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
    let secret = |name: &str, key: &str| from(json!({"secretKeyRef": {"name": name, "key": key}}));
    instance(secret("a.b", ".A-b_c")).clean();
    refused("spec.extraEnv[0].valueFrom.secretKeyRef.name", secret("A b", "c"));
    refused("spec.extraEnv[0].valueFrom.secretKeyRef.key", secret("a", "b c"));
    refused("spec.extraEnv[0].valueFrom.secretKeyRef.key", secret("a", ".."));
    instance(json!({"extraEnvFrom": [{"secretRef": {"name": "a"}}, {"prefix": "B_", "configMapRef": {"name": "b"}}]}))
        .clean();
    refused("spec.extraEnvFrom[0]", json!({"extraEnvFrom": [{}]}));
    refused("spec.extraEnvFrom[0].secretRef.name", json!({"extraEnvFrom": [{"secretRef": {"name": "A b"}}]}));
}

#[test]
fn rule_31_variables_of_the_pod() {
    let from = |source: Value| json!({"extraEnv": [{"name": "A", "valueFrom": source}]});
    let field = |path: &str| from(json!({"fieldRef": {"fieldPath": path}}));
    for good in
        ["metadata.uid", "status.hostIPs", "spec.host", "metadata.labels['app']", "metadata.annotations['Ab.c/D']"]
    {
        instance(field(good)).clean();
    }
    for bad in [
        "metadata.nme",
        "",
        "metadata.labels",
        "metadata.labels['']",
        "metadata.labels['A.b/C']",
        "spec['a']",
        "status.phase",
    ] {
        refused("spec.extraEnv[0].valueFrom.fieldRef.fieldPath", field(bad));
    }
    let version = |version: &str| from(json!({"fieldRef": {"fieldPath": "metadata.name", "apiVersion": version}}));
    instance(version("v1")).clean();
    instance(version("")).clean();
    refused("spec.extraEnv[0].valueFrom.fieldRef.apiVersion", version("v2"));

    let resource =
        |name: &str, divisor: &str| from(json!({"resourceFieldRef": {"resource": name, "divisor": divisor}}));
    for (name, divisor) in [
        ("limits.cpu", "1m"),
        ("requests.cpu", "1000m"),
        ("limits.memory", "1Mi"),
        ("requests.memory", "1024Ki"),
        ("limits.ephemeral-storage", "1000"),
        ("limits.memory", "1E"),
        ("limits.memory", "0.0009765625Ki"),
        ("requests.hugepages-2Mi", "0"),
    ] {
        instance(resource(name, divisor)).clean();
    }
    instance(from(json!({"resourceFieldRef": {"resource": "limits.hugepages-2Mi"}}))).clean();
    for name in ["", "limits", "limits.gpu", "cpu", "limits.example.com/gpu"] {
        refused("spec.extraEnv[0].valueFrom.resourceFieldRef.resource", resource(name, "1"));
    }
    for (name, divisor) in [
        ("limits.cpu", "2"),
        ("limits.cpu", "1k"),
        ("limits.memory", "1m"),
        ("limits.memory", "2Mi"),
        ("limits.memory", "1024"),
        ("limits.memory", "1e3"),
        ("limits.memory", "1e0"),
        ("requests.hugepages-2Mi", "-1"),
        ("requests.memory", "one"),
    ] {
        refused("spec.extraEnv[0].valueFrom.resourceFieldRef.divisor", resource(name, divisor));
    }
    let prefix = |prefix: &str| json!({"extraEnvFrom": [{"prefix": prefix, "secretRef": {"name": "a"}}]});
    instance(prefix("")).clean();
    instance(prefix("a b/")).clean();
    instance(prefix("A=hush")).refused(
        "spec.extraEnvFrom[0].prefix",
        Invalid,
        "\"A=…\" is no beginning of a variable's name; write one like SHOP_, without =",
    );
}

#[test]
fn rule_31_gateway() {
    let gateway = |more: Value| {
        let mut gateway = json!({"name": "Any name", "namespace": "infra"});
        json_patch::merge(&mut gateway, &more);
        json!({"ingress": {"gatewayRef": gateway}})
    };
    instance(gateway(json!({"sectionName": "https.eu"}))).clean();
    for (field, bad) in [
        ("name", json!({"name": ""})),
        ("name", json!({"name": "x".repeat(254)})),
        ("namespace", json!({"namespace": ""})),
        ("namespace", json!({"namespace": "a.b"})),
        ("sectionName", json!({"sectionName": ""})),
        ("sectionName", json!({"sectionName": "Https"})),
    ] {
        refused(&format!("spec.ingress.gatewayRef.{field}"), gateway(bad));
    }
    let hosts = |count: usize| -> Vec<String> { (0..count).map(|number| format!("a{number}.example.com")).collect() };
    let mut routed = gateway(json!({}));
    routed["ingress"]["hosts"] = json!(hosts(16));
    instance(routed.clone()).clean();
    instance(json!({"ingress": {"hosts": hosts(17)}})).clean();
    routed["ingress"]["hosts"] = json!(hosts(17));
    instance(routed).refused(
        "spec.ingress.hosts",
        Invalid,
        "are 17, and an HTTPRoute takes 16; use a wildcard, a second instance, or an Ingress",
    );
}

#[test]
fn rule_31_secrets() {
    let reference = |name: &str, key: &str| json!({"name": name, "key": key});
    let s3 = |more: Value| {
        let mut s3 = json!({"bucket": "backups", "objectKey": "a", "endpoint": "https://s3.example.com"});
        json_patch::merge(&mut s3, &more);
        s3
    };
    let admin = |name: &str, key: &str| json!({ "adminPasswordSecretRef": reference(name, key) });
    instance(admin("a.b", "Key_1.txt")).clean();
    instance(json!({"imagePullSecret": ""})).clean();
    let none = s3(json!({"s3CredentialsSecretRef": {}}));
    instance(json!({"initialization": {"restore": {"s3": none}}})).clean();
    refused("spec.imagePullSecret", json!({"imagePullSecret": "My_Registry"}));
    refused("spec.adminPasswordSecretRef.name", admin("Later", "a"));
    refused("spec.adminPasswordSecretRef.name", admin("", "a"));
    refused("spec.adminPasswordSecretRef.key", admin("a", ""));
    refused("spec.adminPasswordSecretRef.key", admin("a", "b c"));
    let hook = |more: Value| {
        let mut hook = json!({"url": "https://example.com"});
        json_patch::merge(&mut hook, &more);
        json!({ "webhook": hook })
    };
    refused("spec.webhook.tokenSecretRef.name", hook(json!({"tokenSecretRef": reference("a/b", "c")})));
    refused("spec.webhook.signingSecretRef.key", hook(json!({"signingSecretRef": reference("a", "b/c")})));
    let restore = |restore: Value| json!({"initialization": {"restore": restore}});
    refused(
        "spec.initialization.restore.masterPasswordSecretRef.name",
        restore(json!({"url": "https://a.example.com", "masterPasswordSecretRef": reference("A", "b")})),
    );
    let target = json!({"name": "live"});
    let backup = |more: Value| Trial::of(Kind::BackupJob, json!({"odooInstanceRef": target, "destination": s3(more)}));
    backup(json!({"s3CredentialsSecretRef": {"name": "a"}})).accepted();
    backup(json!({"s3CredentialsSecretRef": {"name": "A"}})).refused_at("spec.destination.s3CredentialsSecretRef.name");
    backup(json!({"caSecretRef": reference("a", "")})).refused_at("spec.destination.caSecretRef.key");
    let odoo = json!({"url": "https://a.example.com", "masterPasswordSecretRef": reference("A", "b")});
    Trial::of(Kind::RestoreJob, json!({"odooInstanceRef": target, "source": {"type": "odoo", "odoo": odoo}}))
        .refused_at("spec.source.odoo.masterPasswordSecretRef.name");
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

#[test]
fn rule_11_bounds_of_a_rolling_update() {
    let bounds = |bounds: Value| json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": bounds}});
    instance(bounds(json!({"maxUnavailable": "100%", "maxSurge": "150%"}))).clean();
    instance(bounds(json!({"maxUnavailable": 150}))).clean();
    instance(bounds(json!({"maxUnavailable": "150%"}))).refused(
        "spec.strategy.rollingUpdate.maxUnavailable",
        Invalid,
        "is more than all pods; write at most \"100%\"",
    );
    refused("spec.strategy.rollingUpdate.maxUnavailable", bounds(json!({"maxUnavailable": "99999999999%"})));
}
