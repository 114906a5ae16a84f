//! What the fuzz targets share: a bound on memory, a cluster to look things up in, reviews to put a value into.
//!
//! libFuzzer itself looks for crashes and hangs.

use odoo_operator::admission::{self, Clusters, Context, InstanceFacts, Lookup, ObjectKey};
use odoo_operator::api::settings::Settings;
use odoo_operator::api::v1::Environment;
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that may be allocated at once for each byte of input.
const TIMES: usize = 20;
/// Bytes that may be allocated at once whatever the input.
const FLOOR: usize = 64 << 10;

/// Runs `work` on `input` and fails if it takes more memory than its input justifies.
pub fn bounded<T>(input: &[u8], work: impl Fn() -> T) -> T {
    bounded_above(FLOOR, input, work)
}

/// The same with another floor.
pub fn bounded_above<T>(floor: usize, input: &[u8], work: impl Fn() -> T) -> T {
    let measure = || {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let result = work();
        (result, MEMORY.peak_usage().saturating_sub(before))
    };
    let allowed = floor + TIMES * input.len();
    // The first call also fills what is computed once a process.
    let (mut result, mut taken) = measure();
    if taken > allowed {
        (result, taken) = measure();
    }
    assert!(taken <= allowed, "{taken} bytes for {} bytes of input", input.len());
    result
}

struct World;

impl Lookup for World {
    fn host_owner(&self, host: &str) -> Option<ObjectKey> {
        (host == "taken.example.com").then(|| ObjectKey::new("us", "far"))
    }

    fn database_owner(&self, _: &str, name: &str) -> Option<ObjectKey> {
        (name == "taken").then(|| ObjectKey::new("us", "far"))
    }

    fn instance(&self, _: &str, name: &str) -> Option<InstanceFacts> {
        let environment = if name == "live" { Environment::Production } else { Environment::Staging };
        // An instance beside it with the name of its cron pods would be reason enough to refuse every one.
        (name != "none" && !name.ends_with("-cron")).then_some(InstanceFacts { environment })
    }

    fn clusters(&self) -> Option<Clusters> {
        Some(Clusters { names: vec!["main".to_owned()], default: Some("main".to_owned()) })
    }
}

/// What both webhooks answer; `None` when it is not a review.
pub fn judge(body: &[u8]) -> Option<[Vec<u8>; 2]> {
    let settings = Settings::default();
    let ctx = Context { settings: &settings, lookup: &World };
    Some([admission::review::mutate(body, &ctx).ok()?, admission::review::validate(body, &ctx).ok()?])
}

/// Whether an object of `kind` with `spec` and the defaults is let in; at most the bounded memory is taken for it.
pub fn allowed(kind: &str, plural: &str, spec: &Value) -> bool {
    let body = serde_json::to_vec(&json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": "bemade.org", "version": "v1", "kind": kind},
            "resource": {"group": "bemade.org", "version": "v1", "resource": plural},
            "requestKind": {"group": "bemade.org", "version": "v1", "kind": kind},
            "name": "shop",
            "namespace": "eu",
            "operation": "CREATE",
            "userInfo": {"username": "kim"},
            "object": {
                "apiVersion": "bemade.org/v1", "kind": kind, "metadata": {"name": "shop", "namespace": "eu"}, "spec": spec,
            },
        },
    }))
    .expect("values are JSON");
    let [answer, _] = bounded(&body, || judge(&body)).expect("it is a review");
    let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
    assert_eq!(answer["response"]["uid"], "1");
    answer["response"]["allowed"].as_bool().expect("an answer says whether")
}

/// An S3 location with this key and endpoint.
pub fn backup(key: &str, endpoint: &str) -> Value {
    json!({
        "odooInstanceRef": {"name": "live"},
        "destination": {"bucket": "backups", "objectKey": key, "endpoint": endpoint},
    })
}
