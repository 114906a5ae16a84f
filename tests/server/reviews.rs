//! What the routes answer, by `oneshot`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use futures::{StreamExt, stream};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use odoo_operator::server::{Hook, Limits, NotAReview, Reply, webhooks};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::support::{all, measuring, review};

const MIB: usize = 1024 * 1024;
const PATHS: [&str; 4] = ["/mutate/v1", "/validate/v1", "/validate-bemade-org-v1alpha1-odooinstance", "/convert"];

async fn send(app: &Router, path: &str, body: impl Into<Body>) -> (StatusCode, String, String) {
    let request = Request::post(path).body(body.into()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, content_type.unwrap_or_default(), String::from_utf8(bytes.to_vec()).unwrap())
}

/// A body of this length that the measuring hook takes.
fn sized(length: usize) -> Vec<u8> {
    let mut body = vec![b' '; length];
    body[0] = b'{';
    body
}

/// Mebibytes without a Content-Length.
fn streamed(mebibytes: usize) -> Body {
    let piece = Bytes::from(sized(MIB));
    Body::from_stream(stream::iter(0..mebibytes).map(move |_| Ok::<_, std::io::Error>(piece.clone())))
}

#[tokio::test]
async fn every_path_calls_its_hook() {
    let hook = |name: &'static str| -> Hook { Arc::new(move |_, _| Ok(name.as_bytes().to_vec().into())) };
    let mut hooks = all(hook("validate"));
    hooks.mutate = hook("mutate");
    hooks.convert = hook("convert");
    let app = webhooks(&hooks, &Limits::default());
    for (path, expected) in PATHS.into_iter().zip(["mutate", "validate", "validate", "convert"]) {
        let (status, content_type, body) = send(&app, &format!("{path}?timeout=5s"), "{}").await;
        assert_eq!((status, content_type.as_str(), body.as_str()), (StatusCode::OK, "application/json", expected));
    }
}

