//! Which addresses are called, and what is said about those that are not.

use odoo_operator::api::settings::WebhookPolicy;
use odoo_operator::notify::Timing;
use tokio::net::TcpListener;

use crate::support::{Answer, Down, Receiver, Sent, items, on_loopback, target};

async fn failure_under(policy: WebhookPolicy, url: &str) -> String {
    let mut sent = Sent::with(policy, None, Timing::default());
    sent.sender.update(target("u", url), items("u", [1]));
    sent.failure().await.2
}

#[tokio::test]
async fn loopback_is_not_called_unless_the_operator_allows_it() {
    let mut receiver = Receiver::friendly().await;
    let error = failure_under(WebhookPolicy::default(), &receiver.url()).await;
    assert!(error.contains("127.0.0.1 is a loopback address"), "{error}");
    let disguised = format!("http://[::ffff:7f00:1]:{}/hook", receiver.address.port());
    let error = failure_under(WebhookPolicy::default(), &disguised).await;
    assert!(error.contains("is a loopback address"), "{error}");
    assert!(receiver.nothing_came());

    let mut sent = Sent::with(on_loopback(), None, Timing::default());
    sent.sender.update(target("u", &receiver.url()), items("u", [1]));
    sent.delivered(&["u-1"]).await;
    assert_eq!(receiver.sequences(1).await, [1]);
}

#[tokio::test]
async fn plain_http_is_refused_where_the_operator_asks_for_tls() {
    let mut receiver = Receiver::friendly().await;
    let policy = WebhookPolicy { require_https: true, ..on_loopback() };
    let error = failure_under(policy, &receiver.url()).await;
    assert!(error.contains("--webhook-require-https"), "{error}");
    assert!(receiver.nothing_came());
}

/// `localhost` has an address of each kind where IPv6 is there: of the two, only the one that the policy allows is
/// connected to.
#[tokio::test]
async fn of_a_name_with_mixed_addresses_only_the_allowed_one_is_called() {
    let mut allowed = Receiver::friendly().await;
    let port = allowed.address.port();
    let mut denied = match TcpListener::bind(("::1", port)).await {
        Ok(listener) => Some(Receiver::on(listener, |_| Answer::Status(204))),
        Err(_) => None,
    };
    let mut sent = Sent::with(on_loopback(), None, Timing::default());
    sent.sender.update(target("u", &format!("http://localhost:{port}/")), items("u", [1, 2]));
    sent.delivered(&["u-1", "u-2"]).await;
    assert_eq!(allowed.sequences(2).await, [1, 2]);
    assert!(denied.as_mut().is_none_or(Receiver::nothing_came));
}

#[tokio::test]
async fn errors_do_not_repeat_what_may_be_secret_in_a_url() {
    let url = format!("{}?token=hunter2", Down::new().url());
    for url in
        [url, "http://user:hunter2@127.0.0.1/".to_owned(), "http://name-that-is-not-there.invalid/?hunter2".to_owned()]
    {
        let error = failure_under(on_loopback(), &url).await;
        assert!(!error.contains("hunter2"), "{error}");
    }
}
