//! Manifests that are refused, and in which words.

#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values")]

use serde_json::{Value, json};

use super::world::{Namespace, eventually, shared, text};

/// What kubectl prints of a refusal: a line for each cause.
fn causes(refused: &str) -> Vec<&str> {
    refused.lines().filter_map(|line| line.strip_prefix("* ")).collect()
}

#[test]
fn ten_broken_rules_are_told_at_once_with_what_would_be_right() {
    let space = shared().namespace("ten");
    let refused = space.refused(
        r"apiVersion: bemade.org/v1
kind: OdooInstance
metadata: {name: bad}
spec:
  image: 'Not An Image'
  replicas: 2
  ingress: {hosts: [Shop.example.com]}
  filestore: {storageSize: 5GiB, accessMode: ReadWriteOnce}
  configOptions: {db_host: elsewhere}
  database: {cluster: nowhere, name: postgres}
  strategy: {rollingUpdate: {maxSurge: 1}}
  webhook: {url: 'ftp://receiver.example.com'}
  extraEnv: [{name: PGHOST, value: elsewhere}]
",
    );
    assert_eq!(
        causes(&refused),
        [
            "spec.ingress.hosts[0]: Invalid value: \"Shop.example.com\" has capitals; write \"shop.example.com\"",
            "spec.filestore.storageSize: Invalid value: \"5GiB\" is no quantity; write a number with a suffix, such as \
             500m, 2, 1.5Gi or 10G",
            "spec.database.cluster: Unsupported value: \"nowhere\" is no cluster of the operator's configuration: there \
             is default",
            "spec.database.name: Forbidden: \"postgres\" is a system database; choose another name",
            "spec.configOptions[db_host]: Forbidden: the operator sets the connection; use spec.database, or remove the \
             key",
            "spec.replicas: Invalid value: 2 web pods need filestore.accessMode ReadWriteMany, and it is ReadWriteOnce; \
             1 is possible",
            "spec.strategy.rollingUpdate: Forbidden: goes with type RollingUpdate only; set the type or remove it",
            "spec.webhook.url: Invalid value: has scheme ftp; write http or https",
            "spec.extraEnv[0].name: Forbidden: PGHOST is set by the operator; remove it",
            "spec.image: Invalid value: \"Not An Image\" has white space; remove it",
        ],
        "{refused}"
    );
}

#[test]
fn ten_broken_rules_of_v1alpha1_are_told_with_its_own_paths() {
    let space = shared().namespace("tenold");
    let refused = space.refused(
        r"apiVersion: bemade.org/v1alpha1
kind: OdooInstance
metadata: {name: bad}
spec:
  adminPassword: x
  image: registry.example.com/Odoo
  replicas: -1
  ingress: {hosts: ['https://shop.example.com/']}
  resources: {requests: {cpu: '3'}, limits: {cpu: '2'}}
  configOptions: {Workers: '2'}
  database: {cluster: nowhere}
  strategy: {rollingUpdate: {maxSurge: 1}}
  init:
    modules: [sale-stock]
    webhook: {url: 'ftp://receiver.example.com'}
  extraEnv: [{name: HOST, value: elsewhere}]
",
    );
    assert_eq!(
        causes(&refused),
        [
            "spec.replicas: Invalid value: -1 is too small; at least 0",
            "spec.ingress.hosts[0]: Invalid value: \"https://shop.example.com/\" is a URL or has a path; write the host \
             name alone",
            "spec.resources.requests[cpu]: Invalid value: \"3\" is more than the limit \"2\"; lower it or raise the limit",
            "spec.database.cluster: Unsupported value: \"nowhere\" is no cluster of the operator's configuration: there \
             is default",
            "spec.configOptions[Workers]: Invalid value: \"Workers\" is no legal key; only a-z, 0-9 and _",
            "spec.strategy.rollingUpdate: Forbidden: goes with type RollingUpdate only; set the type or remove it",
            "spec.init.webhook.url: Invalid value: has scheme ftp; write http or https",
            "spec.extraEnv[0].name: Forbidden: HOST is set by the operator; remove it",
            "spec.image: Invalid value: \"registry.example.com/Odoo\" has capitals in its path; registries know lower \
             case only",
            "spec.init.modules[0]: Invalid value: \"sale-stock\" is no module name; only a-z, 0-9 and _",
        ],
        "{refused}"
    );
}

