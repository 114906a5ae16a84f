//! What concerns the whole cluster: its version, CRDs and whose they are, webhooks, other operators.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;

use super::collect::{Hook, World};
use super::report::Finding;
use crate::controller::objects::OurKind;

/// The oldest Kubernetes that will do.
const OLDEST: (u32, u32) = (1, 33);
/// Annotations that Helm writes.
const RELEASE: &str = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
const POLICY: &str = "helm.sh/resource-policy";

/// Judges it.
pub fn judge(world: &World) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (major, minor) = world.server;
    if world.server < OLDEST {
        let (wanted, least) = OLDEST;
        findings.push(Finding::blocks(
            "Kubernetes",
            format!("{major}.{minor} is too old: {wanted}.{least} or newer is needed"),
        ));
    }
    let ours: Vec<_> = OurKind::all().iter().map(OurKind::crd).collect();
    for crd in &world.crds {
        let about = format!("CustomResourceDefinition {}", crd.name_any());
        if ours.contains(&crd.name_any()) {
            findings.extend(definition(&about, crd));
        } else {
            findings.push(Finding::note(about, "is no kind of this operator, and is left alone"));
        }
    }
    if world.crds.is_empty() {
        findings
            .push(Finding::note("CustomResourceDefinitions", "there are none of bemade.org: this is a first install"));
    }
    findings.extend(world.hooks.iter().filter_map(hook));
    findings.extend(world.deployments.iter().filter(|it| is_another_operator(it)).map(operator));
    findings
}

fn definition(about: &str, crd: &CustomResourceDefinition) -> Vec<Finding> {
    let mut findings = Vec::new();
    let stored = crd.status.as_ref().and_then(|status| status.stored_versions.clone()).unwrap_or_default();
    let done = stored == ["v1"] && crd.spec.versions.iter().any(|version| version.name == "v1alpha1");
    if let Some(release) = crd.annotations().get(RELEASE) {
        let namespace = crd.annotations().get(RELEASE_NAMESPACE).map_or("?", String::as_str);
        if crd.annotations().get(POLICY).is_some_and(|policy| policy == "keep") {
            let message = format!(
                "belongs to Helm release {namespace}/{release}, which leaves it when it is uninstalled; this operator \
                 keeps it up to date from now on"
            );
            findings.push(Finding::note(about, message));
        } else {
            let message = format!(
                "belongs to Helm release {namespace}/{release}, and goes with it, with every object: first \
                 `kubectl annotate crd {} {POLICY}=keep`, and the same in that release's chart",
                crd.name_any()
            );
            findings.push(Finding::blocks(about, message));
        }
    }
    if !done {
        let message = format!(
            "storedVersions is [{}]: objects are rewritten as v1, and v1alpha1 is served beside it, converted",
            stored.join(", ")
        );
        findings.push(Finding::change(about, message));
    }
    findings
}

fn hook(hook: &Hook) -> Option<Finding> {
    // Ours are called so in every release.
    if hook.name.ends_with(".odoo.bemade.org") {
        return None;
    }
    let about = format!("{} {}", hook.kind, hook.configuration);
    let resource = hook.kind.to_lowercase();
    let remove = format!("`kubectl delete {resource} {}`", hook.configuration);
    Some(if hook.fails {
        let message = format!(
            "webhook {} has failurePolicy Fail: once its operator is stopped, no object can be written; delete it \
             then: {remove}",
            hook.name
        );
        Finding::blocks(about, message)
    } else {
        let message = format!("webhook {} is called for our kinds, and left behind: {remove}", hook.name);
        Finding::attention(about, message)
    })
}

/// By its image: the charts of all of them call it so. Ours has flags that the others do not know.
fn is_another_operator(deployment: &Deployment) -> bool {
    let containers =
        deployment.spec.iter().flat_map(|spec| spec.template.spec.iter()).flat_map(|spec| &spec.containers);
    containers.into_iter().any(|container| {
        let image = container.image.as_deref().unwrap_or_default();
        let ours = container.args.iter().flatten().any(|flag| flag.starts_with("--webhook-configuration="));
        image.rsplit('/').next().unwrap_or_default().starts_with("odoo-operator") && !ours
    })
}

fn operator(deployment: &Deployment) -> Finding {
    let (namespace, name) = (deployment.namespace().unwrap_or_default(), deployment.name_any());
    let about = format!("Deployment {namespace}/{name}");
    let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    if replicas == 0 {
        return Finding::note(about, "is another operator for the same kinds, and is stopped");
    }
    let message = format!(
        "is another operator for the same kinds, and runs: two would work against each other; first \
         `kubectl --namespace {namespace} scale deployment {name} --replicas=0`"
    );
    Finding::blocks(about, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controller::preflight::report::Level;

    fn levels(world: &World) -> Vec<(Level, String)> {
        judge(world).into_iter().map(|finding| (finding.level, finding.about)).collect()
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let crd = |name: &str, annotations: serde_json::Value| {
            serde_json::from_value::<CustomResourceDefinition>(json!({
                "metadata": {"name": name, "annotations": annotations},
                "spec": {
                    "group": "bemade.org", "names": {"kind": "X", "plural": "x"}, "scope": "Namespaced",
                    "versions": [{"name": "v1alpha1", "served": true, "storage": true}],
                },
                "status": {"storedVersions": ["v1alpha1"]},
            }))
            .unwrap()
        };
        let release = |policy: &str| json!({RELEASE: "old", RELEASE_NAMESPACE: "operators", POLICY: policy});
        let deployment = |name: &str, image: &str, replicas: i32, args: &[&str]| {
            serde_json::from_value::<Deployment>(json!({
                "metadata": {"name": name, "namespace": "operators"},
                "spec": {
                    "replicas": replicas, "selector": {},
                    "template": {"spec": {"containers": [{"name": "it", "image": image, "args": args}]}},
                },
            }))
            .unwrap()
        };
        let hook = |name: &str, fails: bool| Hook {
            kind: "ValidatingWebhookConfiguration",
            configuration: name.into(),
            name: name.into(),
            fails,
        };
        let world = World {
            server: (1, 32),
            crds: vec![
                crd("odooinstances.bemade.org", release("keep")),
                crd("odoobackupjobs.bemade.org", release("")),
                crd("plugins.bemade.org", json!({})),
            ],
            hooks: vec![hook("old", true), hook("kopf", false), hook("validate.odoo.bemade.org", true)],
            deployments: vec![
                deployment("runs", "registry.example.com/bemade/odoo-operator:2.5.0", 1, &[]),
                deployment("stopped", "odoo-operator:1", 0, &[]),
                deployment("ours", "localhost/odoo-operator:dev", 1, &["run", "--webhook-configuration=odoo-operator"]),
                deployment("odoo", "odoo:18.0", 1, &[]),
            ],
            ..World::default()
        };
        let blocks: Vec<_> =
            levels(&world).into_iter().filter(|(level, _)| *level == Level::Blocks).map(|(_, about)| about).collect();
        assert_eq!(
            blocks,
            [
                "Kubernetes",
                "CustomResourceDefinition odoobackupjobs.bemade.org",
                "ValidatingWebhookConfiguration old",
                "Deployment operators/runs",
            ]
        );
        let empty = World { server: (1, 36), ..World::default() };
        assert_eq!(levels(&empty), [(Level::Note, "CustomResourceDefinitions".to_owned())]);
    }
}
