//! Rules about jobs and schedules.

use serde_json::{Value, json};

use super::Trial;
use crate::admission::consent::Reference;
use crate::admission::subject::Kind;
use crate::admission::tests::with;
use crate::admission::violation::Reason::{Forbidden, Invalid, Required};

fn s3() -> Value {
    json!({"bucket": "backups", "objectKey": "shop/a.zip", "endpoint": "https://s3.example.com"})
}

fn backup(more: Value) -> Trial {
    Trial::of(Kind::BackupJob, with(json!({"odooInstanceRef": {"name": "live"}, "destination": s3()}), more))
}

fn restore(source: Value, more: Value) -> Trial {
    Trial::of(Kind::RestoreJob, with(json!({"odooInstanceRef": {"name": "web-cron"}, "source": source}), more))
}

fn refresh(target: &str, source: Value) -> Trial {
    Trial::of(Kind::RefreshJob, json!({"odooInstanceRef": {"name": target}, "source": {"instanceRef": source}}))
}

fn schedule(more: Value) -> Trial {
    let template = json!({"odooInstanceRef": {"name": "live"}, "destination": s3()});
    Trial::of(Kind::BackupSchedule, with(json!({"schedule": "0 3 * * *", "template": template}), more))
}

#[test]
fn rule_20_target() {
    for kind in [Kind::InitJob, Kind::UpgradeJob] {
        let target = |target: Value| Trial::of(kind, json!({ "odooInstanceRef": target }));
        target(json!({"name": "live"})).clean();
        target(json!({"name": "live", "namespace": "eu"})).clean();
        target(json!({"name": "far", "namespace": "us"})).refused(
            "spec.odooInstanceRef.namespace",
            Forbidden,
            "\"us\" is not this object's namespace; remove it, or create the object there",
        );
        target(json!({"name": ""})).refused(
            "spec.odooInstanceRef.name",
            Required,
            "name an OdooInstance of this namespace",
        );
        target(json!({"name": "later"}))
            .warned("spec.odooInstanceRef.name", "there is no OdooInstance \"later\" here yet; the job waits for it");
    }
    schedule(json!({"template": {"odooInstanceRef": {"namespace": "us"}}}))
        .refused_at("spec.template.odooInstanceRef.namespace");
}

#[test]
fn rule_21_fixed_once_begun() {
    let change = |old: Value, new: Value| backup(new).was(backup(old).spec);
    for phase in [json!({}), json!({"phase": "Pending"}), json!({"phase": ""})] {
        change(json!({}), json!({"format": "sql", "withFilestore": false})).state(phase).clean();
    }
    for phase in ["Running", "Completed", "Failed"] {
        let state = || json!({ "phase": phase });
        change(json!({}), json!({})).state(state()).clean();
        // A default that was written out is no change.
        change(json!({}), json!({"format": "zip"})).state(state()).clean();
        change(json!({}), json!({"cancel": true})).state(state()).clean();
        change(json!({}), json!({"format": "sql"})).state(state()).refused(
            "spec.format",
            Forbidden,
            &format!("cannot change in phase {phase}; create a new job, or set cancel: true"),
        );
        change(json!({"cancel": true}), json!({})).state(state()).refused(
            "spec.cancel",
            Forbidden,
            &format!("cannot be taken back in phase {phase}; create a new job"),
        );
        change(json!({}), json!({"cancel": true, "destination": {"bucket": "other"}}))
            .state(state())
            .refused_at("spec.destination");
    }
    // A schedule has no end.
    schedule(json!({"suspend": true})).was(schedule(json!({})).spec).state(json!({"phase": "Running"})).clean();
}

#[test]
fn rule_22_source() {
    let odoo = json!({"url": "https://live.example.com"});
    restore(json!({"type": "s3", "s3": s3()}), json!({})).clean();
    restore(json!({"type": "odoo", "odoo": odoo}), json!({})).clean();
    restore(json!({"type": "s3"}), json!({})).refused("spec.source.s3", Required, "is required with type s3");
    restore(json!({"type": "odoo"}), json!({})).refused("spec.source.odoo", Required, "is required with type odoo");
    restore(json!({"type": "s3", "s3": s3(), "odoo": odoo}), json!({})).refused(
        "spec.source.odoo",
        Forbidden,
        "does not go with type s3; remove it",
    );
    restore(json!({"type": "odoo", "s3": s3(), "odoo": odoo}), json!({})).refused(
        "spec.source.s3",
        Forbidden,
        "does not go with type odoo; remove it",
    );
}

