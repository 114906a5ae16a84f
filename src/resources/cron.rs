//! The cron Deployment.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::Container;

use super::{Inputs, labels, meta, names, odoo_conf, pod, probes, web};

const COMPONENT: &str = "cron";

/// `<name>-cron`: the pods that run scheduled actions, `replicas` of them. They serve nothing.
///
/// They run threads, not workers: after an outage of PostgreSQL the liveness probe brings threads back sooner than the
/// kubelet's back-off brings a process back that exits at each try.
pub fn deployment(inputs: &Inputs<'_>, replicas: i32) -> Deployment {
    let name = names::cron(inputs.name());
    let wanted = inputs.spec();
    let resources = wanted.cron.as_ref().and_then(|cron| cron.resources.as_ref()).or(wanted.resources.as_ref());
    let time_limit = inputs
        .option("limit_time_real_cron")
        .and_then(|value| value.parse::<u32>().ok())
        .filter(|seconds| *seconds > 0)
        .unwrap_or(odoo_conf::CRON_TIME_LIMIT);
    let threads = inputs.cron_threads();
    let container = Container {
        command: Some(pod::odoo_command()),
        args: Some(vec![
            "--no-http".to_owned(),
            "--workers=0".to_owned(),
            format!("--max-cron-threads={threads}"),
            format!("--limit-time-real-cron={time_limit}"),
        ]),
        startup_probe: Some(probes::cron_startup()),
        liveness_probe: Some(probes::cron_liveness()),
        ..pod::odoo_container(inputs, names::cron_container(inputs.name()), resources, threads, Vec::new())
    };
    Deployment {
        metadata: meta::owned(inputs, name.clone(), COMPONENT),
        spec: Some(DeploymentSpec {
            replicas: Some(replicas),
            selector: labels::label_selector(&name),
            // Nobody waits for a cron pod, and a volume may be one that a single node mounts.
            strategy: Some(web::recreate()),
            template: web::template(inputs, COMPONENT, &name, pod::spec(inputs, vec![container])),
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}