#[test]
fn a_host_belongs_to_one_instance() {
    let space = shared().namespace("host");
    space.apply(&space.quick_start("one"));
    let taken = space.quick_start("two").replace("two.", "one.");
    let refused = super::world::eventually("the store has the first one", || {
        let output = space.kubectl(&["apply", "--dry-run=server", "--filename=-"], &taken);
        (!output.status.success()).then(|| String::from_utf8(output.stderr).unwrap())
    });
    assert!(refused.contains("spec.ingress.hosts[0]") && refused.contains("belongs to instance one"), "{refused}");
}

/// A Deployment, a pod of it, a budget and an Ingress with parts of an instance's spec, as the operator would make them,
/// and the Secrets that it names.
fn objects(spec: &Value) -> Value {
    let labels = json!({"app": "x"});
    let mut pod = json!({});
    for part in ["tolerations", "nodeSelector", "topologySpreadConstraints", "affinity", "priorityClassName"] {
        pod[part] = spec[part].clone();
    }
    // As the namespace asks for it.
    pod["securityContext"] = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    let restricted = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    pod["containers"] = json!([{
        "name": "x", "image": "x", "resources": spec["resources"], "env": spec["extraEnv"], "envFrom": spec["extraEnvFrom"],
        "securityContext": restricted,
    }]);
    let service = json!({"service": {"name": "x", "port": {"number": 80}}});
    let paths = json!([{"path": "/", "pathType": "Prefix", "backend": service}]);
    let mut list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"},
         "spec": {"selector": {"matchLabels": labels}, "strategy": spec["strategy"],
                  "template": {"metadata": {"labels": labels}, "spec": pod}}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": labels}, "spec": pod},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "x"},
         "spec": {"selector": {"matchLabels": labels}, "minAvailable": spec["podDisruptionBudget"]["minAvailable"]}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
         "metadata": {"name": "x", "annotations": spec["ingress"]["annotations"]},
         "spec": {"ingressClassName": spec["ingress"]["class"], "rules": [{"host": "x.example.com", "http": {"paths": paths}}]}},
    ]});
    let mut secret = |name: &Value, key: &Value| {
        let data = key.as_str().map(|key| json!({key: "x"}));
        list["items"]
            .as_array_mut()
            .unwrap()
            .push(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}));
    };
    if spec["imagePullSecret"].is_string() {
        secret(&spec["imagePullSecret"], &Value::Null);
    }
    if let Some(reference) = spec.get("adminPasswordSecretRef") {
        secret(&reference["name"], &reference["key"]);
    }
    list
}

fn spread(more: Value) -> Value {
    let mut constraint = json!({"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"});
    constraint.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "topologySpreadConstraints": [constraint] })
}

fn node(expression: Value) -> Value {
    let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [expression]}]});
    json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn prefer(preference: Value) -> Value {
    let term = json!({"weight": 1, "preference": preference});
    json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}})
}

fn field(key: &str, operator: &str, names: &[&str]) -> Value {
    prefer(json!({"matchFields": [{"key": key, "operator": operator, "values": names}]}))
}

fn near(more: Value) -> Value {
    let mut term = json!({"topologyKey": "a"});
    term.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
}

fn apart(weight: i32, topology: &str) -> Value {
    let term = json!({"weight": weight, "podAffinityTerm": {"topologyKey": topology}});
    json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}})
}

fn any() -> Value {
    json!({"matchLabels": {"a": "b"}})
}

fn uses(requests: Value, limits: Value) -> Value {
    json!({"resources": {"requests": requests, "limits": limits}})
}

fn rolling(most: &str, surge: &str) -> Value {
    let bounds = json!({"maxUnavailable": most, "maxSurge": surge});
    json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": bounds}, "filestore": {"accessMode": "ReadWriteMany"}})
}

fn env(from: Value) -> Value {
    json!({"extraEnv": [{"name": "A", "valueFrom": from}]})
}

fn of_field(path: &str) -> Value {
    json!({"fieldRef": {"fieldPath": path}})
}

fn of_resource(name: &str, divisor: &str) -> Value {
    json!({"resourceFieldRef": {"resource": name, "divisor": divisor}})
}

