//! Kubernetes Events about our objects.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};
use tracing::warn;

/// The API server refuses a longer note.
const MAX_NOTE: usize = 1024;

/// Publishes Events. One that cannot be published is logged and no more: it decides nothing.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
}

impl Events {
    /// Publishes as `odoo-operator`; `instance` is the pod's name, where there is one.
    pub fn new(client: Client, instance: Option<String>) -> Self {
        let reporter = Reporter { controller: "odoo-operator".to_owned(), instance };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// Something happened as it should.
    pub async fn normal<K: Resource<DynamicType = ()>>(&self, object: &K, reason: &str, action: &str, note: String) {
        self.publish(EventType::Normal, &object.object_ref(&()), reason, action, note).await;
    }

    /// The same about an object that may be of any kind, or not of its kind's form.
    pub async fn warning_about(&self, object: &ObjectReference, reason: &str, action: &str, note: String) {
        self.publish(EventType::Warning, object, reason, action, note).await;
    }

    /// Something happened that a person may want to look at.
    pub async fn warning<K: Resource<DynamicType = ()>>(&self, object: &K, reason: &str, action: &str, note: String) {
        self.publish(EventType::Warning, &object.object_ref(&()), reason, action, note).await;
    }

    async fn publish(&self, type_: EventType, object: &ObjectReference, reason: &str, action: &str, mut note: String) {
        if note.len() > MAX_NOTE {
            let cut = (0..=MAX_NOTE - 4).rev().find(|at| note.is_char_boundary(*at)).unwrap_or(0);
            note.truncate(cut);
            note.push('…');
        }
        let event =
            Event { type_, reason: reason.to_owned(), note: Some(note), action: action.to_owned(), secondary: None };
        if let Err(error) = self.recorder.publish(&event, object).await {
            warn!(reason, %error, "event not published");
        }
    }
}
