//! What a receiver gets: content, signatures, order, and nothing twice without need.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Notify;

use crate::support::{Answer, KEY, NEW_KEY, Receiver, Sent, items, keys, soon, target};

#[tokio::test]
async fn a_phase_change_arrives_signed_and_as_cloud_event() {
    let (mut receiver, mut sent) = (Receiver::friendly().await, Sent::new());
    let mut target = target("u", &receiver.url());
    target.keys = Some(keys(KEY));
    target.token = Some("s3cret".into());
    sent.sender.update(target, items("u", [1]));

    let delivery = receiver.delivery().await;
    assert!(delivery.is_signed_with(KEY));
    assert!(!delivery.is_signed_with(NEW_KEY));
    assert_eq!(
        delivery.body(),
        json!({
            "name": "web", "namespace": "shop", "uid": "u", "kind": "OdooInstance", "phase": "Running",
            "previousPhase": "Starting", "url": "https://web.example.com", "timestamp": "2026-01-02T03:04:05Z",
            "sequence": 1,
        })
    );
    for (name, value) in [
        ("authorization", "Bearer s3cret"),
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "u-1"),
        ("webhook-id", "u-1"),
        ("ce-type", "org.bemade.odoo.instance.phase"),
        ("ce-source", "/apis/bemade.org/v1/namespaces/shop/odooinstances/web"),
        ("ce-subject", "shop/web"),
        ("ce-time", "2026-01-02T03:04:05Z"),
    ] {
        assert_eq!(delivery.header(name), value);
    }
    sent.delivered(&["u-1"]).await;
}

#[tokio::test]
async fn without_a_key_nothing_is_signed() {
    let (mut receiver, sent) = (Receiver::friendly().await, Sent::new());
    sent.sender.update(target("u", &receiver.url()), items("u", [1]));
    let delivery = receiver.delivery().await;
    assert!(!delivery.headers.contains_key("webhook-signature"));
    assert!(!delivery.headers.contains_key("authorization"));
}

#[tokio::test]
async fn during_a_rotation_receivers_with_either_key_are_satisfied() {
    let (mut receiver, sent) = (Receiver::friendly().await, Sent::new());
    let mut target = target("u", &receiver.url());
    target.keys = Some(keys(&format!("{NEW_KEY}\n{KEY}\n")));
    sent.sender.update(target, items("u", [1]));
    let delivery = receiver.delivery().await;
    assert!(delivery.is_signed_with(KEY) && delivery.is_signed_with(NEW_KEY));
}

#[tokio::test]
async fn what_is_under_way_or_done_is_not_sent_again_when_status_is_seen_again() {
    let open = Arc::new(Notify::new());
    let gate = open.clone();
    let mut receiver =
        Receiver::start(move |count| if count == 0 { Answer::When(gate.clone()) } else { Answer::Status(204) }).await;
    let mut sent = Sent::new();
    let target = target("u", &receiver.url());
    sent.sender.update(target.clone(), items("u", [1]));
    assert_eq!(receiver.sequences(1).await, [1]);
    // The first one is under way; its object is reconciled meanwhile.
    sent.sender.update(target.clone(), items("u", [1, 2]));
    sent.sender.update(target.clone(), items("u", [1, 2]));
    open.notify_one();
    sent.delivered(&["u-1", "u-2"]).await;
    // Acknowledged one by one; then a reader that lags behind, and something new.
    sent.sender.update(target.clone(), items("u", [2]));
    sent.sender.update(target.clone(), items("u", [1, 2]));
    sent.sender.update(target.clone(), items("u", [2, 3]));
    sent.delivered(&["u-3"]).await;
    assert_eq!(receiver.sequences(2).await, [2, 3], "each once");

    sent.sender.update(target.clone(), items("u", []));
    soon(async {
        while sent.sender.is_busy("u") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    sent.sender.update(target, items("u", [4]));
    assert_eq!(receiver.sequences(1).await, [4], "a queue that ended begins again");
}

#[tokio::test]
async fn a_receiver_that_never_answers_delays_nobody_else() {
    let slow = Receiver::start(|_| Answer::Hang).await;
    let (mut receiver, mut sent) = (Receiver::friendly().await, Sent::new());
    // More than there are places for one endpoint, and than there are places in all.
    for object in 0..300 {
        let uid = format!("slow-{object}");
        sent.sender.update(target(&uid, &slow.url()), items(&uid, [1]));
    }
    sent.sender.update(target("u", &receiver.url()), items("u", [1, 2]));
    assert_eq!(receiver.sequences(2).await, [1, 2]);
    // The first outcomes at all: the slow ones have not even come to their time limit.
    for id in ["u-1", "u-2"] {
        let outcome = format!("{:?}", sent.outcome().await);
        assert!(outcome.starts_with("Delivered") && outcome.contains(id), "{outcome}");
    }
}

#[tokio::test]
async fn of_a_long_answer_only_the_beginning_is_read() {
    let receiver = Receiver::start(|_| Answer::Endless).await;
    let mut sent = Sent::new();
    sent.sender.update(target("u", &receiver.url()), items("u", [1, 2]));
    sent.delivered(&["u-1", "u-2"]).await;
}

#[tokio::test]
async fn nothing_is_sent_for_an_object_that_is_gone() {
    let open = Arc::new(Notify::new());
    let gate = open.clone();
    let mut receiver =
        Receiver::start(move |count| if count == 0 { Answer::When(gate.clone()) } else { Answer::Status(204) }).await;
    let sent = Sent::new();
    sent.sender.update(target("gone", &receiver.url()), items("gone", [1, 2, 3]));
    assert_eq!(receiver.sequences(1).await, [1]);
    assert_eq!(sent.sender.forget("gone"), 3);
    assert!(!sent.sender.is_busy("gone"));
    open.notify_one();
    // The same name again, as another object; its delivery comes next.
    sent.sender.update(target("next", &receiver.url()), items("next", [7]));
    assert_eq!(receiver.sequences(1).await, [7]);
}
