//! Two tenants, each with rights in a namespace of its own, and what one lets the other refer to.

use std::process::Output;

use serde_json::{Value, json};

use super::world::{Namespace, eventually, shared};

/// A namespace and the user who may do everything a tenant may, there and nowhere else.
struct Tenant<'a> {
    space: Namespace<'a>,
    user: String,
}

impl Tenant<'_> {
    fn new(name: &str) -> Self {
        let space = shared().namespace(&format!("empty-{name}"));
        let user = format!("--as={}", space.name);
        space.ok(&[
            "create",
            "role",
            "tenant",
            "--verb=get,list,watch,create,update,patch,delete",
            "--resource=secrets,odooinstances.bemade.org,odoobackupjobs.bemade.org,odoorestorejobs.bemade.org,\
             odoostagingrefreshjobs.bemade.org,odoobackupschedules.bemade.org",
        ]);
        space.ok(&["create", "rolebinding", "tenant", "--role=tenant", &format!("--user={}", space.name)]);
        Self { space, user }
    }

    /// kubectl as the tenant.
    fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let mut all = vec![self.user.as_str()];
        all.extend(arguments);
        self.space.kubectl(&all, input)
    }

    fn ok(&self, arguments: &[&str], input: &str) -> String {
        let output = self.kubectl(arguments, input);
        assert!(output.status.success(), "kubectl {arguments:?}: {}\n{input}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Applies a manifest that is taken; the warnings.
    fn apply(&self, manifest: &Value) -> String {
        self.ok(&["apply", "--filename=-"], &manifest.to_string())
    }

    /// Applies a manifest that is refused; why.
    fn refused(&self, manifest: &Value) -> String {
        let output = self.kubectl(&["apply", "--filename=-"], &manifest.to_string());
        assert!(!output.status.success(), "accepted: {manifest}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn namespace(&self) -> &str {
        &self.space.name
    }

    /// Waits until a job is not accepted for that reason; the message.
    fn waits(&self, kind: &str, name: &str, reason: &str) -> String {
        let condition = eventually(&format!("{kind} {name}: Accepted=False, {reason}"), || {
            let condition = Namespace::condition(&self.space.json(kind, name)?, "Accepted");
            (condition["status"] == "False" && condition["reason"] == reason).then_some(condition)
        });
        condition["message"].as_str().unwrap_or_default().to_owned()
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "bemade.org/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn backup(name: &str, secret: &str, namespace: &str) -> Value {
    let destination = json!({
        "bucket": "backups", "objectKey": "a.zip", "endpoint": "https://s3.example.com",
        "s3CredentialsSecretRef": {"name": secret, "namespace": namespace},
    });
    object("OdooBackupJob", name, &json!({"odooInstanceRef": {"name": "shop"}, "destination": destination}))
}

fn instance(tenant: &Tenant<'_>, name: &str, spec: Value) -> Value {
    let host = json!({"ingress": {"hosts": [format!("{name}.{}.example.com", tenant.namespace())]}});
    let (Value::Object(mut all), Value::Object(more)) = (host, spec) else { panic!("objects") };
    all.extend(more);
    object("OdooInstance", name, &Value::Object(all))
}

fn copy(tenant: &Tenant<'_>, name: &str, source: &str, namespace: &str) -> Value {
    let source = json!({"instanceRef": {"name": source, "namespace": namespace}});
    instance(tenant, name, json!({"initialization": {"clone": source}}))
}

const JOB: &str = "odoobackupjobs.v1.bemade.org";

#[test]
fn a_secret_of_another_namespace_is_used_when_its_owner_says_so_and_nobody_learns_what_is_there() {
    let (alice, bob) = (Tenant::new("alice"), Tenant::new("bob"));
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3"}, "stringData": {"accessKey": "a"}});
    bob.apply(&secret);
    let annotate = |value: &str| {
        let annotation = format!("bemade.org/allow-from-namespaces={value}");
        bob.ok(&["annotate", "secret", "s3", "--overwrite", &annotation], "");
    };

    // The same answer for a Secret that is there and for one that is not: to the user, and on the job.
    let there = alice.apply(&backup("there", "s3", bob.namespace()));
    let absent = alice.apply(&backup("absent", "no", bob.namespace()));
    let path = "spec.destination.s3CredentialsSecretRef.namespace";
    let lacks = format!("{path}: absent, or lacks bemade.org/allow-from-namespaces: {}", alice.namespace());
    assert!(there.contains(&lacks), "{there}");
    assert_eq!(there, absent);
    let there = alice.waits(JOB, "there", "ConsentMissing");
    let absent = alice.waits(JOB, "absent", "ConsentMissing");
    assert_eq!(there.replace("/s3\"", "/no\""), absent);
    assert!(there.starts_with(path) && there.contains(alice.namespace()), "{there}");

    // She can neither look, nor say it herself.
    let elsewhere = format!("--namespace={}", bob.namespace());
    for forbidden in
        [vec!["get", "secret", "s3"], vec!["annotate", "secret", "s3", "bemade.org/allow-from-namespaces=*"]]
    {
        let mut all = vec![elsewhere.as_str(), alice.user.as_str()];
        all.extend(forbidden);
        let output = shared().kubectl(&all, "");
        assert!(String::from_utf8_lossy(&output.stderr).contains("Forbidden"), "{output:?}");
    }

    // The owner allows somebody else: nothing changes. Her: the job goes on by itself, to the next thing in its way.
    annotate("somebody-else");
    annotate(&format!("somebody-else, {}", alice.namespace()));
    alice.waits(JOB, "there", "NotSupported");
    alice.waits(JOB, "absent", "ConsentMissing");
    let warnings = alice.apply(&backup("later", "s3", bob.namespace()));
    assert!(!warnings.contains("allow-from-namespaces"), "{warnings}");
    alice.waits(JOB, "later", "NotSupported");
    // And back.
    annotate("somebody-else");
    alice.waits(JOB, "there", "ConsentMissing");
    annotate("*");
    alice.waits(JOB, "there", "NotSupported");
    alice.waits(JOB, "later", "NotSupported");
    // A Secret that comes later is heard of too.
    bob.apply(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "no", "annotations": {"bemade.org/allow-from-namespaces": alice.namespace()}},
    }));
    alice.waits(JOB, "absent", "NotSupported");
}

