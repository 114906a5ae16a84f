use odoo_operator::postgres::{Clusters, Marker};

use crate::parts::Instance;

/// A controller runs all of it in spawned tasks; this need only compile.
#[allow(dead_code)]
fn every_call_can_be_spawned(clusters: Clusters, instance: Instance, marker: Marker) {
    fn spawnable(_: impl Future<Output = ()> + Send + 'static) {}
    spawnable(async move {
        clusters.supervise().await;
        let cluster = clusters.get(None).unwrap();
        cluster.supervise().await;
        cluster.ping().await.unwrap();
        cluster.inventory(true).await.unwrap();
        instance.make(&cluster).await;
        cluster.drop_database("d", "u").await.unwrap();
        cluster.drop_databases_of("u").await.unwrap();
        cluster.retain("d", &marker).await.unwrap();
        cluster.drop_role("r").await.unwrap();
        cluster.harden().await.unwrap();
    });
}