#[tokio::test]
async fn a_hook_that_has_to_read_first_answers_afterwards_to_the_same_body() {
    let asks: Hook = Arc::new(|_, _| {
        let knows: Hook = measuring();
        Ok(Reply::After(Box::pin(async { knows })))
    });
    let app = webhooks(&all(asks), &Limits::default());
    for length in [2, 2 * MIB] {
        let (status, _, body) = send(&app, "/validate/v1", sized(length)).await;
        assert_eq!((status, body), (StatusCode::OK, format!(r#"{{"length":{length}}}"#)));
        let (status, _, body) = send(&app, "/validate/v1", vec![b'x'; length]).await;
        assert_eq!((status, body.as_str()), (StatusCode::BAD_REQUEST, "the body is not a JSON object\n"));
    }
}

#[tokio::test]
async fn what_is_no_review_gets_a_4xx_and_a_reason() {
    let app = webhooks(&all(measuring()), &Limits::default());
    for path in PATHS {
        let (status, _, body) = send(&app, path, "no JSON").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body, "the body is not a JSON object\n");
    }
    assert_eq!(send(&app, "/elsewhere", "{}").await.0, StatusCode::NOT_FOUND);
    let get = Request::get("/convert").body(Body::empty()).unwrap();
    assert_eq!(app.clone().oneshot(get).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_announced_or_not() {
    let app = webhooks(&all(measuring()), &Limits::default());
    for path in PATHS {
        let limit = if path == "/convert" { 256 } else { 16 };
        let (status, _, body) = send(&app, path, streamed(limit)).await;
        assert_eq!((status, body), (StatusCode::OK, format!(r#"{{"length":{}}}"#, limit * MIB)));
        let (status, _, body) = send(&app, path, streamed(limit + 44)).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        assert!(body.contains(&format!("{limit} MiB")), "{body}");
    }
    assert_eq!(send(&app, "/mutate/v1", sized(17 * MIB)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let limits = Limits { body_read: Duration::from_millis(100), ..Limits::default() };
    let app = webhooks(&all(measuring()), &limits);
    let endless = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{")) }).chain(stream::pending());
    let (status, _, body) = send(&app, "/convert", Body::from_stream(endless)).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert!(body.contains("did not arrive"), "{body}");
}

#[tokio::test]
async fn a_panic_is_answered_with_a_review_that_refuses() {
    let answered = Arc::new(AtomicUsize::new(0));
    let mut hooks = all(Arc::new(|_, _| panic!("defect with a secret in it")));
    let count = Arc::clone(&answered);
    hooks.answered = Arc::new(move |answer| {
        assert!(answer.panicked);
        count.fetch_add(1, Ordering::Relaxed);
    });
    // The second time as a large body, which is judged on another thread.
    for limits in [Limits::default(), Limits { inline_body: 0, ..Limits::default() }] {
        let app = webhooks(&hooks, &limits);
        for path in PATHS {
            let (status, _, body) = send(&app, path, review("u-1", 10)).await;
            assert_eq!(status, StatusCode::OK);
            assert!(!body.contains("secret"), "{body}");
            let answer: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
            assert_eq!(answer["response"]["uid"], "u-1");
            if path == "/convert" {
                assert_eq!(answer["kind"], "ConversionReview");
                assert_eq!(answer["response"]["result"]["status"], "Failure");
            } else {
                assert_eq!(answer["kind"], "AdmissionReview");
                assert_eq!(answer["response"]["allowed"], json!(false));
                assert_eq!(answer["response"]["status"]["code"], 500);
            }
        }
        assert_eq!(send(&app, "/convert", "no JSON").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(answered.load(Ordering::Relaxed), 10);
}

/// A hook that says when it begins, and ends when it is let.
fn gated() -> (Hook, Arc<Semaphore>, Arc<Semaphore>) {
    let (started, release) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (signal, gate) = (Arc::clone(&started), Arc::clone(&release));
    let hook: Hook = Arc::new(move |body, _| {
        signal.add_permits(1);
        futures::executor::block_on(gate.acquire()).unwrap().forget();
        Ok(body.len().to_string().into_bytes().into())
    });
    (hook, started, release)
}

#[tokio::test]
async fn bytes_in_flight_are_bounded_and_every_turn_comes() {
    let (hook, started, release) = gated();
    let mut hooks = all(measuring());
    hooks.convert = hook;
    let limits = Limits { large_in_flight: 3 * MIB, inline_body: 1000, ..Limits::default() };
    let app = webhooks(&hooks, &limits);
    let convert = |app: Router| async move { send(&app, "/convert", vec![b'x'; 2 * MIB]).await };
    let first = tokio::spawn(convert(app.clone()));
    started.acquire().await.unwrap().forget();
    let mut second = tokio::spawn(convert(app.clone()));
    // The second body does not fit beside the first: it is not even judged.
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut second).await.is_err());
    assert_eq!(started.available_permits(), 0);
    // Admission does not wait behind it.
    assert_eq!(send(&app, "/mutate/v1", review("u", 10)).await.0, StatusCode::OK);
    release.add_permits(1);
    assert_eq!(first.await.unwrap().0, StatusCode::OK);
    started.acquire().await.unwrap().forget();
    release.add_permits(1);
    assert_eq!(second.await.unwrap().2, (2 * MIB).to_string());
}

#[tokio::test]
async fn a_small_review_never_waits_behind_large_ones() {
    let (hook, started, release) = gated();
    let mut hooks = all(measuring());
    hooks.convert = hook;
    let limits = Limits { small_body: MIB / 2, inline_body: 1000, ..Limits::default() };
    let app = webhooks(&hooks, &limits);
    // More large ones than are ever judged at once.
    let large: Vec<_> = (0..3)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { send(&app, "/convert", vec![b'x'; MIB]).await })
        })
        .collect();
    started.acquire().await.unwrap().forget();
    assert_eq!(send(&app, "/mutate/v1", review("u", 10_000)).await.0, StatusCode::OK);
    release.add_permits(3);
    for large in large {
        assert_eq!(large.await.unwrap().0, StatusCode::OK);
    }
}

/// A hook that hands on the beginning of its answer, and the rest when it is let.
fn in_pieces() -> (Hook, Arc<Semaphore>) {
    let release = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&release);
    let hook: Hook = Arc::new(move |_, pieces| {
        pieces(b"first ".to_vec());
        futures::executor::block_on(gate.acquire()).unwrap().forget();
        pieces(b"second ".to_vec());
        Ok(b"end".to_vec().into())
    });
    (hook, release)
}

#[tokio::test]
async fn a_long_answer_is_sent_while_it_is_made() {
    let (hook, release) = in_pieces();
    let (mut hooks, answered) = (all(hook), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&answered);
    hooks.answered = Arc::new(move |answer| {
        assert_eq!((answer.status, answer.panicked), (StatusCode::OK, false));
        count.fetch_add(1, Ordering::Relaxed);
    });
    let app = webhooks(&hooks, &Limits { inline_body: 0, ..Limits::default() });
    let response = app.oneshot(Request::post("/convert").body(Body::from("{}")).unwrap()).await.unwrap();
    assert_eq!(
        (response.status(), response.headers()[header::CONTENT_TYPE].as_bytes()),
        (StatusCode::OK, &b"application/json"[..])
    );
    let mut body = response.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first ");
    assert_eq!(answered.load(Ordering::Relaxed), 0);
    release.add_permits(1);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "second end");
    assert_eq!(answered.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_is_counted_when_its_client_leaves_in_the_middle_of_it() {
    let (hook, release) = in_pieces();
    let (mut hooks, counted) = (all(hook), Arc::new(Semaphore::new(0)));
    let count = Arc::clone(&counted);
    hooks.answered = Arc::new(move |_| count.add_permits(1));
    let app = webhooks(&hooks, &Limits { inline_body: 0, ..Limits::default() });
    let response = app.oneshot(Request::post("/convert").body(Body::from("{}")).unwrap()).await.unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    release.add_permits(1);
    counted.acquire().await.unwrap().forget();
    assert_eq!(counted.available_permits(), 0);
}

#[tokio::test]
async fn an_answer_in_pieces_comes_whole_where_its_body_was_small() {
    let app = webhooks(
        &all(Arc::new(|_, pieces| {
            pieces(b"first ".to_vec());
            Ok(b"end".to_vec().into())
        })),
        &Limits::default(),
    );
    assert_eq!(send(&app, "/convert", "{}").await.2, "first end");
}

#[tokio::test]
async fn an_answer_that_fails_behind_its_beginning_has_no_end() {
    for panics in [true, false] {
        let mut hooks = all(Arc::new(move |_, pieces| {
            pieces(b"first ".to_vec());
            assert!(!panics, "defect");
            Err(NotAReview::because("it breaks off"))
        }));
        let answered = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&answered);
        hooks.answered = Arc::new(move |answer| {
            assert_eq!((answer.status, answer.panicked), (StatusCode::INTERNAL_SERVER_ERROR, panics));
            count.fetch_add(1, Ordering::Relaxed);
        });
        let app = webhooks(&hooks, &Limits { inline_body: 0, ..Limits::default() });
        let response = app.oneshot(Request::post("/convert").body(Body::from("{}")).unwrap()).await.unwrap();
        response.into_body().collect().await.expect_err("it looks complete");
        assert_eq!(answered.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn when_no_turn_comes_the_client_is_told() {
    let limits = Limits { large_in_flight: MIB, body_read: Duration::from_millis(100), ..Limits::default() };
    let app = webhooks(&all(measuring()), &limits);
    let (status, _, body) = send(&app, "/convert", streamed(3)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("try again"), "{body}");
    // What it held is free again.
    assert_eq!(send(&app, "/convert", sized(MIB / 2)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_operators_conversion_answers_every_review_with_200() {
    let mut hooks = all(measuring());
    hooks.convert = odoo_operator::app::conversion_hook();
    let app = webhooks(&hooks, &Limits::default());
    for body in ["no JSON", "{}", "[]", "null", r#"{"kind":"AdmissionReview"}"#, "\u{0}"] {
        let (status, _, reason) = send(&app, "/convert", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(reason.contains("not a ConversionReview"), "{body}: {reason}");
    }
    for (object, outcome) in [
        (json!({"apiVersion": "bemade.org/v1", "kind": "OdooInitJob", "metadata": {"name": "a"}}), "Success"),
        (json!({"apiVersion": "bemade.org/v1", "kind": "Unheard", "metadata": {"name": "a"}}), "Failure"),
        (json!({"apiVersion": "example.org/v7", "kind": "Other"}), "Failure"),
        (json!("no object"), "Failure"),
    ] {
        let review = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "ConversionReview",
            "request": {"uid": "u-2", "desiredAPIVersion": "bemade.org/v1alpha1", "objects": [object]},
        });
        let (status, _, body) = send(&app, "/convert", review.to_string()).await;
        assert_eq!(status, StatusCode::OK);
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["response"]["uid"], "u-2");
        assert_eq!(answer["response"]["result"]["status"], outcome, "{body}");
    }
}
