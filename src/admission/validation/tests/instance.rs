//! Rules about one instance alone.

use serde_json::{Value, json};

use super::Trial;
use crate::admission::consent::Reference;
use crate::admission::tests::World;
use crate::admission::violation::Reason::{Duplicate, Forbidden, Invalid, NotSupported, Required};

fn instance(more: Value) -> Trial {
    Trial::instance(more)
}

#[test]
fn rule_1_hosts() {
    let hosts = |hosts: Value| instance(json!({"ingress": {"hosts": hosts}}));
    let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
    assert_eq!(longest.len(), 253);
    hosts(json!(["a", "shop.example.com", "*.example.com", "xn--caf-dma.example", "1.example.com", longest])).clean();
    // Its own name is no collision.
    hosts(json!(["taken.example.com"])).named("live").clean();

    let first = "spec.ingress.hosts[0]";
    hosts(json!([])).refused("spec.ingress.hosts", Required, "name at least one host, such as shop.example.com");
    hosts(json!([""])).refused(first, Invalid, "\"\" is empty; write a DNS name such as shop.example.com");
    hosts(json!(["Shop.Example.com"])).refused(
        first,
        Invalid,
        "\"Shop.Example.com\" has capitals; write \"shop.example.com\"",
    );
    hosts(json!(["a..b"])).refused(
        first,
        Invalid,
        "\"a..b\" is no DNS name: label \"\" must begin and end with a letter or digit",
    );
    hosts(json!(["a.b."])).refused(
        first,
        Invalid,
        "\"a.b.\" is no DNS name: label \"\" must begin and end with a letter or digit",
    );
    hosts(json!(["shop_1.example.com"])).refused(
        first,
        Invalid,
        "\"shop_1.example.com\" is no DNS name: \"_\" is not allowed, only a-z, 0-9, - and .",
    );
    hosts(json!(["https://a.example.com"])).refused(
        first,
        Invalid,
        "\"https://a.example.com\" is a URL or has a path; write the host name alone",
    );
    hosts(json!(["a.example.com:8069"])).refused(
        first,
        Invalid,
        "\"a.example.com:8069\" has a port; write the host name alone",
    );
    hosts(json!(["10.0.0.1"])).refused(first, Invalid, "\"10.0.0.1\" is an address; write a DNS name");
    hosts(json!(["2001:db8::1"])).refused(first, Invalid, "\"2001:db8::1\" is an address; write a DNS name");
    hosts(json!(["*.example.com"])).refused(
        first,
        Invalid,
        "\"*.example.com\" is a wildcard, and the first host is the instance's URL; put a full name first",
    );
    hosts(json!(["a.b", "c.d", "a.b"])).refused(
        "spec.ingress.hosts[2]",
        Duplicate,
        "\"a.b\" is there twice; remove one",
    );
    hosts(json!(["a.b", "taken.example.com"])).refused(
        "spec.ingress.hosts[1]",
        Duplicate,
        "\"taken.example.com\" belongs to instance live; choose another name",
    );
    hosts(json!(["far.example.com"])).refused(
        first,
        Duplicate,
        "\"far.example.com\" belongs to an instance in another namespace; choose another name",
    );
    for (wrong, problem) in [
        (format!("{}.b", "a".repeat(64)), "has more than 63 characters between two dots, the limit of DNS; shorten it"),
        (format!("{longest}x"), "has more than 253 characters, the limit of DNS; write a shorter name"),
        ("-a.b".to_owned(), "is no DNS name: label \"-a\" must begin and end with a letter or digit"),
        ("a-.b".to_owned(), "is no DNS name: label \"a-\" must begin and end with a letter or digit"),
    ] {
        let shown = if wrong.len() > 60 { format!("{}…", &wrong[..60]) } else { wrong.clone() };
        hosts(json!([wrong])).refused(first, Invalid, &format!("\"{shown}\" {problem}"));
    }
}

