//! Pairs written by hand: v1 and what a v1alpha1 client sees of it, and back.

use serde_json::{Value, json};

use crate::converted;

/// Both objects are what the other is converted to.
fn pair(kind: &str, v1: Value, v1alpha1: Value) {
    let whole = |version: &str, object: Value| {
        let mut whole =
            json!({ "apiVersion": format!("bemade.org/{version}"), "kind": kind, "metadata": {"name": "x"} });
        for (key, value) in object.as_object().unwrap() {
            whole[key] = value.clone();
        }
        whole
    };
    let (v1, v1alpha1) = (whole("v1", v1), whole("v1alpha1", v1alpha1));
    assert_eq!(converted(&v1, "v1alpha1"), v1alpha1);
    assert_eq!(converted(&v1alpha1, "v1"), v1);
}

/// A pair of OdooInstance specs with a password.
fn specs(mut v1: Value, mut v1alpha1: Value) {
    v1["adminPassword"] = json!("p");
    v1alpha1["adminPassword"] = json!("p");
    pair("OdooInstance", json!({ "spec": v1 }), json!({ "spec": v1alpha1 }));
}

/// v1alpha1 `edited` becomes `v1` (OdooInstance specs with a password).
fn edit(mut edited: Value, mut v1: Value) {
    v1["adminPassword"] = json!("p");
    edited["adminPassword"] = json!("p");
    let object = json!({ "apiVersion": "bemade.org/v1alpha1", "kind": "OdooInstance", "spec": edited });
    assert_eq!(converted(&object, "v1")["spec"], v1);
}

#[test]
fn initialization_moves_and_v1_only_fields_stay() {
    specs(
        json!({
            "initialization": {
                "modules": ["sale"], "demo": true, "languages": ["fr_BE"],
                "webhook": {
                    "url": "https://h", "tokenSecretRef": {"name": "s", "key": "k"}, "events": ["job.failed"],
                },
            },
            "deletionPolicy": "Retain",
        }),
        json!({
            "init": {
                "enabled": true, "modules": ["sale"], "demo": true,
                "webhook": {
                    "url": "https://h", "secretTokenSecretRef": {"name": "s", "key": "k"}, "events": ["job.failed"],
                },
            },
            "initialization": { "languages": ["fr_BE"] },
            "deletionPolicy": "Retain",
        }),
    );
}

#[test]
fn the_joint_row() {
    let reference = json!({ "name": "prod", "namespace": "p" });
    // Exact counterparts.
    specs(json!({}), json!({}));
    specs(
        json!({ "initialization": { "clone": { "instanceRef": reference } } }),
        json!({ "productionInstanceRef": reference }),
    );
    specs(json!({ "initialization": { "mode": "none" } }), json!({ "init": { "enabled": false } }));
    specs(
        json!({ "initialization": { "mode": "none", "clone": { "instanceRef": reference } } }),
        json!({ "init": { "enabled": false }, "productionInstanceRef": reference }),
    );
    // An explicit mode and the details of a clone stay beside.
    specs(
        json!({ "initialization": { "mode": "clone", "clone": { "instanceRef": reference, "neutralize": false } } }),
        json!({
            "productionInstanceRef": reference,
            "initialization": { "mode": "clone", "clone": { "neutralize": false } },
        }),
    );
    for mode in ["fresh", "restore"] {
        let both = json!({ "initialization": { "mode": mode, "restore": { "url": "https://o" } } });
        specs(both.clone(), both);
    }
    let unused = json!({ "initialization": { "mode": "fresh", "clone": { "instanceRef": reference } } });
    specs(unused.clone(), unused);
    // Both blocks are refused, and until then a restore is what it is.
    let both =
        json!({ "initialization": { "restore": { "url": "https://o" }, "clone": { "instanceRef": reference } } });
    specs(both.clone(), both);
    // What does not fit stays.
    let wrong = json!({ "initialization": { "mode": 5, "clone": "prod" } });
    specs(wrong.clone(), wrong);
    let wrong = json!({ "initialization": 5, "productionInstanceRef": reference, "init": { "enabled": false } });
    specs(wrong.clone(), wrong);
}

