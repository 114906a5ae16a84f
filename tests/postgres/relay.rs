//! Something between us and the server, as networks have it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::parts::env;

/// How the relay treats its clients.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Hands everything on.
    Faithful,
    /// Says that the server has no TLS.
    WithoutTls,
    /// Takes connections and never answers.
    Silent,
}

/// Listens while it lives; dropped, its connections break and new ones are refused.
pub struct Relay {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Relay {
    /// On an address that the server's certificate does not name.
    pub async fn new(manner: Manner) -> Self {
        Self::at("127.0.0.2:0".parse().unwrap(), manner).await
    }

    pub async fn at(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut clients = tokio::task::JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                clients.spawn(serve(client, manner));
            }
        });
        Self { address, task }
    }

    /// Ends it, and is done when its port is free.
    pub async fn end(self) {
        self.task.abort();
        let _aborted = self.task.await;
    }
}

async fn serve(mut client: TcpStream, manner: Manner) {
    match manner {
        Manner::Silent => std::future::pending().await,
        Manner::WithoutTls => {
            // SSLRequest: length 8, code 80877103. A start without TLS has another code.
            let mut head = [0; 8];
            client.read_exact(&mut head).await.unwrap();
            if head == [0, 0, 0, 8, 4, 210, 22, 47] {
                client.write_all(b"N").await.unwrap();
                hand_on(client, &[]).await;
            } else {
                hand_on(client, &head).await;
            }
        }
        Manner::Faithful => hand_on(client, &[]).await,
    }
}

async fn hand_on(mut client: TcpStream, first: &[u8]) {
    let mut server = TcpStream::connect((env("PGHOST"), env("PGPORT").parse().unwrap())).await.unwrap();
    if server.write_all(first).await.is_ok() {
        let _cut = copy_bidirectional(&mut client, &mut server).await;
    }
}