#[test]
fn rule_2_quantities() {
    let cpu = |request: Value, limit: Value| {
        instance(json!({"resources": {"requests": {"cpu": request}, "limits": {"cpu": limit}}}))
    };
    for (request, limit) in [
        (json!("200m"), json!("2000m")),
        (json!("1"), json!("1000m")),
        (json!(1), json!(1)),
        (json!("1024Ki"), json!("1Mi")),
        (json!("1e3"), json!("1k")),
        (json!("0.5Ei"), json!("1Ei")),
        (json!("1Pi"), json!("2P")),
        (json!("100u"), json!("1m")),
        (json!(".5"), json!("5.")),
        (json!("0"), json!("0")),
    ] {
        cpu(request, limit).clean();
    }
    let path = "spec.resources.requests[cpu]";
    cpu(json!("2001m"), json!("2")).refused(
        path,
        Invalid,
        "\"2001m\" is more than the limit \"2\"; lower it or raise the limit",
    );
    let hint = "is no quantity; write a number with a suffix, such as 500m, 2, 1.5Gi or 10G";
    for wrong in ["2 Gi", "2gi", "", "1.2.3", "abc", "1e", "1Zi"] {
        cpu(json!(wrong), json!("2")).refused(path, Invalid, &format!("\"{wrong}\" {hint}"));
    }
    cpu(json!("-1"), json!("2")).refused(path, Invalid, "\"-1\" is negative; write 0 or more");
    instance(json!({"cron": {"resources": {"limits": {"memory": "2GB"}}}})).refused(
        "spec.cron.resources.limits[memory]",
        Invalid,
        &format!("\"2GB\" {hint}"),
    );
    let size = |size: &str| instance(json!({"filestore": {"storageSize": size}}));
    size("1.5Ti").clean();
    size("10 Gi").refused("spec.filestore.storageSize", Invalid, &format!("\"10 Gi\" {hint}"));
    size("0").refused("spec.filestore.storageSize", Invalid, "\"0\" is no size; it must be more than 0");
}

#[test]
fn rule_7_config_options() {
    let option = |key: &str, value: &str| instance(json!({"configOptions": {key: value}}));
    option("workers", "4").clean();
    option("limit_time_cpu", "").clean();
    for key in ["db_host", "db_port", "db_user", "db_password", "db_name"] {
        option(key, "x").refused(
            &format!("spec.configOptions[{key}]"),
            Forbidden,
            "the operator sets the connection; use spec.database, or remove the key",
        );
    }
    for key in ["Workers", "a-b", "a b", "a=b", "[options]", "", "é"] {
        option(key, "x").refused(
            &format!("spec.configOptions[{key}]"),
            Invalid,
            &format!("\"{key}\" is no legal key; only a-z, 0-9 and _"),
        );
    }
    for value in ["a\nb", "a\r", "\0"] {
        option("log_level", value).refused(
            "spec.configOptions[log_level]",
            Invalid,
            "the value has a line break or NUL; odoo.conf takes one line a key",
        );
    }
    option("list_db", "True")
        .warned("spec.configOptions[list_db]", "opens or closes the database manager; the operator closes it");
    option("admin_passwd", "x").warned(
        "spec.configOptions[admin_passwd]",
        "overrides adminPassword, in plain text; use adminPasswordSecretRef",
    );
    option("data_dir", "/x")
        .warned("spec.configOptions[data_dir]", "moves files off the instance's volume, where no backup finds them");
    option("http_port", "80")
        .warned("spec.configOptions[http_port]", "moves Odoo away from the port of its Service and probes");
}

#[test]
fn rule_8_admin_password() {
    instance(json!({})).clean();
    instance(json!({"adminPasswordSecretRef": {"name": "a", "key": "b"}})).clean();
    instance(json!({"adminPassword": "x"}))
        .warned("spec.adminPassword", "is in plain text; use adminPasswordSecretRef");
    instance(json!({"adminPassword": "x", "adminPasswordSecretRef": {"name": "a", "key": "b"}})).refused(
        "spec.adminPassword",
        Forbidden,
        "excludes adminPasswordSecretRef; remove one of both",
    );
}

#[test]
fn rule_9_clones() {
    let clone = |source: Value, more: Value| {
        instance(crate::admission::tests::with(json!({"initialization": {"clone": {"instanceRef": source}}}), more))
    };
    clone(json!({"name": "live"}), json!({})).clean();
    clone(json!({"name": "live", "namespace": "eu"}), json!({})).clean();
    clone(json!({"name": "live"}), json!({"environment": "Production"})).refused(
        "spec.initialization.clone",
        Forbidden,
        "a Production instance is no copy of another; remove it, or use environment Staging",
    );
    for itself in [json!({"name": "shop"}), json!({"name": "shop", "namespace": "eu"})] {
        clone(itself, json!({})).refused(
            "spec.initialization.clone.instanceRef.name",
            Invalid,
            "is this instance; name the one that is copied",
        );
    }
    clone(json!({"name": "live"}), json!({"initialization": {"restore": {"url": "https://a.example.com"}}})).refused(
        "spec.initialization.clone",
        Forbidden,
        "excludes initialization.restore; remove one of both",
    );
}