#[test]
fn rule_23_production() {
    refresh("web-cron", json!({"name": "live"})).clean();
    refresh("live", json!({"name": "web-cron"})).refused(
        "spec.odooInstanceRef.name",
        Forbidden,
        "\"live\" is a Production instance; name a Staging one, a refresh replaces it",
    );
    refresh("web-cron", json!({"name": "web-cron", "namespace": "eu"})).refused(
        "spec.source.instanceRef.name",
        Invalid,
        "is the instance that is replaced; name another one",
    );
    refresh("web-cron", json!({"name": "web-cron", "namespace": "us"})).accepted();
    restore(json!({"type": "s3", "s3": s3()}), json!({"odooInstanceRef": {"name": "live"}}))
        .warned("spec.odooInstanceRef.name", "\"live\" is a Production instance: its data is replaced");
}

#[test]
fn rule_24_places_in_s3() {
    let place = |more: Value| backup(json!({ "destination": more }));
    for bucket in ["abc", "my-bucket.eu", "Old_Bucket", &"a".repeat(63)] {
        place(json!({ "bucket": bucket })).clean();
    }
    for bucket in ["", "ab", "-abc", "abc/", "a b c", &"a".repeat(64)] {
        let shown = if bucket.len() > 60 { format!("{}…", &bucket[..60]) } else { bucket.to_owned() };
        let message = format!("\"{shown}\" is no bucket name: 3 to 63 letters, digits, . - _");
        place(json!({ "bucket": bucket })).refused("spec.destination.bucket", Invalid, &message);
    }
    let key = |key: &str| place(json!({ "objectKey": key }));
    let longest = "a".repeat(1024);
    for legal in ["a", "a/b/c.zip", "a..b/c", &longest, "été.zip"] {
        key(legal).clean();
    }
    let path = "spec.destination.objectKey";
    key("/a").refused(path, Invalid, "\"/a\" begins with /; leave it out");
    key("a/../b").refused(path, Invalid, "\"a/../b\" has a .. segment; write the whole key");
    key("a/").refused(path, Invalid, "\"a/\" ends with /; name the object, not a folder");
    key("").refused(path, Invalid, "\"\" is empty; name the object, such as shop/backup.zip");
    for wrong in ["..", "a/.."] {
        key(wrong).refused(path, Invalid, &format!("\"{wrong}\" has a .. segment; write the whole key"));
    }
    key("a\nb").refused(path, Invalid, "\"a\\nb\" has a control character; remove it");
    let message = format!("\"{}…\" has more than 1024 bytes, the limit of S3; shorten it", "a".repeat(60));
    key(&format!("{longest}a")).refused(path, Invalid, &message);
    for endpoint in ["https://s3.example.com", "http://minio.eu.svc:9000", "https://s3.example.com/base"] {
        place(json!({ "endpoint": endpoint })).clean();
    }
    let path = "spec.destination.endpoint";
    place(json!({"endpoint": "minio:9000"})).refused(path, Invalid, "is no URL; write it like https://s3.example.com");
    place(json!({"endpoint": "https://key:secret@s3.example.com"})).refused(
        path,
        Invalid,
        "holds a user name or a password; use s3CredentialsSecretRef",
    );
    for endpoint in ["", "s3.example.com", "ftp://x"] {
        let message = "is no URL; write it like https://s3.example.com";
        place(json!({ "endpoint": endpoint })).refused(path, Invalid, message);
    }
    place(json!({"endpoint": "https://s3.example.com/?a=b"})).refused(
        path,
        Invalid,
        "has a query or fragment; write scheme, host and port",
    );
    let template = |key: &str| schedule(json!({"template": {"destination": {"objectKey": key}}}));
    template("{namespace}/{name}/{timestamp}.zip").clean();
    template("{instance}.zip").refused(
        "spec.template.destination.objectKey",
        Invalid,
        "\"{instance}.zip\" may hold {namespace}, {name} and {timestamp}, and no other braces",
    );
    key("{instance}.zip").clean();
}

