//! Accepting connections, serving each within its limits, and draining them at shutdown.
//!
//! Own accept loop rather than axum-server's: that one cannot end a connection on which nothing happens, and one
//! slow client must never cost another one its turn.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::limits::Limits;

/// Listens on an address; the error names it.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

/// Serves `app` over TLS until `shutdown`, then drains. When the configuration asks for client certificates, a client
/// without one is answered 403.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    require_client_certificate: bool,
    app: Router,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let stranger = Router::new().fallback(async || {
        let reason = "a client certificate of the API server is required here\n";
        (StatusCode::FORBIDDEN, reason).into_response()
    });
    let handshake = move |stream: TcpStream| {
        let (acceptor, app, stranger) = (acceptor.clone(), app.clone(), stranger.clone());
        async move {
            let stream = acceptor.accept(stream).await?;
            let known = !require_client_certificate || stream.get_ref().1.peer_certificates().is_some();
            Ok((stream, if known { app } else { stranger }))
        }
    };
    accept(listener, handshake, limits, shutdown).await;
}

/// Serves `app` over plain HTTP until `shutdown`, then drains.
pub async fn serve_plain(listener: TcpListener, app: Router, limits: Limits, shutdown: CancellationToken) {
    let handshake = move |stream| std::future::ready(Ok((stream, app.clone())));
    accept(listener, handshake, limits, shutdown).await;
}

async fn accept<H, F, S>(listener: TcpListener, handshake: H, limits: Limits, shutdown: CancellationToken)
where
    H: Fn(TcpStream) -> F,
    F: Future<Output = io::Result<(S, Router)>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = Arc::new(limits);
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            } => accepted,
        };
        let (place, stream) = match accepted {
            (Ok(place), Ok((stream, _))) => (place, stream),
            (_, Err(error)) => {
                // Out of file descriptors, or a client that was gone at once: the next one may fare better.
                tracing::debug!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            (Err(_), _) => break,
        };
        // Reviews are small and waited for.
        let _ = stream.set_nodelay(true);
        let handshake = handshake(stream);
        let (limits, shutdown) = (Arc::clone(&limits), shutdown.clone());
        connections.spawn(async move {
            let _place = place;
            match timeout(limits.handshake, handshake).await {
                Ok(Ok((stream, app))) => connection(stream, app, &limits, &shutdown).await,
                Ok(Err(error)) => tracing::debug!(%error, "handshake failed"),
                Err(_) => tracing::debug!("handshake took too long"),
            }
        });
    }
    drop(listener);
    let drained = timeout(limits.drain, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!(open = connections.len(), "connections cut off at shutdown");
        connections.shutdown().await;
    }
}

/// Ends a connection from elsewhere, at once; each of its requests has it among its extensions.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection(pub CancellationToken);

/// Serves one connection to its end, and ends it when nothing happens on it.
async fn connection<S>(stream: S, app: Router, limits: &Limits, shutdown: &CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(limits.ahead)
        .initial_connection_window_size(limits.ahead)
        .max_send_buf_size(limits.ahead as usize)
        .max_header_list_size(64 * 1024)
        .keep_alive_interval(limits.first_request)
        .keep_alive_timeout(limits.handshake);
    builder.http1().max_buf_size(limits.ahead as usize);
    let activity = Arc::new(Activity::new());
    let cut = Connection::default();
    let service = service_fn(|mut request: Request<Incoming>| {
        let app = app.clone();
        request.extensions_mut().insert(cut.clone());
        let busy = Activity::begin(&activity);
        async move {
            let _busy = busy;
            let response: Result<_, Infallible> = app.oneshot(request.map(Body::new)).await;
            response
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut deadline = Instant::now() + limits.first_request;
    let mut closing = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = %error, "connection ended");
                }
                return;
            }
            // Its answer held what others waited for.
            () = cut.0.cancelled() => return,
            () = shutdown.cancelled(), if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
                deadline = Instant::now() + limits.drain;
            }
            () = sleep_until(deadline) => match activity.idle_until(limits) {
                _ if closing => return,
                None => deadline = Instant::now() + limits.first_request,
                Some(end) if end > Instant::now() => deadline = end,
                Some(_) => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    deadline = Instant::now() + limits.drain;
                }
            },
        }
    }
}

/// Requests open on a connection, and since when there are none.
struct Activity(Mutex<State>);

struct State {
    open: usize,
    quiet_since: Instant,
    served: bool,
}

impl Activity {
    fn new() -> Self {
        Self(Mutex::new(State { open: 0, quiet_since: Instant::now(), served: false }))
    }

    fn begin(this: &Arc<Self>) -> Busy {
        this.with(|state| {
            state.open += 1;
            state.served = true;
        });
        Busy(Arc::clone(this))
    }

    /// When the connection has been without a request for too long; None while a request is open.
    fn idle_until(&self, limits: &Limits) -> Option<Instant> {
        self.with(|state| {
            let limit = if state.served { limits.idle } else { limits.first_request };
            (state.open == 0).then(|| state.quiet_since + limit)
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One open request.
struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.with(|state| {
            state.open -= 1;
            state.quiet_since = Instant::now();
        });
    }
}