#[test]
fn an_edit_wins_over_the_original_beside_it() {
    edit(json!({ "init": { "enabled": true } }), json!({}));
    // Disabled: the explicit mode goes, the restore block waits.
    edit(
        json!({ "init": { "enabled": false }, "initialization": { "mode": "restore", "restore": { "url": "u" } } }),
        json!({ "initialization": { "restore": { "url": "u" }, "mode": "none" } }),
    );
    // Another source: the details of the clone stay.
    edit(
        json!({
            "productionInstanceRef": { "name": "other" },
            "initialization": { "mode": "clone", "clone": { "skipFilestore": true } },
        }),
        json!({
            "initialization": { "mode": "clone", "clone": { "skipFilestore": true, "instanceRef": { "name": "other" } } },
        }),
    );
    // The source is gone, and the details of the clone with it.
    edit(json!({ "initialization": { "mode": "clone", "clone": { "skipFilestore": true } } }), json!({}));
    // A source for an instance that was to start fresh.
    edit(
        json!({ "productionInstanceRef": { "name": "p" }, "initialization": { "mode": "fresh" } }),
        json!({ "initialization": { "clone": { "instanceRef": { "name": "p" } } } }),
    );
}

#[test]
fn an_absent_password_is_an_empty_one() {
    pair(
        "OdooInstance",
        json!({ "spec": { "adminPasswordSecretRef": { "name": "s", "key": "k" } } }),
        json!({ "spec": { "adminPasswordSecretRef": { "name": "s", "key": "k" }, "adminPassword": "" } }),
    );
}

#[test]
fn status_of_an_instance() {
    pair(
        "OdooInstance",
        json!({ "status": {
            "phase": "Running", "lastBackup": "2026-01-02T03:04:05Z", "latestBackup": { "sizeBytes": 5 },
            "migration": {
                "filestoreJobName": "a", "pvName": "b", "previousStorageClass": "c", "databaseJobName": "d",
                "previousCluster": "e",
            },
        } }),
        json!({ "status": {
            "phase": "Running", "lastBackup": "2026-01-02T03:04:05Z", "latestBackup": { "sizeBytes": 5 },
            "migrationJobName": "a", "migrationPvName": "b", "migrationPreviousStorageClass": "c",
            "dbMigrationJobName": "d", "migrationPreviousCluster": "e",
        } }),
    );
    for (v1, v1alpha1) in [("RestoreFailed", "InitFailed"), ("Deleting", "Stopped")] {
        pair(
            "OdooInstance",
            json!({ "status": { "phase": v1 } }),
            json!({ "status": { "phase": v1alpha1, "phaseV1": v1 } }),
        );
    }
    // Somebody wrote another phase through v1alpha1.
    let edited = json!({
        "apiVersion": "bemade.org/v1alpha1", "kind": "OdooInstance",
        "status": { "phase": "Running", "phaseV1": "Deleting" },
    });
    assert_eq!(converted(&edited, "v1")["status"], json!({ "phase": "Running" }));
}

#[test]
fn webhook_and_times_of_every_job() {
    for kind in ["OdooInitJob", "OdooUpgradeJob", "OdooBackupJob", "OdooRestoreJob", "OdooStagingRefreshJob"] {
        pair(
            kind,
            json!({
                "spec": { "webhook": { "url": "u", "tokenSecretRef": { "name": "s", "key": "k" } }, "cancel": true },
                "status": { "startTime": "2026-11-21T04:05:06Z", "completionTime": "2026-11-21T05:00:00Z" },
            }),
            json!({
                "spec": {
                    "webhook": { "url": "u", "secretTokenSecretRef": { "name": "s", "key": "k" } }, "cancel": true,
                },
                "status": { "startTime": "2026-11-21 04:05:06", "completionTime": "2026-11-21 05:00:00" },
            }),
        );
        let other = json!({ "status": { "startTime": "2026-11-21T04:05:06.5Z", "completionTime": "soon" } });
        pair(kind, other.clone(), other);
    }
}

#[test]
fn source_of_a_refresh() {
    pair(
        "OdooStagingRefreshJob",
        json!({ "spec": { "source": { "instanceRef": { "name": "p", "namespace": "n" } } } }),
        json!({ "spec": { "source": { "instanceName": "p", "instanceNamespace": "n" } } }),
    );
    pair(
        "OdooStagingRefreshJob",
        json!({ "spec": { "source": { "instanceRef": { "name": "p" } } } }),
        json!({ "spec": { "source": { "instanceName": "p" } } }),
    );
}

#[test]
fn the_documentation_names_every_row() {
    insta::assert_snapshot!(odoo_operator::conversion::docs());
}