#[test]
fn rule_9_consent() {
    let path = "spec.initialization.clone.instanceRef.namespace";
    let from = |namespace: &str, name: &str| {
        instance(json!({"initialization": {"clone": {"instanceRef": {"name": name, "namespace": namespace}}}}))
    };
    let clone = |name: &str| from("us", name);
    // The same words whether it is there or not.
    for name in ["far", "nowhere"] {
        clone(name).refused(
            path,
            Forbidden,
            &format!(
                "OdooInstance \"us/{name}\" is not there, or does not allow it: bemade.org/allow-from-namespaces: \
                 \"eu\" has to be annotated on it"
            ),
        );
    }
    for consent in ["*", "eu", "de, eu"] {
        let consents = |world: &mut World| {
            world.consents.insert(Reference::instance("us", "far"), consent);
        };
        clone("far").world(consents).clean();
    }
    // What cannot be read now does not stand in anybody's way: the operator asks again.
    from("dark", "far").warned(path, "could not be read now; asked again before it is used");
    // Once the copy is made it does not matter any more.
    clone("far").state(json!({"dbInitialized": true})).clean();
}

#[test]
fn rule_10_access_mode() {
    let once = |more: Value| {
        instance(crate::admission::tests::with(json!({"filestore": {"accessMode": "ReadWriteOnce"}}), more))
    };
    instance(json!({"replicas": 3, "strategy": {"type": "RollingUpdate"}})).clean();
    once(json!({})).clean();
    once(json!({"replicas": 0})).clean();
    once(json!({"replicas": 2})).refused(
        "spec.replicas",
        Invalid,
        "2 web pods need filestore.accessMode ReadWriteMany, and it is ReadWriteOnce; 1 is possible",
    );
    once(json!({"strategy": {"type": "RollingUpdate"}})).refused(
        "spec.strategy.type",
        Invalid,
        "RollingUpdate needs filestore.accessMode ReadWriteMany, and it is ReadWriteOnce; use Recreate",
    );
    instance(json!({"filestore": {"accessMode": "ReadOnlyMany"}})).refused(
        "spec.filestore.accessMode",
        NotSupported,
        "\"ReadOnlyMany\" is none of ReadWriteMany, ReadWriteOnce, ReadWriteOncePod",
    );
}

#[test]
fn rule_11_rolling_update() {
    let strategy = |strategy: Value| instance(json!({"strategy": strategy}));
    strategy(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})).clean();
    strategy(json!({"type": "RollingUpdate", "rollingUpdate": {}})).clean();
    for kind in [json!({"rollingUpdate": {}}), json!({"type": "Recreate", "rollingUpdate": {}})] {
        strategy(kind).refused(
            "spec.strategy.rollingUpdate",
            Forbidden,
            "goes with type RollingUpdate only; set the type or remove it",
        );
    }
    strategy(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}})).refused(
        "spec.strategy.rollingUpdate",
        Invalid,
        "maxUnavailable and maxSurge are both 0: no pod could ever be replaced; raise one",
    );
    for wrong in [json!(-1), json!("half"), json!("%"), json!("25"), json!("-5%")] {
        strategy(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": wrong}})).refused(
            "spec.strategy.rollingUpdate.maxSurge",
            Invalid,
            "must be a number from 0 or a percentage such as \"25%\"",
        );
    }
}

#[test]
fn rule_12_names() {
    const LONGEST: &str = "a234567890123456789012345678901234567890123456789";
    const TOO_LONG: &str = "a2345678901234567890123456789012345678901234567890";
    assert_eq!((LONGEST.len(), TOO_LONG.len()), (49, 50));
    let named = |name| instance(json!({})).named(name);
    for name in ["a", "shop-eu-1", LONGEST, "cron", "shop-cron", "-cron".trim_start_matches('-')] {
        named(name).clean();
    }
    for fitting in [crate::resources::names::filestore, crate::resources::names::cron_container] {
        assert!(fitting(LONGEST).contains(LONGEST), "{}", fitting(LONGEST));
    }
    named(TOO_LONG).refused(
        "metadata.name",
        Invalid,
        "has 50 characters; at most 49, since <name>-filestore-pvc must fit 63",
    );
    for wrong in ["1shop", "shop.eu"] {
        named(wrong).refused(
            "metadata.name",
            Invalid,
            &format!("\"{wrong}\" must begin with a letter and have only a-z, 0-9 and -: a Service is named after it"),
        );
    }
    named("web").refused(
        "metadata.name",
        Duplicate,
        "its cron pods would have the name of instance web-cron; choose another name",
    );
    named("live-cron").refused(
        "metadata.name",
        Duplicate,
        "is the name of the cron pods of instance live; choose another name",
    );
}

