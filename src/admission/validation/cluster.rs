//! Rule 5: the PostgreSQL cluster.

use super::Case;
use crate::admission::violation::{Findings, quoted};

/// The cluster is one that the operator is configured for; credentials of a database elsewhere exclude one.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    const PATH: &str = "spec.database.cluster";
    let Some((spec, _)) = case.instance() else { return };
    let cluster = spec.cluster();
    if spec.database.as_ref().is_some_and(|database| database.credentials_secret_ref.is_some()) {
        if cluster.is_some() {
            findings.forbidden(PATH, "excludes credentialsSecretRef; remove one of both");
        }
        return;
    }
    // Not known yet: the reconciler asks again.
    let Some(clusters) = case.ctx.lookup.clusters() else { return };
    let names = || clusters.names.join(", ");
    match cluster {
        Some(cluster) if !clusters.names.iter().any(|name| name == cluster) => {
            let none = clusters.names.is_empty();
            let known = if none { "none is configured".to_owned() } else { format!("there is {}", names()) };
            findings.not_supported(
                PATH,
                format!("{} is no cluster of the operator's configuration: {known}", quoted(cluster)),
            );
        }
        None if clusters.default.is_none() => {
            findings.required(PATH, format!("no cluster is the default one; name one of: {}", names()));
        }
        _ => {}
    }
}
