//! The Secrets of an instance: the only objects that hold something secret.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Inputs, hex_sha256, meta, names, odoo_conf};
use crate::api::labels::CONTENT_HASH;

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
    secret(inputs, names::odoo_conf(inputs.name()), data.iter().map(|(key, value)| (*key, value)))
}

/// `<name>-odoo-user`: the database role and the hashes of the admin password.
pub fn user(inputs: &Inputs<'_>) -> Secret {
    let secrets = inputs.secrets;
    let username = inputs.database.user.clone().into();
    let data = [
        (USERNAME_KEY, &username),
        (PASSWORD_KEY, &secrets.db_password),
        (ADMIN_HASH_KEY, &secrets.admin_hash),
        (MASTER_HASH_KEY, &secrets.master_hash),
        (DIGEST_KEY, &secrets.digest),
        (DIGEST_KEY_KEY, &secrets.digest_key),
    ];
    secret(inputs, names::user_secret(inputs.name()), data)
}

/// `<name>-admin`: the password that was generated because the manifest names none. It has no owner: a database that
/// is retained is of no use to who has lost its password.
pub fn admin(inputs: &Inputs<'_>, password: &SecretString) -> Secret {
    let mut admin = secret(inputs, names::admin_secret(inputs.name()), [(PASSWORD_KEY, password)]);
    admin.metadata.owner_references = None;
    admin
}

/// SHA-256 over all keys and values of a Secret. It stands on the Secret as `bemade.org/content-hash`, so that the
/// metadata alone tells whether the content is as it was written.
pub fn content_hash(data: &BTreeMap<String, ByteString>) -> String {
    let mut bytes = Vec::new();
    for (key, ByteString(value)) in data {
        for part in [key.as_bytes(), value] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        }
    }
    hex_sha256(&bytes)
}

fn secret<'a>(
    inputs: &Inputs<'_>,
    name: String,
    data: impl IntoIterator<Item = (&'static str, &'a SecretString)>,
) -> Secret {
    let data = data
        .into_iter()
        .map(|(key, value)| (key.to_owned(), ByteString(value.expose_secret().as_bytes().to_vec())))
        .collect();
    let mut metadata = meta::owned(inputs, name, "config");
    metadata.annotations = Some(BTreeMap::from([(CONTENT_HASH.to_owned(), content_hash(&data))]));
    Secret { metadata, data: Some(data), type_: Some("Opaque".to_owned()), ..Secret::default() }
}