fn secret(name: &str, key: &str) -> Value {
    json!({"adminPasswordSecretRef": {"name": name, "key": key}})
}

/// What is wrong about where pods run.
fn bad_placement() -> Vec<Value> {
    vec![
        json!({"nodeSelector": {"a b": "c"}}),
        json!({"nodeSelector": {"a": "c d"}}),
        json!({"tolerations": [{"key": "a", "operator": "Foo"}]}),
        json!({"tolerations": [{"value": "b"}]}),
        json!({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}),
        json!({"tolerations": [{"key": "a", "effect": "Never"}]}),
        json!({"tolerations": [{"key": "a", "tolerationSeconds": 1}]}),
        spread(json!({"maxSkew": 0})),
        spread(json!({"topologyKey": ""})),
        spread(json!({"whenUnsatisfiable": "x"})),
        spread(json!({"minDomains": 1, "whenUnsatisfiable": "ScheduleAnyway"})),
        spread(json!({"nodeTaintsPolicy": "x"})),
        spread(json!({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}})),
        node(json!({"key": "a", "operator": "Is"})),
        node(json!({"key": "a", "operator": "Exists", "values": ["b"]})),
        apart(101, "a"),
        apart(1, ""),
        node(json!({"key": "a", "operator": "In", "values": ["b c"]})),
        node(json!({"key": "a", "operator": "Gt", "values": ["-5"]})),
        field("metadata.labels", "In", &["a"]),
        field("metadata.name", "Exists", &["a"]),
        field("metadata.name", "Exists", &[]),
        field("metadata.name", "In", &["a", "b"]),
        field("metadata.name", "In", &["Node"]),
        near(json!({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b c"]}]}})),
        near(json!({"namespaces": ["Eu"]})),
        near(json!({"matchLabelKeys": ["app"]})),
        near(json!({"mismatchLabelKeys": ["app"]})),
        near(json!({"matchLabelKeys": ["x y"], "labelSelector": any()})),
        near(json!({"matchLabelKeys": ["app"], "mismatchLabelKeys": ["app"], "labelSelector": any()})),
        near(json!({"matchLabelKeys": ["app"], "labelSelector": {"matchLabels": {"app": "x"}}})),
        near(json!({"matchLabelKeys": ["a"], "labelSelector":
            {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]}})),
        spread(json!({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b c"]}]}})),
        spread(json!({"matchLabelKeys": ["app"]})),
        spread(json!({"matchLabelKeys": ["x y"], "labelSelector": any()})),
        spread(json!({"matchLabelKeys": ["app"], "labelSelector": {"matchLabels": {"app": "x"}}})),
        json!({"tolerations": [{"key": "a", "operator": "Gt", "value": "many"}]}),
    ]
}

/// What is wrong otherwise.
fn bad_others() -> Vec<Value> {
    vec![
        json!({"podDisruptionBudget": {"minAvailable": "half"}}),
        json!({"podDisruptionBudget": {"minAvailable": -1}}),
        json!({"podDisruptionBudget": {"minAvailable": "101%"}}),
        json!({"ingress": {"annotations": {"bad key!": "x"}}}),
        json!({"ingress": {"annotations": {"a": "x".repeat(200_000), "b": "x".repeat(62_143)}}}),
        json!({"ingress": {"class": "Nginx"}}),
        json!({"priorityClassName": "a/b"}),
        json!({"resources": {"requests": {"foo": "1"}}}),
        json!({"resources": {"claims": [{"name": "gpu"}]}}),
        env(json!({})),
        env(json!({"secretKeyRef": {"name": "", "key": "a"}})),
        json!({"extraEnv": [{"name": "\u{e9}"}]}),
        json!({"extraEnvFrom": [{}]}),
        json!({"extraEnvFrom": [{"secretRef": {"name": "A b"}}]}),
        rolling("150%", "0%"),
        uses(json!({"example.com/gpu": "1"}), json!({})),
        uses(json!({"example.com/gpu": "1"}), json!({"example.com/gpu": "2"})),
        uses(json!({}), json!({"example.com/gpu": "500m"})),
        uses(json!({}), json!({"requests.example.com/foo": "1"})),
        uses(json!({}), json!({format!("{}/a", "x".repeat(245)): "1"})),
        uses(json!({"cpu": "1", "hugepages-2Mi": "4Mi"}), json!({})),
        uses(json!({"cpu": "1", "hugepages-2Mi": "2Mi"}), json!({"hugepages-2Mi": "4Mi"})),
        uses(json!({}), json!({"hugepages-2Mi": "4Mi"})),
        uses(json!({"cpu": "1"}), json!({"hugepages-2Mi": "3Mi"})),
        uses(json!({"cpu": "1"}), json!({"hugepages-big": "1"})),
        env(of_field("metadata.nme")),
        env(of_field("")),
        env(of_field("metadata.labels")),
        env(of_field("metadata.labels['a b']")),
        env(of_field("spec['a']")),
        env(json!({"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v2"}})),
        env(of_resource("limits.gpu", "1")),
        env(of_resource("", "1")),
        env(of_resource("limits.cpu", "2")),
        env(of_resource("limits.cpu", "1k")),
        env(of_resource("limits.memory", "1m")),
        env(of_resource("limits.memory", "1024")),
        env(of_resource("limits.memory", "1e3")),
        env(of_resource("limits.memory", "1e0")),
        env(of_resource("requests.hugepages-2Mi", "2")),
        env(json!({"secretKeyRef": {"name": "A b", "key": "a"}})),
        env(json!({"secretKeyRef": {"name": "a", "key": "b c"}})),
        env(json!({"configMapKeyRef": {"name": "a", "key": "..b"}})),
        json!({"extraEnvFrom": [{"prefix": "A=B", "secretRef": {"name": "a"}}]}),
        json!({"imagePullSecret": "My_Registry"}),
        secret("Later", "a"),
        secret("", "a"),
        secret("a", ""),
        secret("a", "b c"),
    ]
}

/// What looks like it and is right.
fn good() -> Vec<Value> {
    vec![
        json!({"podDisruptionBudget": {"minAvailable": "0%"}, "nodeSelector": {"a_B.c": "", "kubernetes.io/arch": "amd64"}}),
        json!({"ingress": {"annotations": {"Example.com/a": "any thing"}, "class": "nginx.internal"}}),
        json!({"resources": {"requests": {"ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi", "example.com/gpu": "1"},
                             "limits": {"hugepages-2Mi": "4Mi", "example.com/gpu": "1", "memory": "1Gi"}}}),
        json!({"tolerations": [{"operator": "Exists"}, {"key": "a", "value": ""}]}),
        spread(json!({"minDomains": 2, "nodeTaintsPolicy": "Honor"})),
        node(json!({"key": "a", "operator": "Gt", "values": ["5"]})),
        apart(100, "topology.kubernetes.io/zone"),
        json!({"extraEnv": [{"name": "a b/c"}, {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}),
        json!({"extraEnvFrom": [{"prefix": "B_", "configMapRef": {"name": "b"}}]}),
        json!({"extraEnvFrom": [{"prefix": "A b/", "configMapRef": {"name": "b"}}]}),
        rolling("100%", "150%"),
        rolling("0%", "99999999999%"),
        uses(json!({}), json!({"example.com/gpu": "2000m"})),
        uses(json!({"example.com/gpu": "1k"}), json!({"example.com/gpu": "1000"})),
        uses(json!({"kubernetes.io/foo": "500m", "requests.kubernetes.io/foo": "1"}), json!({})),
        uses(json!({"cpu": "1"}), json!({"hugepages-2Mi": "0"})),
        uses(json!({"hugepages-1Gi": "2Gi"}), json!({"hugepages-1Gi": "2048Mi", "memory": "1Gi"})),
        uses(json!({}), json!({format!("{}/a", "x".repeat(244)): "1"})),
        node(json!({"key": "a", "operator": "Gt", "values": ["many"]})),
        prefer(json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b c"]}]})),
        field("metadata.name", "NotIn", &["node-1.example.com"]),
        near(
            json!({"namespaces": ["eu-1"], "matchLabelKeys": ["app"], "mismatchLabelKeys": ["a"], "labelSelector": any()}),
        ),
        near(json!({"matchLabelKeys": ["a"], "labelSelector": any()})),
        spread(json!({"matchLabelKeys": ["app"], "labelSelector": any()})),
        env(of_field("metadata.annotations['Ab.c/D']")),
        env(of_field("metadata.labels['app']")),
        env(of_field("spec.host")),
        env(json!({"fieldRef": {"fieldPath": "status.hostIPs", "apiVersion": ""}})),
        env(of_resource("requests.cpu", "1000m")),
        env(of_resource("limits.memory", "1024Ki")),
        env(of_resource("limits.ephemeral-storage", "1000")),
        env(of_resource("limits.memory", "1E")),
        env(of_resource("limits.memory", "0.0009765625Ki")),
        env(of_resource("requests.cpu", "0.001")),
        env(of_resource("requests.hugepages-2Mi", "0")),
        env(json!({"secretKeyRef": {"name": "a.b", "key": ".A-b_c"}})),
        json!({"imagePullSecret": "registry.eu"}),
        secret("a.b", "Key_1.txt"),
    ]
}

#[test]
fn what_rule_31_refuses_the_api_server_refuses() {
    let space = shared().namespace("pods");
    eventually("pods can be made", || space.json("serviceaccount", "default"));
    let dry = ["create", "--dry-run=server", "--filename=-"];
    let taken = |spec: &Value| {
        let mut instance = json!({"ingress": {"hosts": ["pods.example.com"]}});
        for (name, value) in spec.as_object().unwrap() {
            if name == "ingress" {
                instance["ingress"].as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
            } else {
                instance[name] = value.clone();
            }
        }
        let instance = json!({
            "apiVersion": "bemade.org/v1", "kind": "OdooInstance", "metadata": {"name": "shop"}, "spec": instance,
        });
        let ours = space.kubectl(&dry, &instance.to_string());
        let theirs = space.kubectl(&dry, &objects(spec).to_string());
        (ours.status.success(), theirs.status.success(), format!("{spec}\n{}{}", text(&ours), text(&theirs)))
    };
    let mut wrong = Vec::new();
    for (wanted, specs) in [(false, bad_placement()), (false, bad_others()), (true, good())] {
        for spec in specs {
            let (ours, theirs, said) = taken(&spec);
            if (ours, theirs) != (wanted, wanted) {
                wrong.push(format!("taken by us: {ours}, by the API server: {theirs}: {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What API servers answer differently is taken, with a warning.
    let (ours, _, said) = taken(&json!({"tolerations": [{"key": "a", "operator": "Gt", "value": "5"}]}));
    assert!(ours && said.contains("not taken by every API server"), "{said}");
    let (ours, _, said) = taken(&spread(json!({"matchLabelKeys": ["a"], "labelSelector": any()})));
    assert!(ours && said.contains("not every API server takes"), "{said}");
}

#[test]
fn an_object_that_is_refused_holds_no_other_up() {
    let space = shared().namespace("refused-child");
    // As an admission webhook of an Ingress controller does.
    space.ok(&["create", "quota", "no-ingress", "--hard=count/ingresses.networking.k8s.io=0"]);
    eventually("the quota is known", || {
        let quota = space.json("quota", "no-ingress")?;
        quota["status"]["used"]["count/ingresses.networking.k8s.io"].is_string().then_some(())
    });
    space.apply(&space.quick_start("shop"));
    assert_eq!(space.phase("shop", "Running")["status"]["readyReplicas"], 1);
    let message = eventually("it says why", || {
        let message = space.instance("shop")["status"]["message"].as_str()?.to_owned();
        message.contains("no-ingress").then_some(message)
    });
    assert!(message.contains("Ingress"), "{message}");
    assert!(space.json("ingress", "shop").is_none());
    space.ok(&["delete", "quota", "no-ingress"]);
    // Rather than wait for the next attempt.
    space.ok(&[
        "patch",
        "odoo",
        "shop",
        "--type=merge",
        "--patch",
        r#"{"spec": {"ingress": {"annotations": {"a": "b"}}}}"#,
    ]);
    eventually("the Ingress is there", || space.json("ingress", "shop"));
    eventually("nothing is wrong any more", || {
        let object = space.instance("shop");
        (Namespace::condition(&object, "Ready")["status"] == "True" && object["status"]["message"].is_null())
            .then_some(())
    });
}
