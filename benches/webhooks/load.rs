//! Clients as the API server is one: HTTP/1.1, TLS, connections that stay open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::serve::Server;

/// What to send, how often and for how long.
pub struct Load<'a> {
    pub path: &'a str,
    pub body: &'a [u8],
    pub connections: u32,
    /// At most this long.
    pub seconds: f64,
    /// At most so many, on each connection.
    pub requests: usize,
    /// From one request to the next, whichever connection it goes over; without, each follows its answer at once.
    pub every: Option<Duration>,
}

/// What came out.
pub struct Round {
    /// Processor time of the server for one request, µs.
    pub cpu_micros: f64,
    /// Latencies, ms.
    pub latencies_millis: Vec<f64>,
}

impl Load<'_> {
    /// Runs it against a server.
    pub fn run(&self, server: &Server) -> Round {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.measure(server))
    }

    async fn measure(&self, server: &Server) -> Round {
        let connector = TlsConnector::from(Arc::new(server.client()));
        let head =
            format!("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", self.path, self.body.len());
        let request = Arc::new([head.as_bytes(), self.body].concat());
        let mut streams = Vec::new();
        for _ in 0..self.connections {
            let stream = TcpStream::connect(server.address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            streams.push(connector.connect("localhost".try_into().unwrap(), stream).await.unwrap());
        }
        let cpu = server.cpu_time();
        let until = Instant::now() + Duration::from_secs_f64(self.seconds);
        let mut clients = tokio::task::JoinSet::new();
        let began = Instant::now();
        for (turn, stream) in (0..).zip(streams) {
            let (request, requests) = (Arc::clone(&request), self.requests);
            let pace = self.every.map(|every| Pace { next: began + every * turn, every: every * self.connections });
            clients.spawn(async move { talk(stream, &request, until, requests, pace).await });
        }
        // Were the client to sleep, waking it would be processor time of the server, the more of it the slower it is.
        let awake = async {
            loop {
                tokio::task::yield_now().await;
            }
        };
        let latencies_millis: Vec<f64> = tokio::select! {
            all = clients.join_all() => all.concat(),
            () = awake => unreachable!("it never ends"),
        };
        let cpu = server.cpu_time().checked_sub(cpu).expect("no thread of the server ends under load");
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
        let count = latencies_millis.len() as f64;
        Round { cpu_micros: cpu.as_secs_f64() * 1e6 / count, latencies_millis }
    }
}

/// When one connection is to send.
struct Pace {
    next: Instant,
    every: Duration,
}

impl Pace {
    /// Waits for the next turn. Timers are too coarse for it. Turns that are over are left out: were the load's own core
    /// to stand still, all connections would send at once behind it, and the last answer would wait for all others.
    async fn turn(&mut self) {
        let now = Instant::now();
        while self.next < now {
            self.next += self.every;
        }
        while Instant::now() < self.next {
            tokio::task::yield_now().await;
        }
    }
}

async fn talk(
    mut stream: TlsStream<TcpStream>,
    request: &[u8],
    until: Instant,
    requests: usize,
    mut pace: Option<Pace>,
) -> Vec<f64> {
    let mut latencies = Vec::new();
    let mut answer = Vec::with_capacity(64 << 10);
    while Instant::now() < until && latencies.len() < requests {
        if let Some(pace) = &mut pace {
            pace.turn().await;
        }
        let began = Instant::now();
        stream.write_all(request).await.unwrap();
        stream.flush().await.unwrap();
        read(&mut stream, &mut answer).await;
        latencies.push(began.elapsed().as_secs_f64() * 1e3);
    }
    latencies
}

/// One answer, which must be a success. Of a long one only the end is kept: fetching memory for all of it would be counted
/// as time of the server.
async fn read(stream: &mut TlsStream<TcpStream>, answer: &mut Vec<u8>) {
    const KEPT: usize = 1024;
    answer.clear();
    let (head, length) = loop {
        assert!(stream.read_buf(answer).await.unwrap() > 0, "the server closed");
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = std::str::from_utf8(&answer[..end]).unwrap().to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            break (end + 4, length.map(|length| length.trim().parse::<usize>().unwrap()));
        }
    };
    let mut all = answer.len();
    // Without a length it comes in chunks, the last of which is empty.
    while length.map_or(!answer.ends_with(b"\r\n0\r\n\r\n"), |length| all < head + length) {
        if answer.len() > 32 * KEPT {
            answer.drain(..answer.len() - KEPT);
        }
        let more = stream.read_buf(answer).await.unwrap();
        assert!(more > 0, "the server closed");
        all += more;
    }
    let allowed = all > 2000 || answer.windows(14).any(|part| part == b"\"allowed\":true");
    let converted = answer.windows(9).any(|part| part == b"\"Success\"");
    assert!(allowed || converted, "{}", String::from_utf8_lossy(answer));
}
