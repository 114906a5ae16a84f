//! Pull Secrets of the operator's namespace: mirrored where the administrator allows it, and nothing else ever.

use serde_json::Value;

use super::world::{Namespace, eventually, shared};

const HOME: &str = "--namespace=odoo-operator";

fn registry_login(password: &str) -> String {
    let output = shared().kubectl(
        &[
            HOME,
            "create",
            "secret",
            "docker-registry",
            "shared-registry",
            "--docker-server=registry.example.com",
            "--docker-username=u",
            &format!("--docker-password={password}"),
            "--dry-run=client",
            "--output=yaml",
        ],
        "",
    );
    String::from_utf8(output.stdout).unwrap()
}

fn with_pull_secret(space: &Namespace<'_>, name: &str, secret: &str) -> String {
    space.quick_start(name).replace("spec:\n", &format!("spec:\n  imagePullSecret: {secret}\n"))
}

fn content(secret: &Value) -> &Value {
    &secret["data"][".dockerconfigjson"]
}

#[test]
fn an_allowed_one_is_mirrored_and_follows_its_source() {
    let apply = |password: &str| {
        let output = shared().kubectl(&[HOME, "apply", "--filename=-"], &registry_login(password));
        assert!(output.status.success());
        shared().kubectl(&[HOME, "get", "secret", "shared-registry", "--output=json"], "").stdout
    };
    let source: Value = serde_json::from_slice(&apply("first")).unwrap();
    let space = shared().namespace("pull");
    space.apply(&with_pull_secret(&space, "shop", "shared-registry"));
    space.phase("shop", "Running");
    let copy = space.json("secret", "shared-registry").unwrap();
    assert_eq!(content(&copy), content(&source));
    assert_eq!(copy["type"], "kubernetes.io/dockerconfigjson");
    let pod = &space.json("deployment", "shop").unwrap()["spec"]["template"]["spec"];
    assert_eq!(pod["imagePullSecrets"][0]["name"], "shared-registry");

    let changed: Value = serde_json::from_slice(&apply("second")).unwrap();
    assert_ne!(content(&changed), content(&source));
    eventually("the copy follows", || {
        (content(&space.json("secret", "shared-registry")?) == content(&changed)).then_some(())
    });
}

#[test]
fn one_that_is_not_allowed_or_no_login_stays_where_it_is() {
    let opaque = "apiVersion: v1\nkind: Secret\nmetadata: {name: opaque}\nstringData: {password: theirs}";
    assert!(shared().kubectl(&[HOME, "apply", "--filename=-"], opaque).status.success());
    let space = shared().namespace("nopull");
    // The Secret with the operator's own password for PostgreSQL, or any other that the list does not name.
    space.apply(&with_pull_secret(&space, "curious", "odoo-operator-ca"));
    space.phase("curious", "Running");
    assert!(space.json("secret", "odoo-operator-ca").is_none());

    space.apply(&with_pull_secret(&space, "wrong", "opaque"));
    let message = eventually("what is wrong is said", || {
        let message = space.instance("wrong")["status"]["message"].as_str()?.to_owned();
        message.contains("spec.imagePullSecret").then_some(message)
    });
    assert!(message.contains("only kubernetes.io/dockerconfigjson is mirrored"), "{message}");
    assert!(space.json("secret", "opaque").is_none());
}

#[test]
fn a_secret_that_the_namespace_has_itself_is_left_alone() {
    let space = shared().namespace("ownpull");
    let own = registry_login("own").replace("namespace: odoo-operator", &format!("namespace: {}", space.name));
    space.apply(&own);
    let before = space.json("secret", "shared-registry").unwrap();
    space.apply(&with_pull_secret(&space, "shop", "shared-registry"));
    space.phase("shop", "Running");
    assert_eq!(space.json("secret", "shared-registry").unwrap(), before);
}
