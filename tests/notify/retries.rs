//! Receivers that are down, broken, busy or gone; and a sender that is killed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use odoo_operator::notify::{Outcome, Timing};

use crate::support::{Answer, Down, KEY, Receiver, Sent, items, keys, on_loopback, target};

#[tokio::test]
async fn order_is_kept_and_ids_stay_the_same_while_tries_fail() {
    let mut receiver = Receiver::start(|count| Answer::Status([500, 503, 204, 502, 204, 200][count])).await;
    let mut sent = Sent::new();
    let mut target = target("u", &receiver.url());
    target.keys = Some(keys(KEY));
    sent.sender.update(target, items("u", [1, 2, 3]));
    for sequence in [1, 1, 1, 2, 2, 3] {
        let delivery = receiver.delivery().await;
        assert_eq!((delivery.sequence(), delivery.header("webhook-id")), (sequence, &*format!("u-{sequence}")));
        assert!(delivery.is_signed_with(KEY), "each try is signed anew");
    }
    let (first, next, error) = sent.failure().await;
    assert_eq!((first, error.as_str()), (1, "the receiver answered 500 Internal Server Error"));
    assert!(next.is_some());
    assert_eq!(sent.failure().await.0, 2);
    sent.delivered(&["u-1"]).await;
    assert_eq!(sent.failure().await.0, 1, "each notification has its own count");
    sent.delivered(&["u-2", "u-3"]).await;
}

