use odoo_operator::postgres::config::ClusterConfig;
use odoo_operator::postgres::{Error, Ident, RoleChange};
use secrecy::SecretString;

use crate::parts::{Admin, Instance, blocked, cluster, cluster_of, env, login, superuser};

/// What PostgreSQL holds as a role's password, and its attributes.
async fn stored(role: &str) -> (String, String) {
    let row = superuser("postgres")
        .await
        .query_one(
            "SELECT rolpassword, format('%s %s %s %s %s %s', rolcanlogin, rolsuper, rolcreatedb, rolcreaterole,
                    rolreplication, rolbypassrls) FROM pg_authid WHERE rolname = $1",
            &[&role],
        )
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

const TENANT: &str = "t f f f f f";

#[tokio::test]
async fn a_new_role_can_log_in_and_nothing_else() {
    let (cluster, instance) = (cluster(), Instance::new());
    let change = cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
    assert_eq!(change, RoleChange { created: true, ..RoleChange::default() });
    let (verifier, attributes) = stored(&instance.role).await;
    assert!(verifier.starts_with("SCRAM-SHA-256$"), "{verifier}");
    assert_eq!(attributes, TENANT);
    instance.login("postgres").await.unwrap();
    assert_eq!(cluster.ensure_role(&instance.role, &instance.password).await.unwrap(), RoleChange::default());
    assert_eq!(stored(&instance.role).await.0, verifier, "the right password is left alone");
    instance.clean(&cluster).await;
}

#[tokio::test]
async fn a_role_that_is_there_gets_what_it_lacks() {
    let (cluster, root) = (cluster(), superuser("postgres").await);
    for (made, change) in [
        ("LOGIN CREATEDB PASSWORD '{}'", RoleChange { rights: true, ..RoleChange::default() }),
        ("LOGIN CREATEROLE PASSWORD '{}'", RoleChange { rights: true, ..RoleChange::default() }),
        ("LOGIN PASSWORD 'another'", RoleChange { password: true, ..RoleChange::default() }),
        ("NOLOGIN PASSWORD '{}'", RoleChange { password: true, ..RoleChange::default() }),
        ("LOGIN CREATEDB", RoleChange { password: true, rights: true, ..RoleChange::default() }),
    ] {
        let instance = Instance::new();
        let made = made.replace("{}", &instance.secret);
        root.batch_execute(&format!("CREATE ROLE {} {made}", Ident(&instance.role))).await.unwrap();
        assert_eq!(cluster.ensure_role(&instance.role, &instance.password).await.unwrap(), change, "{made}");
        assert_eq!(stored(&instance.role).await.1, TENANT, "{made}");
        instance.login("postgres").await.unwrap();
        instance.clean(&cluster).await;
    }
}

#[tokio::test]
async fn a_superuser_of_that_name_is_refused() {
    let (cluster, instance, root) = (cluster(), Instance::new(), superuser("postgres").await);
    root.batch_execute(&format!("CREATE ROLE {} SUPERUSER", Ident(&instance.role))).await.unwrap();
    let error = cluster.ensure_role(&instance.role, &instance.password).await.unwrap_err();
    assert!(matches!(error, Error::NameTaken { what: "role", .. }), "{error}");
    assert!(cluster.drop_role(&instance.role).await.is_err());
    root.batch_execute(&format!("DROP ROLE {}", Ident(&instance.role))).await.unwrap();
}

#[tokio::test]
async fn any_text_is_a_password() {
    let cluster = cluster();
    for text in ["'; DROP ROLE x; --", "back\\slash\"quote", "пароль 密码 é", " spaces ", "%s{}$1"] {
        let instance = Instance::new();
        cluster.ensure_role(&instance.role, &SecretString::from(text)).await.unwrap();
        login(&instance.role, text, "postgres").await.unwrap_or_else(|error| panic!("{text}: {error}"));
        instance.clean(&cluster).await;
    }
}

#[tokio::test]
async fn the_password_is_tried_where_tenants_may_not_connect() {
    let (instance, root) = (Instance::new(), superuser("postgres").await);
    let own = Ident(&instance.database).to_string();
    root.batch_execute(&format!("CREATE DATABASE {own}")).await.unwrap();
    root.batch_execute(&format!("REVOKE CONNECT ON DATABASE {own} FROM PUBLIC")).await.unwrap();
    let admin = Admin::new("SUPERUSER").await;
    let cluster = cluster_of(ClusterConfig { admin_database: instance.database.clone(), ..admin.config() });
    cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
    assert!(cluster.password_works(&instance.role, &instance.password).await.unwrap());
    assert!(!cluster.password_works(&instance.role, &SecretString::from("other")).await.unwrap());
    cluster.drop_role(&instance.role).await.unwrap();
    admin.clean().await;
    root.batch_execute(&format!("DROP DATABASE {own} WITH (FORCE)")).await.unwrap();
}

#[tokio::test]
async fn two_callers_at_once_make_one_role() {
    let (cluster, instance) = (cluster(), Instance::new());
    let make = || cluster.ensure_role(&instance.role, &instance.password);
    let (a, b) = tokio::join!(make(), make());
    assert_ne!(a.unwrap().created, b.unwrap().created);
    instance.login("postgres").await.unwrap();
    instance.clean(&cluster).await;
}

#[tokio::test]
async fn a_role_that_somebody_is_just_making_is_used() {
    let (cluster, instance) = (cluster(), Instance::new());
    let mut root = superuser("postgres").await;
    let somebody = root.transaction().await.unwrap();
    let create = format!("CREATE ROLE {}", Ident(&instance.role));
    somebody.batch_execute(&create).await.unwrap();
    let (made, ()) = tokio::join!(cluster.ensure_role(&instance.role, &instance.password), async {
        blocked(&create).await;
        somebody.commit().await.unwrap();
    });
    assert_eq!(made.unwrap(), RoleChange { password: true, ..RoleChange::default() });
    instance.login("postgres").await.unwrap();
    instance.clean(&cluster).await;
}

#[tokio::test]
async fn the_servers_log_has_no_clear_password() {
    let admin = Admin::new("SUPERUSER").await;
    let root = superuser("postgres").await;
    for setting in ["log_statement = 'all'", "log_min_duration_statement = 0", "log_min_error_statement = 'debug5'"] {
        root.batch_execute(&format!("ALTER ROLE {} SET {setting}", Ident(&admin.role))).await.unwrap();
    }
    let cluster = admin.cluster();
    let instance = Instance::named();
    instance.make(&cluster).await;
    let renewed = SecretString::from(format!("renewed-{}", instance.uid));
    assert!(cluster.ensure_role(&instance.role, &renewed).await.unwrap().password);
    cluster.drop_databases_of(&instance.uid).await.unwrap();
    cluster.drop_role(&instance.role).await.unwrap();

    let log = String::from_utf8_lossy(&std::fs::read(env("PG_LOG")).expect("PG_LOG is the server's log")).into_owned();
    for statement in ["CREATE ROLE", "ALTER ROLE"] {
        let logged = log.lines().any(|line| line.contains(statement) && line.contains(&instance.role));
        assert!(logged, "{statement} of {} is in the log", instance.role);
    }
    let words = [instance.secret.as_str(), &format!("renewed-{}", instance.uid)];
    let line = log.lines().find(|line| words.iter().any(|word| line.contains(word)));
    assert_eq!(line, None, "a clear password");
    admin.clean().await;
}
