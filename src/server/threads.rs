//! The threads that connections are served on.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};

use super::listener;

/// Threads for connections alone, as many as there are cores.
///
/// Whoever calls a webhook waits for five seconds, and a kubelet that probes for one. A pass over an instance is not
/// waited for: where the operator gets little of a processor, passes must not stand before them. A review that has to
/// read a consent asks the API server through the client that passes use.
#[derive(Debug)]
pub struct Threads {
    handle: Handle,
    /// Until it is dropped.
    runtime: Option<Runtime>,
}

impl Threads {
    /// Starts them. Fails when the machine lets nothing wait for connections.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name("serving").enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// For tasks that are to run there.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Listens on an address; the error names it. Connections are announced to these threads.
    pub async fn bind(&self, address: SocketAddr) -> io::Result<TcpListener> {
        self.handle.spawn(listener::bind(address)).await.map_err(io::Error::other)?
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting for them is not allowed on a thread that runs tasks.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
