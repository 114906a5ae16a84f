use odoo_operator::postgres::config::{ClusterConfig, ClustersConfig, SslMode};
use odoo_operator::postgres::database::DatabaseState;
use odoo_operator::postgres::{Clusters, Error, Health, Marker};

use crate::parts::{Admin, Instance, cluster_of, config, env, eventually};
use crate::relay::{Manner, Relay};

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

fn server_ca() -> String {
    std::fs::read_to_string(env("PGSSLROOTCERT")).expect("PGSSLROOTCERT is the server's CA")
}

fn foreign_ca() -> String {
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
}

#[tokio::test]
async fn each_sslmode_protects_as_much_as_it_says() {
    let admin = Admin::new("SUPERUSER").await;
    let elsewhere = Relay::new(Manner::Faithful).await;
    let (right, wrong) = (Some(server_ca()), Some(foreign_ca()));
    for (sslmode, ca_cert, by_name, expected) in [
        (SslMode::Disable, None, true, Ok(false)),
        (SslMode::Prefer, None, true, Ok(true)),
        (SslMode::Require, None, true, Ok(true)),
        (SslMode::Require, right.clone(), false, Ok(true)),
        (SslMode::Require, wrong.clone(), true, Err("UnknownIssuer")),
        (SslMode::VerifyCa, right.clone(), false, Ok(true)),
        (SslMode::VerifyCa, wrong.clone(), true, Err("UnknownIssuer")),
        (SslMode::VerifyFull, right.clone(), true, Ok(true)),
        (SslMode::VerifyFull, right.clone(), false, Err("not valid for name")),
        (SslMode::VerifyFull, wrong.clone(), true, Err("UnknownIssuer")),
        // The system's CAs, of which the test server's is none.
        (SslMode::VerifyFull, None, true, Err("UnknownIssuer")),
    ] {
        let case = format!("{sslmode}, CA {:?}, by name {by_name}", ca_cert.as_ref().map(|ca| *ca == server_ca()));
        let mut config = ClusterConfig { sslmode, ca_cert, ..admin.config() };
        if !by_name {
            (config.host, config.port) = (elsewhere.address.ip().to_string(), elsewhere.address.port());
        }
        let cluster = cluster_of(config);
        match (cluster.ping().await, expected) {
            (Ok(()), Ok(tls)) => assert_eq!(admin.sessions().await, [tls], "{case}"),
            (Err(error @ Error::Tls { .. }), Err(words)) => {
                assert!(error.to_string().contains(words), "{case}: {error}");
                assert!(error.to_string().contains(sslmode.as_str()), "{case}: {error}");
            }
            (result, _) => panic!("{case}: {result:?}"),
        }
        drop(cluster);
        admin.end_sessions().await;
        eventually("no session", async || admin.sessions().await.is_empty().then_some(())).await;
    }
    admin.clean().await;
}

#[tokio::test]
async fn a_server_without_tls_is_used_by_prefer_and_refused_by_require() {
    let admin = Admin::new("SUPERUSER").await;
    let relay = Relay::new(Manner::WithoutTls).await;
    let config = ClusterConfig { host: relay.address.ip().to_string(), port: relay.address.port(), ..admin.config() };
    let prefer = cluster_of(ClusterConfig { sslmode: SslMode::Prefer, ..config.clone() });
    prefer.ping().await.unwrap();
    assert_eq!(admin.sessions().await, [false]);
    let require = cluster_of(ClusterConfig { sslmode: SslMode::Require, ..config });
    let error = require.ping().await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains("server does not support TLS"), "{error}");
    admin.clean().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let closed = Relay::new(Manner::Faithful).await;
    let address = closed.address;
    closed.end().await;
    let silent = Relay::new(Manner::Silent).await;
    for (host, port, words) in [
        (address.ip().to_string(), address.port(), "Connection refused"),
        (silent.address.ip().to_string(), silent.address.port(), "no answer within 5 s"),
        ("no-such-host.invalid".to_owned(), 5432, "no-such-host.invalid:5432"),
    ] {
        let cluster = cluster_of(ClusterConfig { host: host.clone(), port, ..config() });
        let error = cluster.inventory(false).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }) && error.is_unreachable(), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(words) && message.contains(&format!("{host}:{port}")), "{message}");
        assert_eq!(*cluster.health().borrow(), Health::Down { reason: message });
    }
}

#[tokio::test]
async fn a_wrong_password_of_the_admin_is_told_without_it() {
    let admin = Admin::new("SUPERUSER").await;
    let cluster = cluster_of(ClusterConfig { admin_password: "wr0ng".to_owned().into(), ..admin.config() });
    let error = cluster.inventory(false).await.unwrap_err();
    assert!(matches!(error, Error::Auth { .. }), "{error:?}");
    assert!(error.to_string().contains(&admin.role) && error.to_string().contains("password authentication failed"));
    assert!(!format!("{error:?} {cluster:?}").contains("wr0ng"));
    admin.clean().await;
}

