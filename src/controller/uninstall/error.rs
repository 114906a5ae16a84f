/// Why the operator cannot be removed, in one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused a call.
    #[error("cannot {verb} {what}: {source}")]
    Call {
        /// What was tried.
        verb: &'static str,
        /// On what.
        what: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// The CRDs cannot be changed.
    #[error(transparent)]
    Crds(#[from] crate::controller::crds::Error),
    /// PostgreSQL refused or did not answer.
    #[error(transparent)]
    Postgres(#[from] crate::postgres::Error),
    /// Instances want their data dropped with them.
    #[error(
        "these instances have deletionPolicy Delete, and without the operator nobody would drop their data: {0}. Delete \
         them first, or give them deletionPolicy Retain (--retain, chart value uninstall.retain=true, does it to all). \
         Nothing was changed"
    )]
    DeletionPolicy(String),
    /// Instances are on their way out.
    #[error(
        "these instances are being deleted: {0}. Wait until they are gone; or let go of them, data kept, with --retain \
         (chart value uninstall.retain=true). Nothing was changed"
    )]
    Deleting(String),
    /// Not everything is stored as v1.
    #[error(
        "objects of {crd} may still be stored as {versions}, which cannot be read as v1 without the operator: let it \
         finish its migration (storedVersions is [v1] then), or go back with --to-v1alpha1. Nothing was changed"
    )]
    NotMigrated {
        /// Name of the CRD.
        crd: String,
        /// Versions besides v1.
        versions: String,
    },
    /// There is nobody who converts.
    #[error(
        "{0} is not converted by a webhook, so its objects cannot be rewritten as v1alpha1: the operator must be running \
         until then (`odoo-operator wait` says when v1alpha1 is served). Nothing was changed"
    )]
    NotConverted(String),
    /// The API server does not store the version that its CRD names.
    #[error("the API server does not store {0} as v1alpha1 yet; run this again")]
    NotStored(String),
    /// The operator's Deployment has another name.
    #[error(
        "there is no Deployment {0}: name the operator's with --operator-namespace and --deployment, or give \
         --deployment= when it does not run in this cluster and was stopped. Nothing was changed"
    )]
    NoDeployment(String),
    /// The operator does not end.
    #[error("the operator's pods are still there after {seconds} s: {pods}")]
    Pods {
        /// Their names.
        pods: String,
        /// How long was waited.
        seconds: u64,
    },
    /// Somebody puts finalizers back.
    #[error("{0} got its finalizer back: another process of the operator is running; stop it, and run this again")]
    StillRunning(String),
}

impl Error {
    /// A failed request.
    pub fn call(verb: &'static str, what: impl Into<String>, source: kube::Error) -> Self {
        Self::Call { verb, what: what.into(), source: Box::new(source) }
    }
}
