//! Stands between the operator and the API server, and treats requests as networks and busy servers do.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::rt::TokioIo;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::net::TcpListener;

use super::world::World;

/// How long a watch lives before it is cut.
const WATCH: Duration = Duration::from_secs(2);

type Error = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, Error>;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Somebody else was faster.
    Conflict,
    /// The server is busy.
    TooManyRequests,
    /// The server is broken.
    Internal,
    /// It is done, and the connection breaks before the answer.
    Unanswered,
}

/// A relay over HTTP, with the operator's own token.
pub struct Proxy {
    met: Arc<Mutex<Plans>>,
    calm: Arc<AtomicBool>,
    _runtime: tokio::runtime::Runtime,
}

/// What is planned for namespaces, and how many requests about each there were.
#[derive(Default)]
struct Plans(HashMap<String, Plan>);

struct Plan {
    seen: usize,
    at: usize,
    fault: Fault,
    met: Option<String>,
}

impl Proxy {
    /// Operators of `world` that are started from now on reach the API server through it, and watches of theirs are
    /// cut after a moment: every third one is answered with what makes them list again.
    pub fn start(world: &World) -> Self {
        let file = world.folder.join("operator.kubeconfig");
        let kubeconfig = Kubeconfig::read_from(&file).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (plans, calm) = (Arc::<Mutex<Plans>>::default(), Arc::<AtomicBool>::default());
        let address = runtime.block_on(async {
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            serve(kube::Client::try_from(config).unwrap(), plans.clone(), calm.clone()).await
        });
        let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        config["clusters"][0]["cluster"] = serde_json::json!({ "server": format!("http://{address}") });
        std::fs::write(file, config.to_string()).unwrap();
        Self { met: plans, calm, _runtime: runtime }
    }

    /// The request number `at` about a namespace, from 0, watches aside, meets a fault.
    pub fn plan(&self, namespace: &str, at: usize, fault: Fault) {
        let plan = Plan { seen: 0, at, fault, met: None };
        self.met.lock().unwrap().0.insert(namespace.to_owned(), plan);
    }

    /// Watches live from now on.
    pub fn calm(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    /// The request that met it.
    pub fn met(&self, namespace: &str) -> Option<String> {
        self.met.lock().unwrap().0.get(namespace)?.met.clone()
    }
}

async fn serve(api: kube::Client, plans: Arc<Mutex<Plans>>, calm: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let watches = Arc::<Mutex<HashMap<String, usize>>>::default();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (api, plans, watches, calm) = (api.clone(), plans.clone(), watches.clone(), calm.clone());
            let service = hyper::service::service_fn(move |request| {
                let fault = plan(&plans, &request);
                let breaks = is_watch(&request) && !calm.load(Ordering::SeqCst);
                let expired = breaks && {
                    let mut watches = watches.lock().unwrap();
                    let count = watches.entry(request.uri().path().to_owned()).or_default();
                    *count += 1;
                    *count % 3 == 0
                };
                let api = api.clone();
                async move {
                    match fault {
                        _ if expired => Ok(answer(StatusCode::OK, &watch_expired())),
                        None => forward(&api, request, breaks).await,
                        Some(Fault::Conflict) => Ok(status(StatusCode::CONFLICT, "Conflict")),
                        Some(Fault::TooManyRequests) => Ok(status(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests")),
                        Some(Fault::Internal) => Ok(status(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")),
                        Some(Fault::Unanswered) => {
                            forward(&api, request, breaks).await?.into_body().collect().await?;
                            Err(Error::from("cut"))
                        }
                    }
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

fn is_watch(request: &Request<Incoming>) -> bool {
    request.uri().query().unwrap_or_default().contains("watch=true")
}

fn plan(plans: &Mutex<Plans>, request: &Request<Incoming>) -> Option<Fault> {
    let mut parts = request.uri().path().split('/').skip_while(|part| *part != "namespaces").skip(1);
    let mut plans = plans.lock().unwrap();
    let plan = plans.0.get_mut(parts.next()?).filter(|_| !is_watch(request))?;
    plan.seen += 1;
    if plan.seen - 1 != plan.at {
        return None;
    }
    plan.met = Some(format!("{:?} on {} {}", plan.fault, request.method(), request.uri().path()));
    // Nobody is in conflict with a read.
    let read = request.method() == http::Method::GET && plan.fault == Fault::Conflict;
    Some(if read { Fault::Internal } else { plan.fault })
}

async fn forward(api: &kube::Client, request: Request<Incoming>, breaks: bool) -> Result<Response<Body>, Error> {
    let (mut parts, body) = request.into_parts();
    for name in [header::HOST, header::AUTHORIZATION, header::CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    let body = body.collect().await?.to_bytes().to_vec();
    let answer = api.send(Request::from_parts(parts, kube::client::Body::from(body))).await?;
    Ok(answer.map(|body| {
        if !breaks {
            return body.map_err(Error::from).boxed_unsync();
        }
        let until = tokio::time::sleep(WATCH);
        let events = body.into_data_stream().map_ok(Frame::data).map_err(Error::from).take_until(until);
        StreamBody::new(events.chain(stream::once(async { Err(Error::from("cut")) }))).boxed_unsync()
    }))
}

fn status(code: StatusCode, reason: &str) -> Response<Body> {
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "as planned by the test", "reason": reason, "code": code.as_u16(),
    });
    answer(code, &body)
}

fn watch_expired() -> serde_json::Value {
    serde_json::json!({"type": "ERROR", "object": {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version", "reason": "Expired", "code": 410,
    }})
}

fn answer(code: StatusCode, body: &serde_json::Value) -> Response<Body> {
    let body = Full::from(format!("{body}\n")).map_err(|never: Infallible| match never {}).boxed_unsync();
    Response::builder().status(code).header(header::CONTENT_TYPE, "application/json").body(body).unwrap()
}
