//! What changes in PostgreSQL.

use super::collect::World;
use super::report::{Finding, Report};
use crate::admission::subject::Kind;
use crate::postgres::database::{Step, Wanted};
use crate::postgres::inventory::Inventory;
use crate::postgres::{Cluster, Clusters};
use crate::resources::names;

/// Looks at the role and the database of every instance.
pub async fn judge(clusters: &Clusters, world: &World, report: &mut Report) {
    let mut inventories = Vec::new();
    for cluster in clusters.all() {
        let about = format!("PostgreSQL cluster {}", cluster.config().name);
        match cluster.inventory(false).await {
            Ok(inventory) => inventories.push((cluster, inventory)),
            Err(why) => report.cluster.push(Finding::blocks(about, format!("cannot be looked at: {why}"))),
        }
    }
    for stored in world.objects.iter().filter(|stored| stored.kind == Kind::Instance) {
        let (namespace, name, uid) = (stored.meta("namespace"), stored.meta("name"), stored.meta("uid"));
        let (spec, status) = (&stored.object["spec"]["database"], &stored.object["status"]);
        let wanted = status["activeCluster"].as_str().or(spec["cluster"].as_str());
        let mut findings = Vec::new();
        match clusters.get(wanted) {
            Err(unknown) => findings.push(Finding::attention("spec.database.cluster", unknown.to_string())),
            Ok(cluster) => {
                let found = inventories.iter().find(|(other, _)| other.config().name == cluster.config().name);
                if let Some((cluster, inventory)) = found {
                    let database = status["databaseName"].as_str().or(spec["name"].as_str());
                    let database = database.map_or_else(|| names::database(uid), str::to_owned);
                    let role = names::role(namespace, name);
                    let wanted = Wanted {
                        database: &database,
                        namespace,
                        name,
                        uid,
                        role: &role,
                        legacy: status["databaseName"].is_null(),
                        isolate: false,
                    };
                    findings = one(cluster, inventory, &wanted, status["dbInitialized"] == true).await;
                }
            }
        }
        let own = report
            .objects
            .iter_mut()
            .find(|object| object.kind == "OdooInstance" && object.namespace == namespace && object.name == name);
        if let Some(object) = own {
            object.findings.extend(findings);
        }
    }
}

async fn one(cluster: &Cluster, inventory: &Inventory, wanted: &Wanted<'_>, initialized: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let role = format!("role {}", wanted.role);
    match inventory.role(wanted.role) {
        Some(it) if it.superuser => {
            findings.push(Finding::attention(role, "is a superuser, and is not taken: the instance says NameTaken"));
        }
        Some(it) if it.createdb || it.createrole => {
            findings.push(Finding::change(role, "loses CREATEDB and CREATEROLE; its password stays"));
        }
        _ => {}
    }
    let database = format!("database {} on cluster {}", wanted.database, cluster.config().name);
    match cluster.plan_database(wanted).await {
        Err(why) => findings.push(Finding::attention(database, why.to_string())),
        Ok(steps) => {
            let creates = steps.iter().any(|step| matches!(step, Step::Create { .. }));
            if creates && initialized {
                findings.push(Finding::attention(database, "is not there, though the instance was initialised"));
            } else if creates {
                findings.push(Finding::change(database, "is created, when the instance gets there"));
            } else {
                findings.extend(steps.iter().filter_map(|step| Some(Finding::change(&database, words(step)?))));
                let others = inventory.drift(wanted, &[]);
                findings.extend(others.iter().map(|drift| Finding::note(&database, drift.to_string())));
            }
        }
    }
    findings
}

fn words(step: &Step) -> Option<&'static str> {
    Some(match step {
        Step::Mark { .. } => "gets a COMMENT that says whose it is; another one there is replaced",
        Step::TakeOwnership { .. } => {
            "belongs to the admin role from then on; the instance's role may connect, create and make temporary tables"
        }
        Step::HandSchema { .. } => "schema public belongs to the instance's role",
        Step::GrantTenant { .. } => "is opened to the instance's role by name",
        Step::RevokePublic { .. } => "is closed to other roles",
        _ => return None,
    })
}
