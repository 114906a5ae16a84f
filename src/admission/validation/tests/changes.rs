//! Rules about a change of an instance.

use serde_json::json;

use super::Trial;
use crate::admission::violation::Reason::Forbidden;

#[test]
fn rule_3_size() {
    let size = |old: &str, new: &str| {
        Trial::instance(json!({"filestore": {"storageSize": new}})).was(json!({"filestore": {"storageSize": old}}))
    };
    for (old, new) in [("5Gi", "5Gi"), ("5Gi", "6Gi"), ("1Gi", "1024Mi"), ("1G", "1Gi"), ("nonsense", "1Gi")] {
        size(old, new).clean();
    }
    for (old, new) in [("5Gi", "4Gi"), ("1Gi", "1G"), ("1Pi", "1Ti"), ("1e10", "1e9")] {
        let message = format!("\"{new}\" is less than \"{old}\"; a volume cannot shrink, write \"{old}\" or more");
        size(old, new).refused("spec.filestore.storageSize", Forbidden, &message);
    }
}

#[test]
fn rule_4_moves_at_rest_only() {
    let class = |old: &str, new: &str| {
        Trial::instance(json!({"filestore": {"storageClass": new}})).was(json!({"filestore": {"storageClass": old}}))
    };
    let cluster =
        || Trial::instance(json!({"database": {"cluster": "spare"}})).was(json!({"database": {"cluster": "main"}}));
    for phase in ["Running", "Degraded", "Stopped"] {
        class("slow", "fast").state(json!({"phase": phase})).clean();
        cluster().state(json!({"phase": phase})).clean();
    }
    for phase in ["Uninitialized", "Restoring", "Upgrading", "MigratingFilestore", "Starting", "Initializing"] {
        let end = format!("in phase {phase}; keep");
        class("slow", "slow").state(json!({"phase": phase})).clean();
        class("", "fast").state(json!({"phase": phase})).clean();
        class("slow", "fast").state(json!({"phase": phase})).refused(
            "spec.filestore.storageClass",
            Forbidden,
            &format!("cannot change from \"slow\" to \"fast\" {end} \"slow\""),
        );
        cluster().state(json!({"phase": phase})).refused(
            "spec.database.cluster",
            Forbidden,
            &format!("cannot change from \"main\" to \"spare\" {end} \"main\""),
        );
    }
    class("slow", "").state(json!({"phase": "Starting"})).refused_at("spec.filestore.storageClass");
    class("", "fast")
        .state(json!({"phase": "Running"}))
        .in_this_release()
        .warned("spec.filestore.storageClass", "has no effect on the volume that is there, which keeps its class");
    let back = json!({"phase": "MigratingFilestore", "migration": {"previousStorageClass": "fast", "previousCluster": "spare"}});
    class("slow", "fast").state(back.clone()).clean();
    cluster().state(back).clean();
    class("slow", "fast").refused(
        "spec.filestore.storageClass",
        Forbidden,
        "cannot change from \"slow\" to \"fast\" in phase Provisioning; keep \"slow\"",
    );
}

#[test]
fn rule_6_the_name_of_a_database_in_use_is_fixed() {
    let change = |old: Option<&str>, new: Option<&str>| {
        let spec = |name: Option<&str>| name.map_or_else(|| json!({}), |name| json!({"database": {"name": name}}));
        Trial::instance(spec(new)).was(spec(old))
    };
    let in_use = || json!({"dbInitialized": true, "databaseName": "one", "phase": "Running"});
    change(Some("one"), Some("two")).clean();
    change(Some("one"), Some("one")).state(in_use()).clean();
    change(None, Some("one")).state(in_use()).clean();
    // From the moment when it is made, whatever is in it yet.
    let made = || json!({"dbInitialized": false, "databaseName": "one", "phase": "Initializing"});
    for state in [in_use, made] {
        for (old, new) in [(Some("one"), Some("two")), (Some("one"), None), (None, Some("two"))] {
            change(old, new).state(state()).refused(
                "spec.database.name",
                Forbidden,
                "cannot change: database \"one\" is in use; restore into a new instance instead",
            );
        }
        // A spec that said something else can be put right.
        change(Some("two"), Some("one")).state(state()).clean();
    }
    change(Some("one"), Some("two")).state(json!({"dbInitialized": false, "phase": "Provisioning"})).clean();
}

#[test]
fn rule_16_what_is_easily_regretted() {
    let is = |environment: &str| json!({"environment": environment});
    Trial::instance(is("Staging")).was(is("Staging")).clean();
    Trial::instance(is("Production")).was(is("Staging")).clean();
    Trial::instance(is("Staging"))
        .was(is("Production"))
        .warned("spec.environment", "was Production: Staging is neutralised, and a refresh may replace it");
    Trial::instance(json!({"deletionPolicy": "Delete"})).clean();
    Trial::instance(json!({"environment": "Production", "deletionPolicy": "Retain"})).clean();
    Trial::instance(json!({"environment": "Production", "deletionPolicy": "Delete"})).warned(
        "spec.deletionPolicy",
        "Delete takes Production data along if annotated bemade.org/confirm-delete: <name>",
    );
}
