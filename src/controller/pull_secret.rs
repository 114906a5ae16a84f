//! Mirrors image pull Secrets from the operator's namespace.
//!
//! Which ones is for the operator's administrator to say, never for who writes a manifest: a Secret of the operator's
//! namespace that any tenant could name would be any tenant's.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams};
use kube::core::ObjectMeta;
use serde_json::json;

use super::credentials::{metadata_of, read};
use super::instance::{Context, Pass};
use super::{Error, Result, apply};
use crate::api::labels::{FIELD_MANAGER, MANAGED_BY, MANAGER, MIRRORED_FROM};
use crate::lifecycle::ChildState;

/// The only type that is mirrored.
const TYPE: &str = "kubernetes.io/dockerconfigjson";

/// How the Secret that the instance names stands. A Secret that the namespace has itself is left alone.
pub fn state(context: &Context, pass: &Pass) -> ChildState {
    let settings = &context.settings;
    let Some(name) = &pass.instance.spec.image_pull_secret else { return ChildState::NotWanted };
    let allowed = settings.pull_secret_allow_list.contains(name) && pass.owner.namespace != settings.operator_namespace;
    let secrets = &context.stores.secrets;
    let source = secrets.get(&settings.operator_namespace, name).filter(|_| allowed);
    let edition = source.map(|source| edition(&source.metadata));
    match (secrets.get(&pass.owner.namespace, name), edition) {
        (None, Some(_)) => ChildState::Missing,
        (_, None) => ChildState::NotWanted,
        (Some(local), Some(edition)) => match mirrored_from(&local.metadata) {
            None => ChildState::NotWanted,
            Some(from) if *from == edition => ChildState::Matches,
            Some(_) => ChildState::Differs,
        },
    }
}

/// Copies the Secret, or brings the copy up to date. Several instances of a namespace share it, so none owns it.
pub async fn ensure(context: &Context, pass: &Pass) -> Result<()> {
    let Some(name) = &pass.instance.spec.image_pull_secret else { return Ok(()) };
    let (from, to) = (&context.settings.operator_namespace, &pass.owner.namespace);
    let Some(source) = read(&context.client, from, name).await? else { return Ok(()) };
    if source.type_.as_deref() != Some(TYPE) {
        let problem = format!(
            "Secret {from}/{name} is of type {}, and only {TYPE} is mirrored; make it anew with `kubectl create secret \
             docker-registry`",
            source.type_.as_deref().unwrap_or("Opaque")
        );
        return Err(Error::Secret { field: "spec.imagePullSecret".to_owned(), problem });
    }
    let desired = Secret {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(to.clone()),
            labels: Some([(MANAGED_BY.to_owned(), MANAGER.to_owned())].into()),
            annotations: Some([(MIRRORED_FROM.to_owned(), edition(&source.metadata))].into()),
            ..ObjectMeta::default()
        },
        type_: source.type_,
        data: source.data,
        ..Secret::default()
    };
    let api: Api<Secret> = Api::namespaced(context.client.clone(), to);
    let written = match apply::create(&api, &desired).await? {
        Some(created) => created,
        None => match read(&context.client, to, name).await? {
            Some(stored) if mirrored_from(&stored.metadata).is_some() => {
                let patch = json!({
                    "metadata": {
                        "resourceVersion": stored.metadata.resource_version,
                        "annotations": desired.metadata.annotations,
                    },
                    "data": desired.data,
                });
                let parameters = PatchParams::apply(FIELD_MANAGER);
                let patched = api.patch(name, &parameters, &Patch::Merge(patch)).await;
                patched.map_err(|source| Error::kube("bring up to date", &desired, source))?
            }
            Some(own) => own,
            None => return Ok(()),
        },
    };
    context.stores.secrets.wrote(metadata_of(&written));
    Ok(())
}

fn mirrored_from(meta: &ObjectMeta) -> Option<&String> {
    meta.annotations.as_ref()?.get(MIRRORED_FROM)
}

fn edition(meta: &ObjectMeta) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}/{}@{}", part(&meta.namespace), part(&meta.name), part(&meta.resource_version))
}
