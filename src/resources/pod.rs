//! What all pods of an instance share: identity, security, volumes, placement.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, EnvVar, KeyToPath, LocalObjectReference, PersistentVolumeClaimVolumeSource,
    PodSecurityContext, PodSpec, ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext, Volume,
    VolumeMount,
};

use super::{Inputs, env, names, odoo_conf, secret};

/// The user `odoo` of the official image.
const USER: i64 = 100;
/// The group `odoo` of the official image.
const GROUP: i64 = 101;
/// Seconds that requests and jobs under way get to end.
const GRACE_SECONDS: i64 = 60;

/// A container with Odoo in it: image, environment, files, configuration.
pub(super) fn odoo_container(
    inputs: &Inputs<'_>,
    name: String,
    resources: Option<&ResourceRequirements>,
    cron_threads: u32,
    own_env: Vec<EnvVar>,
) -> Container {
    Container {
        name,
        image: Some(inputs.image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        env: Some(env::odoo(inputs, cron_threads, own_env)),
        env_from: env::sources(inputs),
        resources: resources.cloned(),
        security_context: Some(restricted_container()),
        // A container that dies leaves the end of its log in the pod's status.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(vec![
            mount("filestore", odoo_conf::DATA_DIR, false),
            mount("odoo-conf", odoo_conf::DIRECTORY, true),
        ]),
        ..Container::default()
    }
}

/// The command of a server: `odoo` itself, not the image's entrypoint, which puts the password on the command line.
pub(super) fn odoo_command() -> Vec<String> {
    vec!["odoo".to_owned()]
}

/// A pod that runs `containers`. It meets the *restricted* Pod Security Standard.
pub(super) fn spec(inputs: &Inputs<'_>, containers: Vec<Container>) -> PodSpec {
    let wanted = inputs.spec();
    PodSpec {
        containers,
        volumes: Some(volumes(inputs)),
        service_account_name: Some(names::service_account(inputs.name())),
        automount_service_account_token: Some(false),
        // A Service named like one of Odoo's variables would otherwise set it.
        enable_service_links: Some(false),
        image_pull_secrets: wanted
            .image_pull_secret
            .as_ref()
            .filter(|name| !name.is_empty())
            .map(|name| vec![LocalObjectReference { name: name.clone() }]),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(GROUP),
            fs_group: Some(GROUP),
            // Not on every start: a large volume would take minutes.
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        affinity: wanted.affinity.clone(),
        tolerations: wanted.tolerations.clone(),
        node_selector: wanted.node_selector.clone(),
        priority_class_name: wanted.priority_class_name.clone(),
        ..PodSpec::default()
    }
}

/// Container part of the *restricted* standard.
pub(super) fn restricted_container() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        ..SecurityContext::default()
    }
}

fn volumes(inputs: &Inputs<'_>) -> Vec<Volume> {
    let mut items = vec![secret::ODOO_CONF_KEY];
    if inputs.database.ca.is_some() {
        items.push(secret::CA_KEY);
    }
    let item = |key: &str| KeyToPath { key: key.to_owned(), path: key.to_owned(), mode: None };
    vec![
        Volume {
            name: "filestore".to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: names::filestore(inputs.name()),
                read_only: None,
            }),
            ..Volume::default()
        },
        Volume {
            name: "odoo-conf".to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names::odoo_conf(inputs.name())),
                items: Some(items.into_iter().map(item).collect()),
                // The group reads, through fsGroup; nobody else does.
                default_mode: Some(0o440),
                optional: None,
            }),
            ..Volume::default()
        },
    ]
}

fn mount(volume: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}
