//! The web Deployment.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, Lifecycle, LifecycleHandler, PodSpec, PodTemplateSpec, SleepAction,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Inputs, labels, meta, names, odoo_conf, pod, probes};
use crate::api::labels::ODOO_CONF_HASH;
use crate::api::v1::StrategyType;

const COMPONENT: &str = "web";
/// Seconds that a pod goes on serving after it was told to stop: until then every proxy knows that it is going.
const DRAIN_SECONDS: i64 = 5;

/// `<name>`: the pods that serve pages, `replicas` of them. They run no cron.
pub fn deployment(inputs: &Inputs<'_>, replicas: i32) -> Deployment {
    let name = names::web(inputs.name());
    let port = |name: &str, port: i32| ContainerPort {
        name: Some(name.to_owned()),
        container_port: port,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    let container = Container {
        command: Some(pod::odoo_command()),
        args: Some(vec!["--max-cron-threads=0".to_owned()]),
        ports: Some(vec![port("http", odoo_conf::HTTP_PORT), port("websocket", odoo_conf::WEBSOCKET_PORT)]),
        startup_probe: Some(probes::web_startup(inputs)),
        liveness_probe: Some(probes::web_liveness(inputs)),
        readiness_probe: Some(probes::web_readiness(inputs)),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: DRAIN_SECONDS }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        ..pod::odoo_container(
            inputs,
            names::web_container(inputs.name()),
            inputs.spec().resources.as_ref(),
            0,
            Vec::new(),
        )
    };
    let spec = PodSpec {
        topology_spread_constraints: inputs.spec().topology_spread_constraints.clone(),
        ..pod::spec(inputs, vec![container])
    };
    Deployment {
        metadata: meta::owned(inputs, name.clone(), COMPONENT),
        spec: Some(DeploymentSpec {
            replicas: Some(replicas),
            selector: labels::label_selector(&name),
            strategy: Some(strategy(inputs)),
            template: template(inputs, COMPONENT, &name, spec),
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

/// Pod template of a Deployment of the instance. The hash of odoo.conf in it rolls the pods when the file changes.
pub(super) fn template(inputs: &Inputs<'_>, component: &str, deployment: &str, spec: PodSpec) -> PodTemplateSpec {
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels::pods(inputs, component, deployment)),
            annotations: Some(BTreeMap::from([(ODOO_CONF_HASH.to_owned(), odoo_conf::hash(inputs))])),
            ..ObjectMeta::default()
        }),
        spec: Some(spec),
    }
}

fn strategy(inputs: &Inputs<'_>) -> DeploymentStrategy {
    let wanted = inputs.spec().strategy.clone().unwrap_or_default();
    match wanted.type_.unwrap_or_default() {
        StrategyType::Recreate => recreate(),
        StrategyType::RollingUpdate => {
            let bounds = wanted.rolling_update.unwrap_or_default();
            let quarter = || IntOrString::String("25%".to_owned());
            DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                // Both are always given, so that both are ours and go when the type changes.
                rolling_update: Some(RollingUpdateDeployment {
                    max_unavailable: Some(bounds.max_unavailable.unwrap_or_else(quarter)),
                    max_surge: Some(bounds.max_surge.unwrap_or_else(quarter)),
                }),
            }
        }
    }
}

/// All old pods go before new ones come.
pub(super) fn recreate() -> DeploymentStrategy {
    DeploymentStrategy { type_: Some("Recreate".to_owned()), rolling_update: None }
}
