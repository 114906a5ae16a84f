use odoo_operator::postgres::database::{DatabaseState, Drift, Wanted};
use odoo_operator::postgres::{BaseState, Error, Ident, Login};
use secrecy::SecretString;

use crate::parts::{Admin, Instance, cluster, refusal, superuser};

/// As much of Odoo's schema as the operator touches.
const ODOO: &str = "
CREATE TABLE ir_module_module (name varchar UNIQUE, state varchar, latest_version varchar);
CREATE TABLE res_users (id int PRIMARY KEY, login varchar, password varchar);
CREATE TABLE ir_model_data (module varchar, name varchar, model varchar, res_id int);
CREATE TABLE ir_config_parameter (id serial PRIMARY KEY, key varchar UNIQUE, value text,
    create_uid int, write_uid int, create_date timestamp, write_date timestamp);
INSERT INTO res_users VALUES (1, '__system__', NULL), (2, 'renamed', 'admin'), (3, 'user', 'hash');
INSERT INTO ir_model_data VALUES ('base', 'user_root', 'res.users', 1), ('base', 'user_admin', 'res.users', 2),
    ('base', 'user_admin', 'res.partner', 3), ('other', 'user_admin', 'res.users', 3)";

fn login(instance: &Instance) -> Login<'_> {
    Login { role: &instance.role, password: &instance.password, database: &instance.database }
}

#[tokio::test]
async fn whether_odoo_is_there_is_told() {
    let (cluster, instance) = (cluster(), Instance::new());
    instance.make(&cluster).await;
    let session = cluster.tenant_session(login(&instance)).await.unwrap();
    assert_eq!(session.base_state().await.unwrap(), BaseState::default());
    assert!(session.missing_extensions().await.unwrap().is_empty());
    let tenant = instance.login(&instance.database).await.unwrap();
    tenant.batch_execute(ODOO).await.unwrap();
    let empty = BaseState { has_modules: true, ..BaseState::default() };
    assert_eq!(session.base_state().await.unwrap(), empty);
    tenant.batch_execute("INSERT INTO ir_module_module VALUES ('base', 'to install', NULL)").await.unwrap();
    assert_eq!(session.base_state().await.unwrap(), empty);
    tenant.batch_execute("UPDATE ir_module_module SET state = 'installed', latest_version = '19.0.1.3'").await.unwrap();
    let installed = BaseState { installed: true, latest_version: Some("19.0.1.3".to_owned()), ..empty };
    assert_eq!(session.base_state().await.unwrap(), installed);
    drop(session);
    instance.clean(&cluster).await;
}

#[tokio::test]
async fn the_admin_login_and_the_report_url_are_set_whatever_the_tenant_has_poisoned() {
    let (cluster, instance) = (cluster(), Instance::new());
    instance.make(&cluster).await;
    let tenant = instance.login(&instance.database).await.unwrap();
    tenant.batch_execute(ODOO).await.unwrap();
    let role = Ident(&instance.role);
    tenant
        .batch_execute(&format!(
            "CREATE SCHEMA evil; CREATE TABLE evil.res_users (LIKE public.res_users);
             CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';
             ALTER ROLE {role} SET search_path = evil, pg_catalog, public;
             ALTER ROLE {role} SET default_transaction_read_only = on;
             ALTER ROLE {role} SET standard_conforming_strings = off"
        ))
        .await
        .unwrap();
    let session = cluster.tenant_session(login(&instance)).await.unwrap();
    let hash = SecretString::from("$pbkdf2-sha512$600000$a'\\b$c");
    session.set_admin_login(&hash).await.unwrap();
    for url in ["http://shop.ns.svc:8069", "http://shop.ns.svc:80/it's"] {
        session.set_report_url(url).await.unwrap();
    }
    let rows = tenant.query("SELECT password FROM public.res_users ORDER BY id", &[]).await.unwrap();
    let passwords: Vec<Option<&str>> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(passwords, [None, Some(r"$pbkdf2-sha512$600000$a'\b$c"), Some("hash")]);
    let parameters =
        tenant.query("SELECT key, value, create_date IS NOT NULL FROM public.ir_config_parameter", &[]).await.unwrap();
    assert_eq!(parameters.len(), 1);
    let parameter: (&str, &str, bool) = (parameters[0].get(0), parameters[0].get(1), parameters[0].get(2));
    assert_eq!(parameter, ("report.url", "http://shop.ns.svc:80/it's", true));

    superuser(&instance.database)
        .await
        .batch_execute("ALTER TABLE ir_config_parameter OWNER TO CURRENT_USER")
        .await
        .unwrap();
    let error = session.set_report_url("http://x").await.unwrap_err();
    assert!(error.to_string().contains("set report.url: permission denied for table"), "{error}");
    tenant.batch_execute("DELETE FROM public.ir_model_data").await.unwrap();
    let error = session.set_admin_login(&hash).await.unwrap_err();
    assert!(error.to_string().contains("0 users are base.user_admin"), "{error}");
    drop(session);
    instance.clean(&cluster).await;
}

