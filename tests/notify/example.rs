//! The receiver in `examples/`, as its users start it.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use odoo_operator::notify::Timing;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::OnceCell;

use crate::support::{KEY, NEW_KEY, Sent, items, keys, on_loopback, soon, target};

/// Path of the example, built if it is not: `cargo test --test notify` alone does not.
async fn program() -> PathBuf {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    BUILT.get_or_init(build).await;
    let this = std::env::current_exe().unwrap();
    this.parent().and_then(Path::parent).expect("target/debug/deps").join("examples/receiver")
}

async fn build() {
    let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--example", "receiver"]).status().await.unwrap();
    assert!(built.success());
}

struct Receiver {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Receiver {
    async fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(program().await)
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = soon(output.next_line()).await.unwrap().expect("a first line");
        let url = first.strip_prefix("listening on ").expect("the address").to_owned();
        Self { process, output, url }
    }

    async fn line(&mut self) -> String {
        soon(self.output.next_line()).await.unwrap().expect("it runs")
    }

    /// SIGTERM; it must end by itself, and well.
    async fn stop(mut self) {
        let pid = self.process.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        assert!(soon(self.process.wait()).await.unwrap().success());
    }
}

fn log(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn it_verifies_keeps_and_shows_what_it_gets() {
    let directory = tempfile::tempdir().unwrap();
    let (file, secret) = (directory.path().join("log"), directory.path().join("secret"));
    std::fs::write(&secret, format!("{KEY}\n")).unwrap();
    let (log_file, secret_file) = (file.to_str().unwrap(), secret.to_str().unwrap());
    let mut receiver = Receiver::start(&["--secret-file", secret_file, "--log", log_file]).await;
    let mut sent = Sent::new();

    let mut ours = target("u", &format!("{}/any/path", receiver.url));
    ours.keys = Some(keys(KEY));
    sent.sender.update(ours, items("u", [1]));
    sent.delivered(&["u-1"]).await;
    let line = receiver.line().await;
    assert!(line.ends_with("OdooInstance shop/web Starting → Running [u-1] signature valid"), "{line}");

    let mut forged = target("x", &receiver.url);
    forged.keys = Some(keys(NEW_KEY));
    sent.sender.update(forged, items("x", [1]));
    assert_eq!(sent.failure().await.2, "the receiver answered 401 Unauthorized");

    let lines = log(&file);
    assert_eq!((&lines[0]["verified"], &lines[1]["verified"]), (&true.into(), &false.into()));
    assert_eq!((&lines[0]["headers"]["ce-id"], &lines[0]["body"]["phase"]), (&"u-1".into(), &"Running".into()));
    lines[0]["receivedAt"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    receiver.stop().await;
}

#[tokio::test]
async fn it_answers_as_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("log");
    let receiver = Receiver::start(&["--status", "503", "--log", file.to_str().unwrap()]).await;
    let mut sent = Sent::with_pace(1.0);
    sent.sender.update(target("u", &receiver.url), items("u", [1]));
    assert_eq!(sent.failure().await.2, "the receiver answered 503 Service Unavailable");
    assert_eq!(log(&file)[0]["verified"], Value::Null);
    receiver.stop().await;
}

#[tokio::test]
async fn over_tls_it_is_trusted_by_its_authority_only() {
    let directory = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec![Ipv4Addr::LOCALHOST.to_string()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let (certificate_file, key_file) = (directory.path().join("tls.crt"), directory.path().join("tls.key"));
    std::fs::write(&certificate_file, certificate.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let (certificate_path, key_path) = (certificate_file.to_str().unwrap(), key_file.to_str().unwrap());
    let receiver = Receiver::start(&["--tls-cert", certificate_path, "--tls-key", key_path]).await;
    assert!(receiver.url.starts_with("https://"));

    let mut trusting = Sent::with(on_loopback(), Some(certificate.pem().as_bytes()), Timing::default());
    trusting.sender.update(target("u", &receiver.url), items("u", [1]));
    trusting.delivered(&["u-1"]).await;

    let mut other = Sent::with(on_loopback(), None, Timing::default());
    other.sender.update(target("v", &receiver.url), items("v", [1]));
    let (_, _, error) = other.failure().await;
    assert!(error.contains("certificate"), "{error}");
    receiver.stop().await;
}
