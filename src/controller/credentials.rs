//! Passwords of an instance: read when their Secret moved, never kept in a store, made once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::{digest, hmac, rand};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::apply::{self, Owner};
use super::stores::Stores;
use super::{Error, Result, adopt};
use crate::admission::consent::Reference;
use crate::api::labels::{FIELD_MANAGER, RETAINED};
use crate::api::v1::{OdooInstance, SecretKeyRef};
use crate::postgres::password::odoo_hash;
use crate::resources::{self, DatabaseAccess, Inputs, InstanceSecrets, hex, names};

/// What is known of an instance's passwords.
#[derive(Clone)]
pub enum State {
    /// They have not been made.
    Missing,
    /// The admin password is not the one that the hashes were made from.
    Outdated,
    /// They are there.
    Ready(Arc<InstanceSecrets>),
    /// Somebody else's Secret has the name.
    Foreign(String),
}

/// Where the admin password comes from, and which edition of it.
#[derive(Clone, PartialEq, Eq)]
struct Source {
    /// Digest of the spec's own password, or name and resourceVersion of the Secret.
    edition: String,
}

struct Known {
    version: String,
    source: Option<Source>,
    secrets: Arc<InstanceSecrets>,
}

/// Passwords by the instance's uid.
#[derive(Default)]
pub struct Credentials {
    known: Mutex<HashMap<String, Known>>,
}

