//! The control plane of these tests.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};

/// Longer than anything here takes when it works.
pub const PATIENCE: Duration = Duration::from_secs(30);

struct Plane {
    kubeconfig: String,
    /// Ends with its standard input, and that with this process.
    _process: Child,
    _output: Lines<BufReader<ChildStdout>>,
}

static PLANE: OnceLock<Plane> = OnceLock::new();

fn start() -> Plane {
    // Initialised once, whichever test comes first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Under target/: the next run takes its place.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(concat!(env!("CARGO_CRATE_NAME"), "-plane"));
    let _ = std::fs::remove_dir_all(&folder);
    let log = folder.with_extension("log");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/dev/control-plane");
    let mut process = Command::new(script)
        .arg(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .expect("scripts/dev/control-plane cannot be run");
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let kubeconfig = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("KUBECONFIG=").map(str::to_owned))
        .unwrap_or_else(|| {
            panic!("the control plane did not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default())
        });
    Plane { kubeconfig, _process: process, _output: lines }
}

/// A client of the cluster's administrator.
pub async fn client() -> Client {
    let plane = tokio::task::spawn_blocking(|| PLANE.get_or_init(start)).await.unwrap();
    let kubeconfig = Kubeconfig::read_from(&plane.kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// A namespace of the test's own.
pub async fn namespace(client: &Client) -> String {
    let namespace = Namespace {
        metadata: ObjectMeta {
            generate_name: Some(concat!(env!("CARGO_CRATE_NAME"), "-").into()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap().name_any()
}

/// Looks again and again until it is so.
pub async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}