#[tokio::test]
async fn at_rest_one_session_is_open_and_is_used_again() {
    let admin = Admin::new("SUPERUSER").await;
    let cluster = admin.cluster();
    let many = futures::future::join_all((0..20).map(|_| cluster.inventory(false))).await;
    assert!(many.iter().all(Result::is_ok));
    let one = async || (admin.sessions().await.len() == 1).then_some(());
    eventually("one session", one).await;
    cluster.inventory(false).await.unwrap();
    assert_eq!(admin.sessions().await.len(), 1);
    admin.clean().await;
}

#[tokio::test]
async fn an_outage_is_seen_at_rest_and_its_end_too() {
    let admin = Admin::new("SUPERUSER").await;
    let relay = Relay::new(Manner::Faithful).await;
    let address = relay.address;
    let config = ClusterConfig { host: address.ip().to_string(), port: address.port(), ..admin.config() };
    let cluster = cluster_of(config);
    let mut health = cluster.health();
    let supervisor = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.supervise().await }
    });
    health.wait_for(|health| *health == Health::Up).await.unwrap();
    assert_eq!(admin.sessions().await.len(), 1);

    relay.end().await;
    let seen = health.wait_for(|health| matches!(health, Health::Down { .. })).await.unwrap().clone();
    assert!(format!("{seen:?}").contains("refused"), "{seen:?}");
    assert!(cluster.inventory(false).await.unwrap_err().is_unreachable());

    let _back = Relay::at(address, Manner::Faithful).await;
    health.wait_for(|health| *health == Health::Up).await.unwrap();
    cluster.inventory(false).await.unwrap();
    supervisor.abort();
    admin.clean().await;
}

#[tokio::test]
async fn an_ended_session_is_replaced() {
    let admin = Admin::new("SUPERUSER").await;
    let cluster = admin.cluster();
    cluster.ping().await.unwrap();
    assert_eq!(admin.end_sessions().await, 1);
    // With nobody watching over it: the next call notices.
    cluster.inventory(false).await.unwrap();
    admin.clean().await;
}

#[tokio::test]
async fn cut_at_any_moment_the_next_call_completes() {
    let admin = Admin::new("SUPERUSER").await;
    let cluster = admin.cluster();
    let mut cuts = 0;
    while cuts < 12 {
        let instance = Instance::named();
        let work = async {
            cluster.ensure_role(&instance.role, &instance.password).await?;
            cluster.ensure_database(&instance.wanted(), &instance.password).await
        };
        tokio::pin!(work);
        let ended = tokio::select! {
            ended = &mut work => ended,
            () = eventually("a cut", async || (admin.end_sessions().await > 0).then_some(())) => { cuts += 1; work.await }
        };
        match ended {
            Ok(_) => {}
            Err(Error::Unreachable { .. }) => {
                instance.make(&cluster).await;
            }
            Err(error) => panic!("{error:?}"),
        }
        let inventory = cluster.inventory(false).await.unwrap();
        assert_eq!(inventory.database_state(&instance.wanted()), DatabaseState::Ready);
        assert_eq!(inventory.databases_of(&instance.uid).count(), 1);
        instance.clean(&cluster).await;
    }
    admin.clean().await;
}

#[test]
fn a_changed_configuration_keeps_what_is_as_before() {
    let (a, b) = (config(), ClusterConfig { name: "b".to_owned(), default: false, ..config() });
    let yaml = |configs: &[&ClusterConfig]| {
        let entries: serde_json::Map<_, _> = configs
            .iter()
            .map(|c| {
                let entry = serde_json::json!({"host": c.host, "port": c.port, "adminUser": c.admin_user,
                    "adminPassword": "x", "default": c.default});
                (c.name.clone(), entry)
            })
            .collect();
        ClustersConfig::from_yaml(&serde_json::to_string(&entries).unwrap()).unwrap()
    };
    let clusters = Clusters::new(yaml(&[&a, &b])).unwrap();
    let kept = clusters.get(Some("main")).unwrap().health();
    let gone = clusters.get(Some("b")).unwrap().health();
    clusters.replace(yaml(&[&a, &ClusterConfig { port: 1, ..b }])).unwrap();
    assert!(kept.has_changed().is_ok(), "its handle lives");
    assert!(gone.has_changed().is_err(), "its handle is gone");
    assert_eq!(clusters.get(Some("b")).unwrap().config().port, 1);
    assert_eq!(clusters.get(None).unwrap().config().name, "main");
    assert_eq!(
        clusters.get(Some("c")).unwrap_err().to_string(),
        r#"no PostgreSQL cluster "c" is configured: there are main, b"#
    );
}
