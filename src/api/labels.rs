//! Names that the operator writes on objects: labels, annotations, finalizers, field managers.

/// Selector label of the web and cron pods: `app=<Deployment name>`.
pub const APP: &str = "app";
/// Name of the instance that an object belongs to.
pub const INSTANCE: &str = "bemade.org/instance";
/// uid of the instance that an object belongs to: the proof that it is ours to change.
pub const INSTANCE_UID: &str = "bemade.org/instance-uid";
/// `staging` or `production`.
pub const ENVIRONMENT: &str = "bemade.org/environment";
/// Who manages an object; watches select on it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGER: &str = "odoo-operator";
/// uid of the job object that a batch Job or pod works for.
pub const JOB_UID: &str = "bemade.org/job-uid";

/// SHA-256 of odoo.conf, on the pod template: a change of the file rolls the pods.
pub const ODOO_CONF_HASH: &str = "bemade.org/odoo-conf-hash";
/// SHA-256 of a Secret's data as the operator wrote it.
pub const CONTENT_HASH: &str = "bemade.org/content-hash";
/// Must hold the instance's name before a Production instance is deleted with its data.
pub const CONFIRM_DELETE: &str = "bemade.org/confirm-delete";
/// On a volume that outlived its instance: whose it was, as JSON.
pub const RETAINED: &str = "bemade.org/retained";
/// On a Secret that was mirrored from the operator's namespace: `namespace/name@resourceVersion` of its source.
pub const MIRRORED_FROM: &str = "bemade.org/mirrored-from";
/// Namespaces whose objects may refer to this one, separated by commas; `*` for all.
pub const ALLOW_FROM_NAMESPACES: &str = "bemade.org/allow-from-namespaces";

/// On an object that an older operator stored, and on a CRD all of whose objects are done: brought to this version.
pub const MIGRATED: &str = "bemade.org/migrated";
/// On a CRD that stored v1alpha1 when this operator came: its `status.storedVersions` then, separated by commas.
pub const STORED_BEFORE: &str = "bemade.org/stored-before";
/// On an instance that was taken over: `now` moves its pods to this operator's template.
pub const ADOPT: &str = "bemade.org/adopt";

/// On an instance: `true` takes PUBLIC's CONNECT from a database that was there before this operator.
pub const ISOLATE: &str = "bemade.org/isolate";

/// Finalizer of an OdooInstance (the name is the existing operator's).
pub const INSTANCE_FINALIZER: &str = "bemade.org/postgres-cleanup";
/// Finalizer of a job object until its outcome is recorded.
pub const JOB_FINALIZER: &str = "bemade.org/operation";

/// Finalizer that the Python operator left on its objects.
pub const KOPF_FINALIZER: &str = "kopf.zalando.org/KopfFinalizerMarker";

/// Field manager of child objects and of status.
pub const FIELD_MANAGER: &str = "odoo-operator";
/// Field manager of the CRDs.
pub const CRD_FIELD_MANAGER: &str = "odoo-operator-crd";
/// Field manager of caBundle, and of nothing else.
pub const CA_FIELD_MANAGER: &str = "odoo-operator-ca";
