use odoo_operator::postgres::database::{Step, Wanted};
use odoo_operator::postgres::{Error, Ident, Marker};
use odoo_operator::resources::names;

use crate::parts::{Instance, blocked, cluster, refusal, superuser};

/// What a finished database of an instance is, seen by the server's own catalogs.
async fn assert_complete(instance: &Instance) {
    let cluster = cluster();
    let inventory = cluster.inventory(false).await.unwrap();
    let database = inventory.database(&instance.database).expect("it has its final name");
    assert_eq!(database.owner, inventory.admin);
    assert!(database.allow_connections && database.valid);
    assert_eq!(database.marker(), Some(Marker::new(&instance.namespace, &instance.name, &instance.uid)));
    assert!(database.grants.iter().all(|grant| grant.grantee.is_some()), "PUBLIC has nothing: {database:?}");
    for privilege in ["CONNECT", "CREATE", "TEMPORARY"] {
        assert!(database.grants(Some(&instance.role), privilege), "{privilege}: {database:?}");
    }
    let inside = superuser(&instance.database).await;
    let row = inside
        .query_one(
            "SELECT datcollate, pg_encoding_to_char(encoding),
                    (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'),
                    (SELECT string_agg(extname || ':' || pg_get_userbyid(extowner), ' ' ORDER BY extname)
                     FROM pg_extension WHERE extname <> 'plpgsql'),
                    (SELECT provolatile::text FROM pg_proc WHERE oid = 'public.unaccent(text)'::regprocedure)
             FROM pg_database WHERE datname = current_database()",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "C");
    assert_eq!(row.get::<_, String>(1), "UTF8");
    assert_eq!(row.get::<_, String>(2), instance.role);
    assert_eq!(row.get::<_, String>(3), format!("pg_trgm:{0} unaccent:{0}", instance.role));
    assert_eq!(row.get::<_, String>(4), "i", "unaccent is IMMUTABLE");
}

#[tokio::test]
async fn a_new_database_is_complete_and_a_second_call_does_nothing() {
    let cluster = cluster();
    for instance in [Instance::new(), Instance::named()] {
        cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
        let made = cluster.ensure_database(&instance.wanted(), &instance.password).await.unwrap();
        assert!(made.created && !made.adopted && made.missing_extensions.is_empty(), "{made:?}");
        assert_complete(&instance).await;
        let again = cluster.ensure_database(&instance.wanted(), &instance.password).await.unwrap();
        assert!(!again.changed, "{again:?}");
        instance.clean(&cluster).await;
    }
}

#[tokio::test]
async fn a_tenant_uses_its_database_and_can_neither_remove_nor_leave_it() {
    let cluster = cluster();
    let (mine, other) = (Instance::new(), Instance::new());
    mine.make(&cluster).await;
    other.make(&cluster).await;

    let tenant = mine.login(&mine.database).await.unwrap();
    tenant
        .batch_execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('é'); CREATE INDEX ON t (unaccent(a)); CREATE TEMP TABLE x (a int)")
        .await
        .unwrap();

    let outside = mine.login("postgres").await.unwrap();
    let own = Ident(&mine.database).to_string();
    for statement in [
        format!("DROP DATABASE {own} WITH (FORCE)"),
        format!("ALTER DATABASE {own} RENAME TO gone"),
        format!("ALTER DATABASE {own} ALLOW_CONNECTIONS false"),
        format!("ALTER DATABASE {own} SET default_transaction_read_only = on"),
        format!("COMMENT ON DATABASE {own} IS 'mine'"),
    ] {
        let words = refusal(outside.batch_execute(&statement).await);
        assert!(words.contains("must be owner") || words.contains("permission denied"), "{statement}: {words}");
    }
    assert_eq!(refusal(outside.batch_execute("CREATE DATABASE another").await), "permission denied to create database");
    let words = refusal(mine.login(&other.database).await);
    assert!(words.starts_with("permission denied for database"), "{words}");
    mine.clean(&cluster).await;
    other.clean(&cluster).await;
}

#[tokio::test]
async fn an_interruption_after_any_step_is_taken_up() {
    let cluster = cluster();
    let mut died_after = 0;
    loop {
        // A name of the owner's choice has the longest way.
        let instance = Instance::named();
        cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
        let plan = cluster.plan_database(&instance.wanted()).await.unwrap();
        for step in &plan[..died_after] {
            cluster.run_database_step(&instance.wanted(), &instance.password, step).await.unwrap();
        }
        if plan[..died_after].iter().any(|step| matches!(step, Step::GrantTenant { .. })) {
            let rest = cluster.plan_database(&instance.wanted()).await.unwrap();
            let inside = rest.iter().any(|step| matches!(step, Step::Fill { .. }));
            assert!(!inside, "the admin goes into no database to which a tenant can connect: {rest:?}");
        }
        let next = cluster.ensure_database(&instance.wanted(), &instance.password).await;
        next.unwrap_or_else(|error| panic!("died after {:?}: {error}", &plan[..died_after]));
        assert_complete(&instance).await;
        let inventory = cluster.inventory(false).await.unwrap();
        assert_eq!(inventory.databases_of(&instance.uid).count(), 1, "one database");
        instance.clean(&cluster).await;
        died_after += 1;
        if died_after > plan.len() {
            assert_eq!(plan.len(), 9, "every step was last once: {plan:#?}");
            return;
        }
    }
}

#[tokio::test]
async fn an_interruption_is_taken_up_under_the_first_name_too() {
    let cluster = cluster();
    for died_after in 0..8 {
        let instance = Instance::new();
        cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
        let plan = cluster.plan_database(&instance.wanted()).await.unwrap();
        assert_eq!(plan.len(), 8, "{plan:#?}");
        for step in &plan[..died_after] {
            cluster.run_database_step(&instance.wanted(), &instance.password, step).await.unwrap();
        }
        cluster.ensure_database(&instance.wanted(), &instance.password).await.unwrap();
        assert_complete(&instance).await;
        instance.clean(&cluster).await;
    }
}

/// Everything about a database that a careless operator could have changed.
async fn fingerprint(database: &str) -> String {
    let row = superuser("postgres")
        .await
        .query_one(
            "SELECT format('%s %s %s %s %s', oid, datdba, datacl, datallowconn, shobj_description(oid, 'pg_database'))
             FROM pg_database WHERE datname = $1",
            &[&database],
        )
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test]
async fn somebody_elses_database_is_not_touched() {
    let cluster = cluster();
    let root = superuser("postgres").await;
    let owner = Instance::new();
    owner.make(&cluster).await;

    // Another instance's; nobody's, owned by the admin; a foreign role's that carries a forged COMMENT.
    let unmarked = Instance::named();
    root.batch_execute(&format!("CREATE DATABASE {}", Ident(&unmarked.database))).await.unwrap();
    let forged = Instance::named();
    root.batch_execute(&format!("CREATE DATABASE {} OWNER {}", Ident(&forged.database), Ident(&owner.role)))
        .await
        .unwrap();
    let comment = Marker::new(&forged.namespace, &forged.name, &forged.uid).to_comment();
    root.batch_execute(&format!("COMMENT ON DATABASE {} IS '{comment}'", Ident(&forged.database))).await.unwrap();

    for (database, words) in [
        (&owner.database, "an instance in another namespace"),
        (&unmarked.database, "no mark of this operator"),
        (&forged.database, "another role owns it"),
    ] {
        let thief = if *database == forged.database { &forged } else { &Instance::new() };
        cluster.ensure_role(&thief.role, &thief.password).await.unwrap();
        let before = fingerprint(database).await;
        let wanted = Wanted { database, legacy: true, ..thief.wanted() };
        let error = cluster.ensure_database(&wanted, &thief.password).await.unwrap_err();
        assert!(matches!(error, Error::NameTaken { what: "database", .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(fingerprint(database).await, before);
        assert!(cluster.inventory(false).await.unwrap().databases_of(&thief.uid).next().is_none(), "none was made");
        cluster.drop_role(&thief.role).await.ok();
    }
    for database in [&unmarked.database, &forged.database] {
        root.batch_execute(&format!("DROP DATABASE {}", Ident(database))).await.unwrap();
    }
    owner.clean(&cluster).await;
}

#[tokio::test]
async fn a_retained_database_is_adopted_under_the_new_uid() {
    let cluster = cluster();
    let old = Instance::new();
    old.make(&cluster).await;
    old.login(&old.database).await.unwrap().batch_execute("CREATE TABLE kept (a int)").await.unwrap();
    let mut marker = Marker::new(&old.namespace, &old.name, &old.uid);
    marker.retained_at = Some("2026-01-02T03:04:05Z".to_owned());
    assert!(cluster.retain(&old.database, &marker).await.unwrap());

    let mut new = Instance::new();
    new.namespace.clone_from(&old.namespace);
    new.role.clone_from(&old.role);
    let inventory = cluster.inventory(false).await.unwrap();
    new.database.clone_from(&inventory.retained(&new.namespace, &new.name).expect("it is found by its mark").name);
    cluster.ensure_role(&new.role, &new.password).await.unwrap();
    let adopted = cluster.ensure_database(&new.wanted(), &new.password).await.unwrap();
    assert!(adopted.adopted && !adopted.created, "{adopted:?}");
    assert_complete(&new).await;
    new.login(&new.database).await.unwrap().batch_execute("INSERT INTO kept VALUES (1)").await.unwrap();
    assert!(cluster.drop_database(&new.database, &old.uid).await.is_err(), "the old uid has no say any more");
    new.clean(&cluster).await;
}

#[tokio::test]
async fn a_database_of_an_older_operator_changes_hands_at_any_interruption() {
    let cluster = cluster();
    let root = superuser("postgres").await;
    let mut died_after = 0;
    loop {
        let instance = Instance::named();
        cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
        root.batch_execute(&format!("CREATE DATABASE {} OWNER {}", Ident(&instance.database), Ident(&instance.role)))
            .await
            .unwrap();
        instance
            .login(&instance.database)
            .await
            .unwrap()
            .batch_execute("CREATE TABLE res_users (a int)")
            .await
            .unwrap();

        let young = cluster.ensure_database(&instance.wanted(), &instance.password).await;
        assert!(matches!(young, Err(Error::NameTaken { .. })), "{young:?}");
        let wanted = Wanted { legacy: true, isolate: false, ..instance.wanted() };
        let plan = cluster.plan_database(&wanted).await.unwrap();
        for step in &plan[..died_after] {
            cluster.run_database_step(&wanted, &instance.password, step).await.unwrap();
        }
        cluster.ensure_database(&wanted, &instance.password).await.unwrap();

        let inventory = cluster.inventory(false).await.unwrap();
        let database = inventory.database(&instance.database).unwrap();
        assert_eq!(database.owner, inventory.admin);
        assert!(database.grants(None, "CONNECT"), "other roles may need it still");
        assert!(inventory.databases_of(&instance.uid).next().is_some());
        let tenant = instance.login(&instance.database).await.unwrap();
        tenant.batch_execute("ALTER TABLE res_users ADD b int; CREATE TABLE more (a int)").await.unwrap();
        assert!(!cluster.ensure_database(&wanted, &instance.password).await.unwrap().changed);
        assert!(
            cluster.ensure_database(&instance.wanted(), &instance.password).await.unwrap().changed,
            "isolated when that is asked for"
        );
        assert!(!cluster.inventory(false).await.unwrap().database(&instance.database).unwrap().grants(None, "CONNECT"));

        instance.clean(&cluster).await;
        died_after += 1;
        if died_after > plan.len() {
            assert_eq!(plan.len(), 3, "{plan:#?}");
            return;
        }
    }
}

#[tokio::test]
async fn two_callers_at_once_make_one_database() {
    let cluster = cluster();
    let instance = Instance::named();
    cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
    let wanted = instance.wanted();
    let (a, b) = tokio::join!(
        cluster.ensure_database(&wanted, &instance.password),
        cluster.ensure_database(&wanted, &instance.password)
    );
    assert_ne!(a.unwrap().created, b.unwrap().created);
    assert_complete(&instance).await;
    instance.clean(&cluster).await;
}

#[tokio::test]
async fn a_name_that_somebody_is_just_giving_is_taken() {
    let cluster = cluster();
    let instance = Instance::named();
    cluster.ensure_role(&instance.role, &instance.password).await.unwrap();
    let other = Ident(&format!("{}-other", instance.database)).to_string();
    let name = Ident(&instance.database).to_string();
    let mut root = superuser("postgres").await;
    root.batch_execute(&format!("CREATE DATABASE {other}")).await.unwrap();
    let somebody = root.transaction().await.unwrap();
    somebody.batch_execute(&format!("ALTER DATABASE {other} RENAME TO {name}")).await.unwrap();
    let wanted = instance.wanted();
    let (made, ()) = tokio::join!(cluster.ensure_database(&wanted, &instance.password), async {
        blocked(&format!("ALTER DATABASE {} RENAME", Ident(&names::database(&instance.uid)))).await;
        somebody.commit().await.unwrap();
    });
    assert!(matches!(made, Err(Error::NameTaken { what: "database", .. })), "{made:?}");
    root.batch_execute(&format!("DROP DATABASE {name}")).await.unwrap();
    instance.clean(&cluster).await;
}
