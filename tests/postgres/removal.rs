use odoo_operator::postgres::{Error, Ident, Marker};

use crate::parts::{Instance, cluster, superuser};

#[tokio::test]
async fn a_database_goes_with_its_uid_only_and_with_sessions_in_it() {
    let cluster = cluster();
    let instance = Instance::named();
    instance.make(&cluster).await;
    let other = Instance::new();
    let error = cluster.drop_database(&instance.database, &other.uid).await.unwrap_err();
    assert!(matches!(error, Error::NameTaken { .. }), "{error}");

    let session = instance.login(&instance.database).await.unwrap();
    assert!(session.batch_execute("SELECT 1").await.is_ok(), "the database of another uid was not touched");
    assert!(cluster.drop_database(&instance.database, &instance.uid).await.unwrap());
    assert!(session.batch_execute("SELECT 1").await.is_err());
    assert!(!cluster.drop_database(&instance.database, &instance.uid).await.unwrap(), "it is gone");
    instance.clean(&cluster).await;
}

#[tokio::test]
async fn a_forged_mark_drops_nothing() {
    let (cluster, root) = (cluster(), superuser("postgres").await);
    let (instance, forger) = (Instance::named(), Instance::new());
    cluster.ensure_role(&forger.role, &forger.password).await.unwrap();
    let own = Ident(&instance.database).to_string();
    root.batch_execute(&format!("CREATE DATABASE {own} OWNER {}", Ident(&forger.role))).await.unwrap();
    let mark = Marker::new(&instance.namespace, &instance.name, &instance.uid);
    let tenant = forger.login(&instance.database).await.unwrap();
    tenant.batch_execute(&format!("COMMENT ON DATABASE {own} IS '{}'", mark.to_comment())).await.unwrap();

    assert!(cluster.drop_database(&instance.database, &instance.uid).await.is_err());
    assert!(cluster.retain(&instance.database, &mark).await.is_err());
    assert!(cluster.drop_databases_of(&instance.uid).await.unwrap().is_empty());
    let inventory = cluster.inventory(false).await.unwrap();
    assert!(inventory.retained(&instance.namespace, &instance.name).is_none());
    tenant.batch_execute("SELECT 1").await.unwrap();
    root.batch_execute(&format!("DROP DATABASE {own} WITH (FORCE)")).await.unwrap();
    forger.clean(&cluster).await;
}

#[tokio::test]
async fn all_databases_of_an_instance_go_the_unfinished_one_included() {
    let cluster = cluster();
    let instance = Instance::named();
    cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
    let plan = cluster.plan_database(&instance.wanted()).await.unwrap();
    // Died right after CREATE DATABASE: it has no COMMENT yet.
    cluster.run_database_step(&instance.wanted(), &instance.password, &plan[0]).await.unwrap();
    let dropped = cluster.drop_databases_of(&instance.uid).await.unwrap();
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    instance.make(&cluster).await;
    assert_eq!(cluster.drop_databases_of(&instance.uid).await.unwrap(), [instance.database.as_str()]);
    assert!(cluster.drop_databases_of(&instance.uid).await.unwrap().is_empty());
    instance.clean(&cluster).await;
}

#[tokio::test]
async fn a_role_goes_with_what_it_left_elsewhere_and_not_before_its_databases() {
    let cluster = cluster();
    let instance = Instance::new();
    instance.make(&cluster).await;
    instance.login(&instance.database).await.unwrap().batch_execute("CREATE TABLE t (a int)").await.unwrap();
    let listener = instance.login("postgres").await.unwrap();
    listener.batch_execute("SELECT lo_create(0); LISTEN cron_trigger").await.unwrap();

    let error = cluster.drop_role(&instance.role).await.unwrap_err().to_string();
    assert!(error.contains("cannot be dropped because some objects depend on it"), "{error}");
    assert!(error.contains(&instance.database), "PostgreSQL's list: {error}");
    assert!(cluster.inventory(false).await.unwrap().role(&instance.role).is_some());

    cluster.drop_databases_of(&instance.uid).await.unwrap();
    assert!(cluster.drop_role(&instance.role).await.unwrap());
    assert!(!cluster.drop_role(&instance.role).await.unwrap(), "it is gone");
    assert!(listener.batch_execute("SELECT 1").await.is_err(), "no session outlives it");
}

#[tokio::test]
async fn a_retained_database_carries_who_left_it() {
    let cluster = cluster();
    let instance = Instance::new();
    instance.make(&cluster).await;
    let mut mark = Marker::new(&instance.namespace, &instance.name, &instance.uid);
    mark.retained_at = Some("2026-01-02T03:04:05Z".to_owned());
    let foreign = Marker { uid: "another".to_owned(), ..mark.clone() };
    assert!(cluster.retain(&instance.database, &foreign).await.is_err());
    assert!(cluster.retain(&instance.database, &mark).await.unwrap());
    assert!(cluster.retain(&instance.database, &mark).await.unwrap(), "twice is as once");
    assert!(!cluster.retain("not there", &mark).await.unwrap());
    let inventory = cluster.inventory(true).await.unwrap();
    let retained = inventory.retained(&instance.namespace, &instance.name).unwrap();
    assert_eq!(retained.marker(), Some(mark));
    assert!(retained.size.unwrap() > 1_000_000);
    instance.clean(&cluster).await;
}