#[tokio::test]
async fn a_receiver_that_comes_back_gets_all_in_order() {
    let down = Down::new();
    let mut sent = Sent::new();
    sent.sender.update(target("u", &down.url()), items("u", [1, 2]));
    let (_, _, error) = sent.failure().await;
    assert!(error.contains("refused"), "{error}");
    sent.sender.update(target("u", &down.url()), items("u", [1, 2, 3]));
    sent.failure().await;
    let mut receiver = Receiver::on(down.listen(), |_| Answer::Status(204));
    assert_eq!(receiver.sequences(3).await, [1, 2, 3]);
    sent.delivered(&["u-1", "u-2", "u-3"]).await;
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_in_time_is_tried_again() {
    let mut receiver = Receiver::start(|count| if count == 0 { Answer::Hang } else { Answer::Status(204) }).await;
    let timing = Timing { pace: 0.001, request: Duration::from_millis(300) };
    let mut sent = Sent::with(on_loopback(), None, timing);
    sent.sender.update(target("u", &receiver.url()), items("u", [1]));
    let (_, _, error) = sent.failure().await;
    assert!(error.contains("timed out"), "{error}");
    assert_eq!(receiver.sequences(2).await, [1, 1]);
}

#[tokio::test]
async fn after_the_last_try_it_is_given_up_and_the_next_one_has_its_turn() {
    let mut receiver = Receiver::start(|count| Answer::Status(if count < 10 { 500 } else { 204 })).await;
    let mut sent = Sent::with_pace(0.000_001);
    sent.sender.update(target("u", &receiver.url()), items("u", [1, 2]));
    for attempt in 1..=9 {
        assert_eq!(sent.failure().await.0, attempt);
    }
    let error = "the receiver answered 500 Internal Server Error".to_owned();
    assert_eq!(sent.outcome().await, Outcome::GivenUp { uid: "u".into(), id: "u-1".into(), error });
    sent.delivered(&["u-2"]).await;
    assert_eq!(receiver.sequences(11).await, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
}

#[tokio::test]
async fn the_published_schedule_is_what_it_waits_without_a_test_in_a_hurry() {
    let receiver = Receiver::start(|_| Answer::Status(500)).await;
    let mut sent = Sent::with_pace(1.0);
    let before = Timestamp::now();
    sent.sender.update(target("u", &receiver.url()), items("u", [1]));
    let (_, next, _) = sent.failure().await;
    let wait = next.expect("it is tried again").duration_since(before);
    let took = Timestamp::now().duration_since(before);
    assert!(wait >= SignedDuration::from_secs(5), "{wait}");
    assert!(wait <= SignedDuration::from_millis(5_500) + took, "{wait}");
}

async fn wait_that_is_asked_for(value: String) -> SignedDuration {
    let receiver = Receiver::start(move |_| Answer::With(429, "retry-after", value.clone())).await;
    let mut sent = Sent::with_pace(1.0);
    sent.sender.update(target("u", &receiver.url()), items("u", [1]));
    let (_, next, error) = sent.failure().await;
    assert_eq!(error, "the receiver answered 429 Too Many Requests");
    next.expect("it is tried again").duration_since(Timestamp::now())
}

#[tokio::test]
async fn retry_after_is_honoured_in_seconds_and_as_a_date() {
    let two_hours = SignedDuration::from_hours(2);
    // What lies between the answer and the look at the clock.
    let near = |wait: SignedDuration| wait <= two_hours && wait > two_hours - SignedDuration::from_mins(1);
    let wait = wait_that_is_asked_for("7200".to_owned()).await;
    assert!(near(wait), "{wait}");
    let date = (Timestamp::now() + two_hours).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let wait = wait_that_is_asked_for(date).await;
    assert!(near(wait), "{wait}");
}

#[tokio::test]
async fn retry_after_cannot_shorten_the_schedule_nor_stop_deliveries_for_ever() {
    for (asked, least, most) in [("0", 4, 6), ("nonsense", 4, 6), ("999999999", 43_140, 43_200)] {
        let wait = wait_that_is_asked_for(asked.to_owned()).await.as_secs();
        assert!((least..=most).contains(&wait), "{asked}: {wait}");
    }
}

#[tokio::test]
async fn after_410_nothing_is_sent_until_the_spec_changes() {
    let mut receiver = Receiver::start(|count| Answer::Status(if count == 0 { 410 } else { 204 })).await;
    let mut sent = Sent::new();
    let mut target = target("u", &receiver.url());
    sent.sender.update(target.clone(), items("u", [1]));
    let (_, next, error) = sent.failure().await;
    assert_eq!((next, error.as_str()), (None, "the receiver answered 410 Gone"));
    assert_eq!(receiver.sequences(1).await, [1]);
    sent.sender.update(target.clone(), items("u", [1, 2]));
    target.generation = 2;
    sent.sender.update(target, items("u", [1, 2]));
    sent.delivered(&["u-1", "u-2"]).await;
    assert_eq!(receiver.sequences(2).await, [1, 2]);
    assert!(receiver.nothing_came());
}

#[tokio::test]
async fn a_changed_spec_is_tried_at_once() {
    let broken = Receiver::start(|_| Answer::Status(404)).await;
    let mut receiver = Receiver::friendly().await;
    let mut sent = Sent::with_pace(1_000.0);
    sent.sender.update(target("u", &broken.url()), items("u", [1]));
    sent.failure().await;
    let mut right = target("u", &receiver.url());
    right.generation = 2;
    sent.sender.update(right, items("u", [1]));
    assert_eq!(receiver.sequences(1).await, [1]);
    sent.delivered(&["u-1"]).await;
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    let mut inside = Receiver::friendly().await;
    let to = inside.url();
    let receiver = Receiver::start(move |count| match count {
        0 => Answer::With(302, "location", to.clone()),
        1 => Answer::With(307, "location", to.clone()),
        _ => Answer::Status(204),
    })
    .await;
    let mut sent = Sent::new();
    sent.sender.update(target("u", &receiver.url()), items("u", [1]));
    let (_, _, error) = sent.failure().await;
    assert_eq!(error, "the receiver answered 302 Found; redirects are not followed, so name the final URL");
    let (_, _, error) = sent.failure().await;
    assert!(error.starts_with("the receiver answered 307"), "{error}");
    sent.delivered(&["u-1"]).await;
    assert!(inside.nothing_came());
}

#[test]
fn a_killed_sender_leaves_the_same_ids_to_its_successor() {
    let first = tokio::runtime::Runtime::new().unwrap();
    let second = tokio::runtime::Runtime::new().unwrap();
    // It has the first one, and its answer never reaches the sender.
    let mut receiver =
        second.block_on(Receiver::start(|count| if count == 0 { Answer::Hang } else { Answer::Status(204) }));
    let target = target("u", &receiver.url());
    first.block_on(async {
        let sent = Sent::new();
        sent.sender.update(target.clone(), items("u", [4, 5]));
        assert_eq!(receiver.delivery().await.header("webhook-id"), "u-4");
    });
    first.shutdown_background();
    second.block_on(async {
        let mut sent = Sent::new();
        sent.sender.update(target, items("u", [4, 5]));
        sent.delivered(&["u-4", "u-5"]).await;
        for id in ["u-4", "u-5"] {
            assert_eq!(receiver.delivery().await.header("webhook-id"), id);
        }
    });
}