#[tokio::test]
async fn a_wrong_password_of_a_tenant_is_told() {
    let (cluster, instance) = (cluster(), Instance::new());
    instance.make(&cluster).await;
    let wrong = SecretString::from("wr0ng");
    let error = cluster.tenant_session(Login { password: &wrong, ..login(&instance) }).await.unwrap_err();
    assert!(matches!(error, Error::Auth { .. }) && error.to_string().contains(&instance.role), "{error}");
    instance.clean(&cluster).await;
}

#[tokio::test]
async fn an_admin_without_superuser_leaves_unaccent_out_and_says_so() {
    let admin = Admin::new("CREATEDB CREATEROLE").await;
    let cluster = admin.cluster();
    let mut died_after = 0;
    loop {
        let instance = Instance::named();
        cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
        let plan = cluster.plan_database(&instance.wanted()).await.unwrap();
        let mut missing = Vec::new();
        for step in &plan[..died_after] {
            missing.extend(cluster.run_database_step(&instance.wanted(), &instance.password, step).await.unwrap());
        }
        let made = cluster.ensure_database(&instance.wanted(), &instance.password).await.unwrap();
        missing.extend(made.missing_extensions);
        assert!(
            missing.iter().any(|words| words.contains("unaccent") && words.contains("not superuser")),
            "{missing:?}"
        );
        let inventory = cluster.inventory(false).await.unwrap();
        assert_eq!(inventory.database_state(&instance.wanted()), DatabaseState::Ready);
        let tenant = instance.login(&instance.database).await.unwrap();
        tenant.batch_execute("CREATE TABLE t (a text); CREATE INDEX ON t USING gin (a gin_trgm_ops)").await.unwrap();
        let session = cluster.tenant_session(login(&instance)).await.unwrap();
        let gaps = session.missing_extensions().await.unwrap();
        assert!(gaps.len() == 1 && gaps[0].starts_with("unaccent"), "{gaps:?}");
        let member = superuser("postgres")
            .await
            .query_one("SELECT pg_has_role($1::text, $2::text, 'MEMBER')", &[&admin.role, &instance.role])
            .await
            .unwrap();
        assert!(!member.get::<_, bool>(0), "the admin did not stay a member of the tenant's role");
        instance.clean(&cluster).await;
        assert!(tenant.batch_execute("SELECT 1").await.is_err(), "its session did not hold the database");
        died_after += 1;
        if died_after > plan.len() {
            break;
        }
    }
    admin.clean().await;
}

#[tokio::test]
async fn an_admin_without_superuser_takes_an_older_operators_database_over() {
    let admin = Admin::new("CREATEDB CREATEROLE").await;
    let (cluster, root, instance) = (admin.cluster(), superuser("postgres").await, Instance::named());
    cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
    root.batch_execute(&format!("CREATE DATABASE {} OWNER {}", Ident(&instance.database), Ident(&instance.role)))
        .await
        .unwrap();
    let wanted = Wanted { legacy: true, ..instance.wanted() };
    assert!(cluster.ensure_database(&wanted, &instance.password).await.unwrap().adopted);
    assert_eq!(cluster.inventory(false).await.unwrap().database_state(&wanted), DatabaseState::Ready);
    instance.login(&instance.database).await.unwrap().batch_execute("CREATE TABLE t (a int)").await.unwrap();
    instance.clean(&cluster).await;
    admin.clean().await;
}

