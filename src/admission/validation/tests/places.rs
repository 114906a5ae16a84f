//! Rules about the database and about notifications.

use serde_json::{Value, json};

use super::Trial;
use crate::admission::context::Clusters;
use crate::admission::violation::Reason::{Duplicate, Forbidden, Invalid, NotSupported, Required};

fn database(database: Value) -> Trial {
    Trial::instance(json!({ "database": database }))
}

#[test]
fn rule_5_cluster() {
    const PATH: &str = "spec.database.cluster";
    database(json!({"cluster": "spare"})).clean();
    database(json!({"credentialsSecretRef": {"name": "app"}})).clean();
    database(json!({"cluster": "sapre"})).refused(
        PATH,
        NotSupported,
        "\"sapre\" is no cluster of the operator's configuration: there is main, spare",
    );
    database(json!({"cluster": "main", "credentialsSecretRef": {"name": "app"}})).refused(
        PATH,
        Forbidden,
        "excludes credentialsSecretRef; remove one of both",
    );
    // While the configuration is not known, nothing is refused because of it.
    database(json!({"cluster": "any"})).world(|world| world.clusters = None).clean();
    Trial::instance(json!({})).world(|world| world.clusters = None).clean();
    database(json!({"cluster": "main"})).world(|world| world.clusters = Some(Clusters::default())).refused(
        PATH,
        NotSupported,
        "\"main\" is no cluster of the operator's configuration: none is configured",
    );
}

#[test]
fn rule_5_without_a_default_one_has_to_be_named() {
    use crate::admission::validation::{Case, State, apply};
    let mut world = crate::admission::tests::World::new();
    world.clusters = Some(Clusters { names: vec!["a".to_owned(), "b".to_owned()], default: None });
    let spec = crate::admission::subject::Kind::Instance.decode(&crate::admission::tests::smallest()).unwrap();
    let state = State::default();
    let case = Case {
        name: "shop",
        generated: false,
        namespace: "eu",
        spec: &spec,
        old: None,
        state: &state,
        ctx: world.ctx(),
    };
    let found = apply(&case).violations;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.as_str(), found[0].reason), ("spec.database.cluster", Required));
    assert_eq!(found[0].message, "no cluster is the default one; name one of: a, b");
}

#[test]
fn rule_6_database_name() {
    const PATH: &str = "spec.database.name";
    let name = |name: &str| database(json!({ "name": name }));
    let longest = "a".repeat(63);
    for legal in ["shop", "Shop_2.prod-a", "1shop", &longest] {
        name(legal).clean();
    }
    for system in ["postgres", "template0", "template1"] {
        let message = format!("\"{system}\" is a system database; choose another name");
        name(system).refused(PATH, Forbidden, &message);
    }
    for illegal in ["_shop", "shop db", "shop\";drop", "é", "a/b", "-a"] {
        let quoted = illegal.replace('"', "\\\"");
        let rule = "is no legal name: a letter or digit first, then letters, digits, _ . -";
        name(illegal).refused(PATH, Invalid, &format!("\"{quoted}\" {rule}"));
    }
    name("").refused(PATH, Invalid, "\"\" is empty; leave it out for a name from the uid");
    let long = "a".repeat(64);
    let shown = format!("{}…", "a".repeat(60));
    name(&long).refused(PATH, Invalid, &format!("\"{shown}\" has more than 63 bytes, PostgreSQL's limit"));
    name("live_db").refused(
        PATH,
        Duplicate,
        "\"live_db\" on cluster main belongs to instance live; choose another name",
    );
    name("live_db").named("live").clean();
    database(json!({"name": "live_db", "cluster": "spare"})).clean();
}

#[test]
fn rule_13_webhooks() {
    let url = |url: &str| Trial::instance(json!({"webhook": {"url": url}}));
    url("https://hooks.example.com/odoo?x=1").clean();
    url("http://receiver.eu.svc:8080/").clean();
    let allow = "name a receiver elsewhere, or have the operator's administrator allow it (--webhook-allow-cidr)";
    let inside = "names an address that may not be called:";
    for (refused, message) in [
        ("ftp://a.example.com", "has scheme ftp; write http or https".to_owned()),
        (
            "nonsense",
            "is not a URL (relative URL without a base); it must look like https://example.com/hook".to_owned(),
        ),
        ("http://127.0.0.1/", format!("{inside} 127.0.0.1 is a loopback address; {allow}")),
        ("http://[::1]/", format!("{inside} ::1 is a loopback address; {allow}")),
    ] {
        url(refused).refused("spec.webhook.url", Invalid, &message);
    }
    let metadata = url("http://169.254.169.254/").findings().violations;
    assert!(metadata.len() == 1 && metadata[0].message.starts_with(inside), "{metadata:?}");
    url("https://jane:secret@example.com/").refused(
        "spec.webhook.url",
        Invalid,
        "must not hold a user name or a password; use tokenSecretRef",
    );
    Trial::instance(json!({"webhook": {"url": "https://a.example.com", "events": ["instance.phase", "job.done"]}}))
        .refused(
            "spec.webhook.events[1]",
            NotSupported,
            &format!("\"job.done\" is none of {}", crate::notify::event::TYPES.join(", ")),
        );
    Trial::instance(
        json!({"initialization": {"webhook": {"url": "http://localhost/"}}, "webhook": {"url": "http://a.b"}}),
    )
    .refused_at("spec.initialization.webhook.url");
}

#[test]
fn rule_25_modules_and_languages() {
    let init = |init: Value| Trial::instance(json!({ "initialization": init }));
    init(json!({"modules": ["base", "l10n_be", "sale"], "languages": ["fr", "fr_BE", "es_419", "sr@latin", "zh_CN"]}))
        .clean();
    for module in ["sale-stock", "Sale", "", "--config", "a,b", "../x"] {
        let message = format!("\"{module}\" is no module name; only a-z, 0-9 and _");
        init(json!({"modules": ["base", module]})).refused("spec.initialization.modules[1]", Invalid, &message);
    }
    for language in ["french", "FR", "fr-BE", "", "fr_", "--x"] {
        let message = format!("\"{language}\" is no language; write it like fr or fr_BE");
        init(json!({"languages": [language]})).refused("spec.initialization.languages[0]", Invalid, &message);
    }
    Trial::instance(json!({"upgrade": {"modulesInstall": ["A"]}})).refused_at("spec.upgrade.modulesInstall[0]");
}

#[test]
fn rule_27_plain_secrets() {
    Trial::instance(json!({"webhook": {"url": "https://a.example.com", "token": "x"}}))
        .warned("spec.webhook.token", "is in plain text; use tokenSecretRef");
    Trial::instance(json!({"initialization": {"restore": {"url": "https://a.example.com", "masterPassword": "x"}}}))
        .warned("spec.initialization.restore.masterPassword", "is in plain text; use masterPasswordSecretRef");
    let live = "is false: the copy on Staging will send mail and run its scheduled actions";
    let moved = json!({"initialization": {"clone": {"instanceRef": {"name": "live"}, "neutralize": false}}});
    Trial::instance(moved).warned("spec.initialization.clone.neutralize", live);
    let restored = |environment: &str| {
        Trial::instance(json!({
            "environment": environment,
            "initialization": {"restore": {"url": "https://a.example.com", "neutralize": false}},
        }))
    };
    restored("Staging").warned("spec.initialization.restore.neutralize", live);
    restored("Production").clean();
}