#[test]
fn rule_26_times() {
    let upgrade =
        |time: &str| Trial::of(Kind::UpgradeJob, json!({"odooInstanceRef": {"name": "live"}, "scheduledTime": time}));
    upgrade("2026-11-21T03:00:00Z").clean();
    upgrade("2026-11-21T03:00:00+01:00").clean();
    for wrong in ["tomorrow", "2026-11-21", "2026-11-21 03:00:00", ""] {
        let message = format!("\"{wrong}\" is no time; write it like 2026-11-21T03:00:00Z");
        upgrade(wrong).refused("spec.scheduledTime", Invalid, &message);
    }
    for cron in ["*/5 * * * *", "0 3 * * 1-5", "0 0 1 JAN *", "@daily"] {
        schedule(json!({ "schedule": cron })).clean();
    }
    for cron in ["", "* * *", "61 * * * *", "0 0 3 * * *", "every day"] {
        let hint = "is no cron expression; five fields, such as 0 3 * * * for 3:00 each day";
        schedule(json!({ "schedule": cron })).refused("spec.schedule", Invalid, &format!("\"{cron}\" {hint}"));
    }
    for zone in ["UTC", "Europe/Brussels", "America/Argentina/Buenos_Aires", "Etc/GMT+3"] {
        schedule(json!({ "timeZone": zone })).clean();
    }
    for (zone, hint) in [
        ("", "write it like Europe/Brussels"),
        ("Local", "write it like Europe/Brussels"),
        ("../etc/passwd", "write it like Europe/Brussels"),
        ("+02:00", "write it like Europe/Brussels"),
        ("Europe/Brusels", "did you mean \"Europe/Brussels\"?"),
        ("europe/brussels", "did you mean \"Europe/Brussels\"?"),
    ] {
        let message = format!("\"{zone}\" is no time zone; {hint}");
        schedule(json!({ "timeZone": zone })).refused("spec.timeZone", Invalid, &message);
    }
    schedule(json!({"verify": {"schedule": "x"}})).refused_at("spec.verify.schedule");
    schedule(json!({"verify": {"schedule": "@weekly", "timeZone": "Local"}})).refused_at("spec.verify.timeZone");
}

#[test]
fn rule_27_plain_secrets_and_live_copies() {
    let source = json!({"type": "odoo", "odoo": {"url": "https://live.example.com", "masterPassword": "x"}});
    restore(source, json!({}))
        .warned("spec.source.odoo.masterPassword", "is in plain text; use masterPasswordSecretRef");
    restore(json!({"type": "s3", "s3": s3()}), json!({"neutralize": false}))
        .warned("spec.neutralize", "is false: the copy on Staging will send mail and run its scheduled actions");
    backup(json!({"webhook": {"url": "https://a.example.com", "token": "x"}}))
        .warned("spec.webhook.token", "is in plain text; use tokenSecretRef");
}

#[test]
fn rule_28_consent() {
    let located =
        |namespace: &str| with(s3(), json!({"s3CredentialsSecretRef": {"name": "s3", "namespace": namespace}}));
    let lacks = "absent, or lacks bemade.org/allow-from-namespaces: eu";
    let of = |namespace: &str| {
        [
            ("spec.destination.s3CredentialsSecretRef.namespace", backup(json!({"destination": located(namespace)}))),
            (
                "spec.source.s3.s3CredentialsSecretRef.namespace",
                restore(json!({"type": "s3", "s3": located(namespace)}), json!({})),
            ),
            ("spec.source.instanceRef.namespace", refresh("web-cron", json!({"name": "s3", "namespace": namespace}))),
            (
                "spec.upgrade.backup.destination.s3CredentialsSecretRef.namespace",
                Trial::instance(json!({"upgrade": {"backup": {"destination": located(namespace)}}})),
            ),
        ]
    };
    for (path, trial) in of("us") {
        trial.warned(path, lacks);
    }
    for (path, trial) in of("dark") {
        trial.warned(path, "could not be read now; asked again before it is used");
    }
    for namespace in ["eu", ""] {
        for (_, trial) in of(namespace) {
            trial.clean();
        }
    }
    for (_, trial) in of("us") {
        let all = [Reference::secret("us", "s3"), Reference::instance("us", "s3")];
        trial.world(|world| world.consents.extend(all.map(|it| (it, "de,eu")))).clean();
    }
    let ended = backup(json!({"destination": located("us")})).state(json!({"phase": "Completed"}));
    ended.clean();
}
