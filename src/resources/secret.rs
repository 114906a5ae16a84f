//! The Secrets of an instance: the only objects that hold something secret.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Inputs, InstanceSecrets, meta, names, odoo_conf};
use crate::api::v1::OdooInstance;

/// Key of odoo.conf in `<name>-odoo-conf`.
pub const ODOO_CONF_KEY: &str = "odoo.conf";
/// Key of the database server's authorities in `<name>-odoo-conf`; there only when they are configured.
pub const CA_KEY: &str = "ca.crt";
/// Key of the database role in `<name>-odoo-user`.
pub const USERNAME_KEY: &str = "username";
/// Key of the role's password in `<name>-odoo-user`, and of the generated admin password in `<name>-admin`.
pub const PASSWORD_KEY: &str = "password";
/// Key of the `admin` login's hash in `<name>-odoo-user`.
pub const ADMIN_HASH_KEY: &str = "adminHash";
/// Key of the master password's hash in `<name>-odoo-user`.
pub const MASTER_HASH_KEY: &str = "masterHash";
/// Key of the keyed digest of the admin password in `<name>-odoo-user`.
pub const DIGEST_KEY: &str = "digest";
/// Key of the digest's key in `<name>-odoo-user`.
pub const DIGEST_KEY_KEY: &str = "digestKey";

/// `<name>-odoo-conf`: what the pods see in `/etc/odoo`.
pub fn odoo_conf(inputs: &Inputs<'_>) -> Secret {
    let mut data = BTreeMap::from([(ODOO_CONF_KEY, odoo_conf::text(inputs))]);
    if let Some(ca) = &inputs.database.ca {
        data.insert(CA_KEY, ca.clone().into());
    }
    secret(inputs.instance, names::odoo_conf(inputs.name()), data.iter().map(|(key, value)| (*key, value)))
}

/// `<name>-odoo-user`: the instance's own database role and the hashes of the admin password.
pub fn user(instance: &OdooInstance, secrets: &InstanceSecrets) -> Secret {
    let name = instance.name_any();
    let username = names::role(&instance.namespace().unwrap_or_default(), &name).into();
    let data = [
        (USERNAME_KEY, &username),
        (PASSWORD_KEY, &secrets.db_password),
        (ADMIN_HASH_KEY, &secrets.admin_hash),
        (MASTER_HASH_KEY, &secrets.master_hash),
        (DIGEST_KEY, &secrets.digest),
        (DIGEST_KEY_KEY, &secrets.digest_key),
    ];
    secret(instance, names::user_secret(&name), data)
}

/// `<name>-admin`: the password that was generated because the manifest names none.
pub fn admin(instance: &OdooInstance, password: &SecretString) -> Secret {
    secret(instance, names::admin_secret(&instance.name_any()), [(PASSWORD_KEY, password)])
}

fn secret<'a>(
    instance: &OdooInstance,
    name: String,
    data: impl IntoIterator<Item = (&'static str, &'a SecretString)>,
) -> Secret {
    let data = data
        .into_iter()
        .map(|(key, value)| (key.to_owned(), ByteString(value.expose_secret().as_bytes().to_vec())))
        .collect();
    Secret {
        metadata: meta::owned(instance, name, "config"),
        data: Some(data),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}
