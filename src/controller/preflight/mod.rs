//! What taking a cluster over will do, object by object, before anything is done.
//!
//! Owns: what is read for it, the judgement, and how it is told. Must not: write anything; it sends nothing but GET and
//! LIST to the API server, and nothing but SELECT to PostgreSQL.

mod children;
mod cluster;
mod collect;
mod databases;
mod objects;
mod report;

use kube::Client;

use crate::admission;
use crate::api::settings::Settings;
use crate::postgres::Clusters;

pub use report::{Finding, Level, ObjectReport, Report};

/// A request that was not answered.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {what}: {source}")]
pub struct Error {
    verb: &'static str,
    what: String,
    source: Box<kube::Error>,
}

impl Error {
    fn new(verb: &'static str, what: impl Into<String>, source: kube::Error) -> Self {
        Self { verb, what: what.into(), source: Box::new(source) }
    }
}

/// Reads the cluster and says what will happen. Without `clusters`, PostgreSQL is left out.
pub async fn preflight(client: &Client, settings: &Settings, clusters: Option<&Clusters>) -> Result<Report, Error> {
    let world = collect::collect(client).await?;
    let known = clusters.map(|clusters| {
        let all = clusters.all();
        let default = all.iter().find(|cluster| cluster.config().default).map(|cluster| cluster.config().name.clone());
        let mut names: Vec<_> = all.iter().map(|cluster| cluster.config().name.clone()).collect();
        names.sort();
        admission::Clusters { names, default }
    });
    let lookup = objects::Known::new(&world, known);
    let mut report = Report { cluster: cluster::judge(&world), objects: objects::judge(&world, settings, &lookup) };
    match clusters {
        Some(clusters) => databases::judge(clusters, &world, &mut report).await,
        None => report.cluster.push(Finding::note(
            "PostgreSQL",
            "was not looked at: name the operator's namespace (--operator-namespace) with the clusters Secret in it, or \
             one cluster (--postgres-host), to hear what changes there",
        )),
    }
    Ok(report)
}
