//! Parts that several kinds share: references, webhooks, S3 locations, notifications.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One key of a Secret in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret, in the namespace of the object that refers to it.
    pub name: String,
    /// Key within the Secret's `data`.
    pub key: String,
}

/// A Secret in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalSecretRef {
    /// Name of the Secret, in the namespace of the object that refers to it.
    pub name: String,
}

/// The OdooInstance that a job works on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceRef {
    /// Name of the OdooInstance.
    pub name: String,
    /// Namespace of the OdooInstance. When given it must be the namespace of this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// An OdooInstance, in another namespace if that namespace's instance allows it
/// (annotation `bemade.org/allow-from-namespaces` on it).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Name of the OdooInstance.
    pub name: String,
    /// Namespace of the OdooInstance; absent means the namespace of this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Where notifications of status changes are sent, and how the receiver can tell that they are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// http or https URL that gets a POST for each event. Loopback, link-local and metadata addresses are refused.
    pub url: String,
    /// Secret key whose value is sent as `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKeyRef>,
    /// Bearer token in plain text. Accepted for compatibility; use tokenSecretRef.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Secret key with one or two Standard Webhooks secrets (`whsec_…`, separated by white space, newest first);
    /// with two, every request carries two signatures, so that a receiver can change over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret_ref: Option<SecretKeyRef>,
    /// Event types to send, such as `instance.phase` or `job.failed`; absent or empty means all.
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
}

/// The Secret that holds S3 credentials: keys `accessKey` and `secretKey`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3CredentialsRef {
    /// Name of the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Namespace of the Secret; absent means the own namespace. A Secret elsewhere needs the annotation
    /// `bemade.org/allow-from-namespaces` on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// How a bucket is addressed: path (`https://endpoint/bucket/key`), virtual (`https://bucket.endpoint/key`), or auto:
/// virtual for AWS, path elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AddressingStyle {
    /// Virtual for AWS, path elsewhere.
    #[default]
    Auto,
    /// `https://endpoint/bucket/key`.
    Path,
    /// `https://bucket.endpoint/key`.
    Virtual,
}

/// An object in S3-compatible storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Location {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the object: no leading `/`, no `..` segment, at most 1024 bytes.
    pub object_key: String,
    /// URL of the S3 service, such as `https://s3.eu-west-1.amazonaws.com`.
    pub endpoint: String,
    /// Region that requests are signed for; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether the server's certificate goes unchecked. Prefer caSecretRef.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure: Option<bool>,
    /// Secret with the credentials; absent means the pod's own identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_credentials_secret_ref: Option<S3CredentialsRef>,
    /// How the bucket is addressed: auto, path or virtual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addressing_style: Option<AddressingStyle>,
    /// Secret key with the PEM certificate of the authority that signed the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
    /// Storage class of objects that are written, such as `STANDARD_IA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// Server-side encryption of objects that are written, such as `AES256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_side_encryption: Option<String>,
}

/// A status change that its receiver has not acknowledged yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationItem {
    /// `<uid>-<sequence>`: the same on every try, for the receiver to recognise repetitions.
    pub id: String,
    /// Short event type, such as `instance.phase`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Position among this object's events, from 1.
    pub sequence: i64,
    /// When it happened (RFC 3339).
    pub time: String,
    /// Phase that was entered.
    pub phase: String,
    /// Phase that was left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_phase: Option<String>,
    /// What a person should know about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Failed tries so far; written from the third on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i32>,
    /// When it is tried next (RFC 3339); written from the third failure on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<String>,
}
