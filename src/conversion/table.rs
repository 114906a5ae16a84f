//! The one place where a mapping between the versions is written. What is not here has the same path and the same
//! meaning in both versions, or is known to v1 only and stays where it is.

use super::lens::Lens;

/// The kinds that both versions have.
pub const KINDS: [&str; 6] =
    ["OdooInstance", "OdooInitJob", "OdooUpgradeJob", "OdooBackupJob", "OdooRestoreJob", "OdooStagingRefreshJob"];

const INSTANCE: &[&str] = &["OdooInstance"];
const JOBS: &[&str] = &["OdooInitJob", "OdooUpgradeJob", "OdooBackupJob", "OdooRestoreJob", "OdooStagingRefreshJob"];
const REFRESH: &[&str] = &["OdooStagingRefreshJob"];

/// One mapping.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The kinds that have it.
    pub kinds: &'static [&'static str],
    /// What it does.
    pub lens: Lens,
    /// What a user should know about it, for the documentation.
    pub note: &'static str,
}

/// Every mapping. Rows are applied in this order from v1 to v1alpha1 and in the opposite order on the way back, so a
/// row's v1 path is the one that the rows above it have made.
pub static TABLE: &[Row] = &[
    Row {
        kinds: INSTANCE,
        lens: Lens::Move { v1: &["spec", "initialization", "modules"], v1alpha1: &["spec", "init", "modules"] },
        note: "",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::Move { v1: &["spec", "initialization", "demo"], v1alpha1: &["spec", "init", "demo"] },
        note: "",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::Move { v1: &["spec", "initialization", "webhook"], v1alpha1: &["spec", "init", "webhook"] },
        note: "`signingSecretRef` and `events` go with it.",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::Move {
            v1: &["spec", "init", "webhook", "tokenSecretRef"],
            v1alpha1: &["spec", "init", "webhook", "secretTokenSecretRef"],
        },
        note: "",
    },
    Row {
        kinds: &KINDS,
        lens: Lens::Move {
            v1: &["spec", "webhook", "tokenSecretRef"],
            v1alpha1: &["spec", "webhook", "secretTokenSecretRef"],
        },
        note: "",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::InitMode,
        note: "One joint row. Enabled and no reference is mode absent; enabled and a reference is mode absent and a \
               clone block; not enabled is mode `none`, and the reference stays as clone block. From v1 the effective \
               mode counts (absent: by which block is there, else fresh); an explicit mode that v1alpha1 has no word \
               for stays at `spec.initialization.mode`, the details of the clone block stay at \
               `spec.initialization.clone`.",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::EmptyText(&["spec", "adminPassword"]),
        note: "Required in v1alpha1; in v1 the password may come from a Secret or be generated.",
    },
    Row {
        kinds: REFRESH,
        lens: Lens::Move {
            v1: &["spec", "source", "instanceRef", "name"],
            v1alpha1: &["spec", "source", "instanceName"],
        },
        note: "",
    },
    Row {
        kinds: REFRESH,
        lens: Lens::Move {
            v1: &["spec", "source", "instanceRef", "namespace"],
            v1alpha1: &["spec", "source", "instanceNamespace"],
        },
        note: "",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::Word {
            path: &["status", "phase"],
            original: &["status", "phaseV1"],
            words: &[("RestoreFailed", "InitFailed"), ("Deleting", "Stopped")],
        },
        note: "v1's word stays in `status.phaseV1`.",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::Move {
            v1: &["status", "migration", "filestoreJobName"],
            v1alpha1: &["status", "migrationJobName"],
        },
        note: "",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::Move { v1: &["status", "migration", "pvName"], v1alpha1: &["status", "migrationPvName"] },
        note: "",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::Move {
            v1: &["status", "migration", "previousStorageClass"],
            v1alpha1: &["status", "migrationPreviousStorageClass"],
        },
        note: "",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::Move {
            v1: &["status", "migration", "databaseJobName"],
            v1alpha1: &["status", "dbMigrationJobName"],
        },
        note: "",
    },
    Row {
        kinds: INSTANCE,
        lens: Lens::Move {
            v1: &["status", "migration", "previousCluster"],
            v1alpha1: &["status", "migrationPreviousCluster"],
        },
        note: "",
    },
    Row { kinds: JOBS, lens: Lens::Time(&["status", "startTime"]), note: "" },
    Row { kinds: JOBS, lens: Lens::Time(&["status", "completionTime"]), note: "" },
];

/// The rows of `kind`, in the order from v1 to v1alpha1.
pub fn rows(kind: &str) -> impl DoubleEndedIterator<Item = &'static Row> + use<'_> {
    TABLE.iter().filter(move |row| row.kinds.contains(&kind))
}
