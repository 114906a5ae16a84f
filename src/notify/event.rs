//! What a notification says: a flat body that existing receivers read, and CloudEvents headers in binary mode.
//!
//! Source: CloudEvents 1.0, HTTP protocol binding, binary content mode.

use serde_json::{Value, json};

use crate::api::v1::NotificationItem;

/// Prefix of every event type on the wire.
pub const TYPE_PREFIX: &str = "org.bemade.odoo.";

/// Short type of an instance's phase change.
pub const INSTANCE_PHASE: &str = "instance.phase";
/// Short type of a job that began.
pub const JOB_RUNNING: &str = "job.running";
/// Short type of a job that succeeded.
pub const JOB_COMPLETED: &str = "job.completed";
/// Short type of a job that failed.
pub const JOB_FAILED: &str = "job.failed";

/// Every short type, for `events[]`.
pub const TYPES: [&str; 6] =
    [INSTANCE_PHASE, JOB_RUNNING, JOB_COMPLETED, JOB_FAILED, "schedule.completed", "schedule.failed"];

/// The object that an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Kind, such as `OdooInstance`.
    pub kind: String,
    /// Plural in URLs, such as `odooinstances`.
    pub plural: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// uid.
    pub uid: String,
    /// URL of the instance; instances only.
    pub url: Option<String>,
    /// Instance that a job works on; jobs only.
    pub instance: Option<String>,
    /// Name of the batch Job; jobs only.
    pub job_name: Option<String>,
}

/// The JSON body. Existing receivers of instances read `name namespace phase previousPhase url timestamp`, those of
/// jobs `phase jobName message completionTime`.
pub fn body(subject: &Subject, item: &NotificationItem) -> Vec<u8> {
    let mut body = json!({
        "name": subject.name,
        "namespace": subject.namespace,
        "uid": subject.uid,
        "kind": subject.kind,
        "phase": item.phase,
        "sequence": item.sequence,
    });
    if subject.instance.is_some() {
        body["instance"] = json!(subject.instance);
        // What a job does not have yet is left out, as receivers of jobs are used to.
        put(&mut body, "jobName", subject.job_name.as_deref());
        put(&mut body, "completionTime", Some(item.time.as_str()).filter(|_| item.type_ != JOB_RUNNING));
    } else {
        body["previousPhase"] = json!(item.previous_phase);
        body["url"] = json!(subject.url);
        body["timestamp"] = json!(item.time);
    }
    put(&mut body, "message", item.message.as_deref());
    body.to_string().into_bytes()
}

fn put(body: &mut Value, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        body[name] = json!(value);
    }
}

/// Headers of the request, beside signature and authorization.
pub fn headers(subject: &Subject, item: &NotificationItem) -> Vec<(&'static str, String)> {
    let Subject { plural, namespace, name, .. } = subject;
    vec![
        ("content-type", "application/json".to_owned()),
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", item.id.clone()),
        ("ce-source", format!("/apis/bemade.org/v1/namespaces/{namespace}/{plural}/{name}")),
        ("ce-type", format!("{TYPE_PREFIX}{}", item.type_)),
        ("ce-subject", format!("{namespace}/{name}")),
        ("ce-time", item.time.clone()),
        ("webhook-id", item.id.clone()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(type_: &str) -> NotificationItem {
        NotificationItem {
            id: "u-3".into(),
            type_: type_.into(),
            sequence: 3,
            time: "2026-01-02T03:04:05Z".into(),
            phase: "Running".into(),
            previous_phase: Some("Starting".into()),
            message: None,
            attempts: None,
            next_attempt: None,
        }
    }

    #[test]
    fn an_instance_event_has_the_fields_that_receivers_read() {
        let subject = Subject {
            kind: "OdooInstance".into(),
            plural: "odooinstances".into(),
            namespace: "shop".into(),
            name: "web".into(),
            uid: "u".into(),
            url: Some("https://web.example.com".into()),
            ..Subject::default()
        };
        let body: Value = serde_json::from_slice(&body(&subject, &item(INSTANCE_PHASE))).unwrap();
        assert_eq!(
            body,
            json!({
                "name": "web", "namespace": "shop", "uid": "u", "kind": "OdooInstance", "phase": "Running",
                "previousPhase": "Starting", "url": "https://web.example.com", "timestamp": "2026-01-02T03:04:05Z",
                "sequence": 3
            })
        );
        let headers = headers(&subject, &item(INSTANCE_PHASE));
        let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        assert_eq!(header("ce-id"), header("webhook-id"));
        assert_eq!(header("ce-type"), Some("org.bemade.odoo.instance.phase"));
        assert_eq!(header("ce-source"), Some("/apis/bemade.org/v1/namespaces/shop/odooinstances/web"));
    }

    #[test]
    fn a_job_event_has_the_fields_that_receivers_read() {
        let subject = Subject { instance: Some("web".into()), job_name: Some("init-1".into()), ..Subject::default() };
        let ended: Value = serde_json::from_slice(&body(&subject, &item(JOB_COMPLETED))).unwrap();
        assert_eq!((&ended["jobName"], &ended["completionTime"]), (&json!("init-1"), &json!("2026-01-02T03:04:05Z")));
        let running: Value = serde_json::from_slice(&body(&subject, &item(JOB_RUNNING))).unwrap();
        assert_eq!((running.get("completionTime"), running.get("message")), (None, None));
    }
}