#[test]
fn rule_14_extra_env() {
    let env = |env: Value| instance(json!({"extraEnv": env}));
    env(json!([{"name": "LOG", "value": "1"}, {"name": "A.b-c", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]))
        .clean();
    for name in [
        "HOST",
        "PORT",
        "USER",
        "PASSWORD",
        "PGHOST",
        "PGPORT",
        "PGUSER",
        "PGDATABASE",
        "PGPASSWORD",
        "PGSSLMODE",
        "PGHOST_REPLICA",
        "PGPORT_REPLICA",
        "ODOO_RC",
        "MAX_CRON_THREADS",
    ] {
        env(json!([{"name": "OK"}, {"name": name}])).refused(
            "spec.extraEnv[1].name",
            Forbidden,
            &format!("{name} is set by the operator; remove it"),
        );
    }
    env(json!([{"name": "A"}, {"name": "A"}])).refused(
        "spec.extraEnv[1].name",
        Duplicate,
        "\"A\" is there twice; remove one",
    );
    for (name, shown) in [("A=secret", "A=…"), ("", ""), ("a\nb", "a\\nb"), ("é", "é")] {
        env(json!([{"name": name}])).refused(
            "spec.extraEnv[0].name",
            Invalid,
            &format!("\"{shown}\" is no name of a variable; write one like LOG_LEVEL, without ="),
        );
    }
    let from = json!({"fieldRef": {"fieldPath": "metadata.name"}});
    env(json!([{"name": "A", "value": "1", "valueFrom": from}])).refused(
        "spec.extraEnv[0].value",
        Forbidden,
        "excludes valueFrom; remove one of both",
    );
}

#[test]
fn rule_15_image() {
    instance(json!({"image": "registry.example.com:5000/team/odoo:18.0"})).clean();
    instance(json!({"image": "odoo:18 0"})).refused("spec.image", Invalid, "\"odoo:18 0\" has white space; remove it");
    instance(json!({"image": "Team/odoo/x:1"})).accepted();
    let digest = "0".repeat(32);
    instance(json!({"image": format!("odoo@sha256.b:{digest}")})).accepted();
    instance(json!({"image": "joe:hunter2@reg.example.com/odoo:18"})).refused(
        "spec.image",
        Invalid,
        "\"…@reg.example.com/odoo:18\" has a user before the registry; put user and password into imagePullSecret",
    );
    instance(json!({"image": "team/Odoo"})).refused(
        "spec.image",
        Invalid,
        "\"team/Odoo\" has capitals in its path; registries know lower case only",
    );
}

#[test]
fn rule_22_initialization() {
    let init = |init: Value| instance(json!({"initialization": init}));
    init(json!({"mode": "fresh", "modules": ["base"]})).clean();
    init(json!({"mode": "none"})).clean();
    let live = json!({"url": "https://a.example.com", "sourceDatabase": "x"});
    init(json!({"restore": live})).clean();
    init(json!({"mode": "restore", "restore": live})).clean();
    init(json!({"mode": "fresh", "restore": live}))
        .warned("spec.initialization.restore", "has no effect with mode fresh; remove it, or write mode: restore");
    // What v1alpha1 says with enabled: false.
    init(json!({"mode": "none", "clone": {"instanceRef": {"name": "live"}}}))
        .warned("spec.initialization.clone", "has no effect with mode none; remove it, or write mode: clone");
    let edit = |initialized: bool, modules: Value| {
        let old = json!({"initialization": {"modules": ["base"]}});
        init(json!({ "modules": modules })).was(old).state(json!({"dbInitialized": initialized}))
    };
    edit(false, json!(["sale"])).clean();
    edit(true, json!(["base"])).clean();
    edit(true, json!(["sale"])).warned("spec.initialization", "has no effect any more: the database is initialised");
    init(json!({"mode": "restore"})).refused("spec.initialization.restore", Required, "is required with mode restore");
    init(json!({"mode": "clone"})).refused("spec.initialization.clone", Required, "is required with mode clone");
    init(json!({"restore": {}})).refused(
        "spec.initialization.restore",
        Required,
        "needs url (a live Odoo) or s3 (a backup)",
    );
    let s3 = json!({"bucket": "backups", "objectKey": "a", "endpoint": "https://s3.example.com"});
    init(json!({"restore": {"s3": s3}})).clean();
    init(json!({"restore": {"s3": s3, "url": "https://a.example.com"}})).refused(
        "spec.initialization.restore.s3",
        Forbidden,
        "excludes url; remove one of both",
    );
}