#[test]
fn an_instance_of_another_namespace_is_copied_when_its_owner_says_so() {
    let (alice, bob) = (Tenant::new("alice"), Tenant::new("bob"));
    bob.apply(&instance(&bob, "live", json!({"suspend": true})));
    let annotate = |value: &str| {
        let annotation = format!("bemade.org/allow-from-namespaces={value}");
        bob.ok(&["annotate", "odooinstance", "live", "--overwrite", &annotation], "");
    };
    let there = alice.refused(&copy(&alice, "copy", "live", bob.namespace()));
    let absent = alice.refused(&copy(&alice, "copy", "no", bob.namespace()));
    assert!(there.contains("spec.initialization.clone.instanceRef.namespace"), "{there}");
    assert!(there.contains("is not there, or does not allow it"), "{there}");
    assert_eq!(there.replace("/live\\\"", "/no\\\"").replace("/live\"", "/no\""), absent);
    // Names that are no names are asked for nowhere.
    for wrong in ["../secrets/live", "live?watch=true", "LIVE"] {
        assert!(
            alice.refused(&copy(&alice, "copy", wrong, bob.namespace())).contains("is not there, or does not allow it")
        );
    }

    // A refresh waits for it, in the words of the version that it was written in.
    let refresh = json!({
        "apiVersion": "bemade.org/v1alpha1", "kind": "OdooStagingRefreshJob", "metadata": {"name": "refresh"},
        "spec": {
            "odooInstanceRef": {"name": "copy"},
            "source": {"instanceName": "live", "instanceNamespace": bob.namespace()},
        },
    });
    let warnings = alice.apply(&refresh);
    assert!(warnings.contains("spec.source.instanceNamespace: absent, or lacks"), "{warnings}");
    alice.waits("odoostagingrefreshjobs.v1.bemade.org", "refresh", "ConsentMissing");

    annotate(alice.namespace());
    alice.waits("odoostagingrefreshjobs.v1.bemade.org", "refresh", "NotSupported");
    alice.apply(&copy(&alice, "copy", "live", bob.namespace()));
    alice.space.phase("copy", "Uninitialized");

    // Withdrawn before it is made: it is not made; and not undone in words when somebody edits something else.
    annotate("nobody");
    let told = alice.space.phase("copy", "Error");
    let message = told["status"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("spec.initialization.clone.instanceRef.namespace"), "{message}");
    let label =
        alice.ok(&["patch", "odooinstance", "copy", "--type=merge", "--patch", r#"{"spec":{"suspend":true}}"#], "");
    assert!(label.contains("(as before)"), "{label}");
    annotate("*");
    alice.space.phase("copy", "Uninitialized");
}

#[test]
fn only_a_reference_into_another_namespace_costs_a_call() {
    let (alice, bob) = (Tenant::new("alice"), Tenant::new("bob"));
    let calls = |namespace: &str| {
        let path = format!("/api/v1/namespaces/{namespace}/secrets/s3");
        let log = std::fs::read_to_string(&shared().audit_log).unwrap();
        log.lines().filter(|line| line.contains(&path) && line.contains("serviceaccount:odoo-operator")).count()
    };
    alice.apply(&backup("own", "s3", alice.namespace()));
    alice.waits(JOB, "own", "NotSupported");
    alice.apply(&backup("other", "s3", bob.namespace()));
    alice.waits(JOB, "other", "ConsentMissing");
    eventually("the audit log has them", || (calls(bob.namespace()) >= 3).then_some(()));
    assert_eq!(calls(alice.namespace()), 0);
}