impl Credentials {
    /// What is known of an instance's passwords; asks the API server only for a Secret that moved.
    pub async fn look(
        &self,
        client: &Client,
        stores: &Stores,
        instance: &OdooInstance,
        owner: &Owner,
    ) -> Result<State> {
        let name = names::user_secret(&owner.name);
        let Some(meta) = stores.secrets.get(&owner.namespace, &name) else { return Ok(State::Missing) };
        if !apply::is_ours(&meta.metadata, owner) {
            return Ok(State::Foreign(apply::foreign(&Secret::default(), &name, &meta.metadata)));
        }
        let version = meta.metadata.resource_version.clone().unwrap_or_default();
        let source = source(stores, instance, owner);
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(it) = known.get(&owner.uid).filter(|it| it.version == version && it.source == source) {
                return Ok(State::Ready(it.secrets.clone()));
            }
        }
        let Some(secret) = read(client, &owner.namespace, &name).await? else { return Ok(State::Missing) };
        let Some(secrets) = parse(&secret) else { return Ok(State::Outdated) };
        let current = match admin_password(client, stores, instance, owner).await? {
            Some(password) => fingerprint(&secrets.digest_key, &password) == secrets.digest.expose_secret(),
            None => false,
        };
        if !current {
            return Ok(State::Outdated);
        }
        let secrets = Arc::new(secrets);
        let known = Known { version: secret.resource_version().unwrap_or_default(), source, secrets: secrets.clone() };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(owner.uid.clone(), known);
        Ok(State::Ready(secrets))
    }

    /// Makes what is missing: the admin password if none is given, the role's password, the hashes.
    ///
    /// Passwords that are there are kept; only hashes are made anew when the admin password changed.
    pub async fn ensure(
        &self,
        client: &Client,
        stores: &Stores,
        instance: &OdooInstance,
        owner: &Owner,
    ) -> Result<Option<String>> {
        // As it is before the password is read: one that comes while this one is hashed is another one.
        let mut seen = source(stores, instance, owner);
        let password = match admin_password(client, stores, instance, owner).await? {
            Some(password) => password,
            None => match generate_admin(client, stores, instance, owner).await? {
                Ok(password) => {
                    seen = source(stores, instance, owner);
                    password
                }
                Err(foreign) => return Ok(Some(foreign)),
            },
        };
        let name = names::user_secret(&owner.name);
        let api: Api<Secret> = Api::namespaced(client.clone(), &owner.namespace);
        let stored = match stores.secrets.get(&owner.namespace, &name) {
            Some(_) => read(client, &owner.namespace, &name).await?,
            None => None,
        };
        if let Some(stored) = stored.as_ref().filter(|stored| !apply::is_ours(&stored.metadata, owner)) {
            return Ok(Some(apply::foreign(stored, &name, &stored.metadata)));
        }
        let known = |secrets: InstanceSecrets, version: String| {
            let known = Known { version, source: seen, secrets: Arc::new(secrets) };
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(owner.uid.clone(), known);
        };
        // Hashes that are right are kept: new ones would roll every pod.
        if let Some((secrets, stored)) = stored.as_ref().and_then(|stored| Some((parse(stored)?, stored)))
            && fingerprint(&secrets.digest_key, &password) == secrets.digest.expose_secret()
        {
            stores.secrets.wrote(metadata_of(stored));
            known(secrets, stored.resource_version().unwrap_or_default());
            return Ok(None);
        }
        // The existing operator's Secret holds the role's password and nothing else: it is kept.
        let db_password = match stored.as_ref().and_then(|stored| text(stored, resources::secret::PASSWORD_KEY)) {
            Some(password) => password,
            None => older_password(client, stores, instance, owner).await?.map_or_else(|| random_hex(24), Ok)?,
        };
        let secrets = hashes(db_password, password).await?;
        let desired = with_inputs(instance, owner, &secrets, resources::secret::user);
        let written = if let Some(stored) = stored {
            // The owner as this version calls it; whoever else owns it goes on to.
            let others = stored.owner_references().iter().filter(|reference| reference.uid != owner.uid);
            let owners: Vec<_> = desired.owner_references().iter().chain(others).collect();
            let patch = json!({
                "metadata": {
                    "resourceVersion": stored.resource_version(), "labels": desired.metadata.labels,
                    "ownerReferences": owners,
                },
                "data": desired.data,
            });
            let parameters = PatchParams::apply(FIELD_MANAGER);
            api.patch(&name, &parameters, &Patch::Merge(patch))
                .await
                .map_err(|source| Error::kube("complete", &desired, source))?
        } else {
            match apply::create(&api, &desired).await? {
                Some(created) => created,
                // Somebody was quicker; the next look says who.
                None => match read(client, &owner.namespace, &name).await? {
                    Some(other) if !apply::is_ours(&other.metadata, owner) => {
                        return Ok(Some(apply::foreign(&other, &name, &other.metadata)));
                    }
                    _ => return Ok(None),
                },
            }
        };
        stores.secrets.wrote(metadata_of(&written));
        known(secrets, written.resource_version().unwrap_or_default());
        Ok(None)
    }

    /// Forgets an instance that is gone.
    pub fn forget(&self, uid: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// A Secret as the metadata store holds it.
pub fn metadata_of(secret: &Secret) -> kube::core::PartialObjectMeta<Secret> {
    use kube::core::metadata::PartialObjectMetaExt as _;
    let mut metadata = secret.metadata.clone();
    metadata.managed_fields = None;
    metadata.into_request_partial::<Secret>()
}

/// The Secret of this name; `None` if there is none. A name that none can have is asked for nowhere: it would become
/// part of a URL.
pub async fn read(client: &Client, namespace: &str, name: &str) -> Result<Option<Secret>> {
    if !Reference::secret(namespace, name).is_possible() {
        return Ok(None);
    }
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    api.get_opt(name).await.map_err(|source| Error::kube("read", &named(namespace, name), source))
}

/// The value of one key of a Secret that a field of the spec names.
pub async fn read_key(client: &Client, namespace: &str, field: &str, reference: &SecretKeyRef) -> Result<SecretString> {
    let wrong = |problem: String| Error::Secret { field: field.to_owned(), problem };
    let secret = read(client, namespace, &reference.name).await?.ok_or_else(|| {
        wrong(format!("Secret {namespace}/{} is not there; create it with key {}", reference.name, reference.key))
    })?;
    text(&secret, &reference.key).filter(|value| !value.expose_secret().is_empty()).ok_or_else(|| {
        let keys: Vec<&str> = secret.data.iter().flat_map(BTreeMap::keys).map(String::as_str).collect();
        let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        wrong(format!("Secret {namespace}/{} has no text under key {}; it has: {keys}", reference.name, reference.key))
    })
}

/// The role's password as the instance's Secret holds it.
pub async fn role_password(
    client: &Client,
    stores: &Stores,
    instance: &OdooInstance,
    owner: &Owner,
) -> Result<Option<SecretString>> {
    let secret = read(client, &owner.namespace, &names::user_secret(&owner.name)).await?;
    let secret = secret.filter(|secret| apply::is_ours(&secret.metadata, owner));
    match secret.and_then(|secret| text(&secret, resources::secret::PASSWORD_KEY)) {
        Some(password) => Ok(Some(password)),
        None => older_password(client, stores, instance, owner).await,
    }
}

/// The role's password where the existing operator's older releases kept it; of a taken-over instance without any
/// Secret, the one that its pods run with, which another one would lock out.
async fn older_password(
    client: &Client,
    stores: &Stores,
    instance: &OdooInstance,
    owner: &Owner,
) -> Result<Option<SecretString>> {
    let name = names::older_user_secret(&owner.name);
    if stores.secrets.get(&owner.namespace, &name).is_some_and(|meta| apply::is_ours(&meta.metadata, owner)) {
        let secret = read(client, &owner.namespace, &name).await?;
        return Ok(secret.and_then(|secret| text(&secret, resources::secret::PASSWORD_KEY)));
    }
    if !adopt::was_anothers(instance) {
        return Ok(None);
    }
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), &owner.namespace);
    let conf = adopt::live(&api, &names::odoo_conf(&owner.name)).await?;
    let conf = conf.filter(|conf| apply::is_ours(&conf.metadata, owner));
    Ok(conf.and_then(|conf| conf.data?.remove("db_password")).filter(|it| !it.is_empty()).map(SecretString::from))
}

