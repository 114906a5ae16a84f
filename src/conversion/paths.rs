//! Field paths of v1, said in v1alpha1's words: a person reads about the manifest that they sent.

use super::lens::{Lens, Path};
use super::table;

/// The v1alpha1 path of the v1 field at `path`, such as `spec.initialization.modules[0]`, in an object of `kind`. A
/// field that v1alpha1 does not have keeps its v1 path, which is where it is in a v1alpha1 object too.
pub fn path_in_v1alpha1(kind: &str, path: &str) -> String {
    let mut path = path.to_owned();
    for row in table::rows(kind) {
        let moved = match row.lens {
            Lens::Move { v1, v1alpha1 } => below(&path, v1, v1alpha1).or_else(|| container(&path, v1, v1alpha1)),
            Lens::InitMode => below(&path, &["spec", "initialization", "mode"], &["spec", "init", "enabled"])
                .or_else(|| below(&path, &["spec", "initialization", "clone", "instanceRef"], PRODUCTION))
                .or_else(|| (path == "spec.initialization.clone").then(|| PRODUCTION.join("."))),
            Lens::EmptyText(_) | Lens::Time(_) | Lens::Word { .. } => None,
        };
        path = moved.unwrap_or(path);
    }
    path
}

const PRODUCTION: Path = &["spec", "productionInstanceRef"];

/// `path` with the prefix `v1` replaced.
fn below(path: &str, v1: Path, v1alpha1: Path) -> Option<String> {
    let rest = path.strip_prefix(&v1.join("."))?;
    (rest.is_empty() || rest.starts_with(['.', '['])).then(|| format!("{}{rest}", v1alpha1.join(".")))
}

/// The counterpart of an object that v1alpha1 calls otherwise or spreads over its parent.
fn container(path: &str, v1: Path, v1alpha1: Path) -> Option<String> {
    let parent = &v1[..v1.len() - 1];
    let counterpart = &v1alpha1[..v1alpha1.len() - 1];
    if parent == counterpart || path != parent.join(".") {
        return None;
    }
    let spread = parent.starts_with(counterpart);
    Some(if spread { v1alpha1.join(".") } else { counterpart.join(".") })
}

#[cfg(test)]
mod tests {
    use super::path_in_v1alpha1;

    #[test]
    fn paths_of_moved_fields_are_those_that_were_sent() {
        for (kind, v1, v1alpha1) in [
            ("OdooInstance", "spec.initialization.modules[0]", "spec.init.modules[0]"),
            ("OdooInstance", "spec.initialization", "spec.init"),
            ("OdooInstance", "spec.initialization.mode", "spec.init.enabled"),
            ("OdooInstance", "spec.initialization.clone", "spec.productionInstanceRef"),
            ("OdooInstance", "spec.initialization.clone.instanceRef.name", "spec.productionInstanceRef.name"),
            ("OdooInstance", "spec.initialization.clone.neutralize", "spec.initialization.clone.neutralize"),
            ("OdooInstance", "spec.initialization.restore.url", "spec.initialization.restore.url"),
            (
                "OdooInstance",
                "spec.initialization.webhook.tokenSecretRef.key",
                "spec.init.webhook.secretTokenSecretRef.key",
            ),
            ("OdooInstance", "spec.initialization.modulesInstall", "spec.initialization.modulesInstall"),
            ("OdooInstance", "spec.webhook.url", "spec.webhook.url"),
            ("OdooInstance", "spec.webhook", "spec.webhook"),
            ("OdooInstance", "spec.adminPassword", "spec.adminPassword"),
            ("OdooInstance", "spec.configOptions[a.b]", "spec.configOptions[a.b]"),
            ("OdooBackupJob", "spec.webhook.tokenSecretRef", "spec.webhook.secretTokenSecretRef"),
            ("OdooStagingRefreshJob", "spec.source.instanceRef", "spec.source.instanceName"),
            ("OdooStagingRefreshJob", "spec.source.instanceRef.namespace", "spec.source.instanceNamespace"),
            ("OdooStagingRefreshJob", "spec.source", "spec.source"),
            ("OdooBackupSchedule", "spec.template.webhook.tokenSecretRef", "spec.template.webhook.tokenSecretRef"),
        ] {
            assert_eq!(path_in_v1alpha1(kind, v1), v1alpha1, "{kind} {v1}");
        }
    }
}