#[tokio::test]
async fn an_admin_that_may_not_is_told_what_it_needs() {
    let admin = Admin::new("NOCREATEDB").await;
    let (cluster, instance) = (admin.cluster(), Instance::new());
    let error = cluster.ensure_role(&instance.role, &instance.password).await.unwrap_err();
    assert!(matches!(error, Error::Privilege { .. }), "{error:?}");
    let error = error.to_string();
    assert!(error.contains(&format!("create role {:?}", instance.role)) && error.contains("CREATEROLE"), "{error}");
    let error = cluster.ensure_database(&instance.wanted(), &instance.password).await.unwrap_err();
    assert!(matches!(error, Error::Privilege { .. }), "{error:?}");
    admin.clean().await;
}

#[tokio::test]
async fn what_somebody_changed_is_reported() {
    let (cluster, root) = (cluster(), superuser("postgres").await);
    let (instance, other) = (Instance::new(), Instance::new());
    let state = async || cluster.inventory(false).await.unwrap().database_state(&instance.wanted());
    assert_eq!(state().await, DatabaseState::Absent);
    instance.make(&cluster).await;
    other.make(&cluster).await;
    assert_eq!(state().await, DatabaseState::Ready);
    let drift = async |known: &[&str]| cluster.inventory(false).await.unwrap().drift(&instance.wanted(), known);
    assert_eq!(drift(&[]).await, []);

    let (own, role, stranger) = (Ident(&instance.database), Ident(&instance.role), Ident(&other.role));
    for change in [
        format!("GRANT CONNECT ON DATABASE {own} TO {stranger}"),
        format!("ALTER DATABASE {own} SET statement_timeout = '1s'"),
        format!("ALTER ROLE {role} SET work_mem = '1GB'"),
        format!("ALTER DATABASE {own} ALLOW_CONNECTIONS false"),
    ] {
        root.batch_execute(&change).await.unwrap();
    }
    let expected = [
        Drift::Closed,
        Drift::OtherRoles(vec![other.role.clone()]),
        Drift::DatabaseSettings(vec!["statement_timeout=1s".to_owned()]),
        Drift::RoleSettings(vec!["work_mem=1GB".to_owned()]),
    ];
    assert_eq!(drift(&[]).await, expected);
    assert_eq!(drift(&[&other.role]).await.len(), 3);
    assert_eq!(state().await, DatabaseState::Ready, "nobody's business to repair unasked");

    for change in [
        format!("ALTER DATABASE {own} OWNER TO {role}"),
        format!("ALTER ROLE {role} CREATEDB"),
        format!("GRANT CONNECT ON DATABASE {own} TO PUBLIC"),
    ] {
        root.batch_execute(&change).await.unwrap();
    }
    assert_eq!(state().await, DatabaseState::Incomplete);
    root.batch_execute(&format!("ALTER DATABASE {own} ALLOW_CONNECTIONS true")).await.unwrap();
    instance.make(&cluster).await;
    assert_eq!(state().await, DatabaseState::Ready);
    let thief = Instance::new();
    let wanted = Wanted { database: &instance.database, ..thief.wanted() };
    let state = cluster.inventory(false).await.unwrap().database_state(&wanted);
    assert!(matches!(state, DatabaseState::Foreign(_)), "{state:?}");
    instance.clean(&cluster).await;
    other.clean(&cluster).await;
}

#[tokio::test]
async fn tenants_can_connect_to_database_postgres_and_make_nothing_there() {
    let (cluster, instance) = (cluster(), Instance::new());
    cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
    assert_eq!(cluster.harden().await.unwrap(), Vec::<String>::new());
    let tenant = instance.login("postgres").await.unwrap();
    tenant.batch_execute("LISTEN cron_trigger").await.unwrap();
    let words = refusal(tenant.batch_execute("CREATE TEMP TABLE t (a int)").await);
    assert!(words.starts_with("permission denied to create temporary tables"), "{words}");
    let words = refusal(tenant.batch_execute("CREATE TABLE public.t (a int)").await);
    assert!(words.starts_with("permission denied for schema public"), "{words}");
    drop(tenant);
    instance.clean(&cluster).await;
}