fn named(namespace: &str, name: &str) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.namespace = Some(namespace.to_owned());
    secret.metadata.name = Some(name.to_owned());
    secret
}

fn text(secret: &Secret, key: &str) -> Option<SecretString> {
    let ByteString(bytes) = secret.data.as_ref()?.get(key)?;
    // A trailing line break is what `kubectl create secret --from-file` leaves, never a part of a password.
    std::str::from_utf8(bytes).ok().map(|text| SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

fn source(stores: &Stores, instance: &OdooInstance, owner: &Owner) -> Option<Source> {
    let of_secret = |name: &str| {
        let meta = stores.secrets.get(&owner.namespace, name)?;
        Some(Source { edition: format!("{name}@{}", meta.metadata.resource_version.as_deref().unwrap_or_default()) })
    };
    if let Some(password) = &instance.spec.admin_password {
        let hash = digest::digest(&digest::SHA256, password.as_bytes());
        return Some(Source { edition: hex(hash.as_ref()) });
    }
    match &instance.spec.admin_password_secret_ref {
        Some(reference) => of_secret(&reference.name),
        None => of_secret(&names::admin_secret(&owner.name)),
    }
}

/// The admin password that is given, or that was generated before; `None` if it has to be generated.
pub async fn admin_password(
    client: &Client,
    stores: &Stores,
    instance: &OdooInstance,
    owner: &Owner,
) -> Result<Option<SecretString>> {
    if let Some(password) = &instance.spec.admin_password {
        return Ok(Some(SecretString::from(password.clone())));
    }
    if let Some(reference) = &instance.spec.admin_password_secret_ref {
        return read_key(client, &owner.namespace, "spec.adminPasswordSecretRef", reference).await.map(Some);
    }
    let name = names::admin_secret(&owner.name);
    if stores.secrets.get(&owner.namespace, &name).is_none_or(|meta| !apply::is_ours(&meta.metadata, owner)) {
        return Ok(None);
    }
    let secret = read(client, &owner.namespace, &name).await?;
    Ok(secret.as_ref().and_then(|secret| text(secret, resources::secret::PASSWORD_KEY)))
}

/// Makes the Secret with a generated admin password. `Err` in words if somebody else's has the name.
async fn generate_admin(
    client: &Client,
    stores: &Stores,
    instance: &OdooInstance,
    owner: &Owner,
) -> Result<std::result::Result<SecretString, String>> {
    let password = random_password()?;
    let blank = InstanceSecrets::unknown();
    let desired = with_inputs(instance, owner, &blank, |inputs| resources::secret::admin(inputs, &password));
    let name = desired.name_any();
    let api: Api<Secret> = Api::namespaced(client.clone(), &owner.namespace);
    if let Some(created) = apply::create(&api, &desired).await? {
        stores.secrets.wrote(metadata_of(&created));
        return Ok(Ok(password));
    }
    let stored = read(client, &owner.namespace, &name).await?.unwrap_or_default();
    if !apply::is_ours(&stored.metadata, owner) {
        return Ok(Err(apply::foreign(&stored, &name, &stored.metadata)));
    }
    // It outlived an instance of this name, or a crash came between the two Secrets.
    let patch = json!({"metadata": {"labels": desired.metadata.labels, "annotations": {RETAINED: null}}});
    let taken = api
        .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .map_err(|source| Error::kube("take over", &desired, source))?;
    stores.secrets.wrote(metadata_of(&taken));
    let problem = format!("Secret {}/{name} has no key password; delete it to get a new one", owner.namespace);
    let wrong = || Error::Secret { field: "spec.adminPasswordSecretRef".to_owned(), problem };
    text(&taken, resources::secret::PASSWORD_KEY).map(Ok).ok_or_else(wrong)
}

/// Builds a Secret that depends on nothing but the instance and its passwords.
fn with_inputs<T>(
    instance: &OdooInstance,
    owner: &Owner,
    secrets: &InstanceSecrets,
    build: impl FnOnce(&Inputs<'_>) -> T,
) -> T {
    let user = names::role(&owner.namespace, &owner.name);
    let database = DatabaseAccess { user, ..DatabaseAccess::default() };
    build(&Inputs { instance, image: "", database: &database, secrets, odoo_version: None })
}

async fn hashes(db_password: SecretString, admin_password: SecretString) -> Result<InstanceSecrets> {
    let digest_key = random_hex(32)?;
    let digest = fingerprint(&digest_key, &admin_password).into();
    let hash = odoo_hash(admin_password).await.map_err(Error::Hash)?;
    Ok(InstanceSecrets { db_password, admin_hash: hash.clone(), master_hash: hash, digest, digest_key })
}

fn fingerprint(key: &SecretString, password: &SecretString) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes());
    hex(hmac::sign(&key, password.expose_secret().as_bytes()).as_ref())
}

fn parse(secret: &Secret) -> Option<InstanceSecrets> {
    Some(InstanceSecrets {
        db_password: text(secret, resources::secret::PASSWORD_KEY)?,
        admin_hash: text(secret, resources::secret::ADMIN_HASH_KEY)?,
        master_hash: text(secret, resources::secret::MASTER_HASH_KEY)?,
        digest: text(secret, resources::secret::DIGEST_KEY)?,
        digest_key: text(secret, resources::secret::DIGEST_KEY_KEY)?,
    })
}

/// So many random bytes, as hexadecimal digits.
pub fn random_hex(bytes: usize) -> Result<SecretString> {
    let mut buffer = vec![0; bytes];
    rand::fill(&mut buffer).map_err(|_| Error::Randomness)?;
    Ok(SecretString::from(hex(&buffer)))
}

/// 24 characters that survive a shell, a URL and a reading over the telephone: 137 bits.
fn random_password() -> Result<SecretString> {
    const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    let mut password = String::with_capacity(24);
    while password.len() < 24 {
        let mut byte = [0];
        rand::fill(&mut byte).map_err(|_| Error::Randomness)?;
        // Values past the last whole alphabet would make its first letters likelier.
        if usize::from(byte[0]) < 256 / ALPHABET.len() * ALPHABET.len() {
            password.push(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
        }
    }
    Ok(SecretString::from(password))
}
