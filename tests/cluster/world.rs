//! The control plane, the operator and a namespace for each test.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use kube::config::{KubeConfigOptions, Kubeconfig};

use super::odoo::{self, Odoo, RUNTIME};

/// Longer than anything here takes when it works, also where the machine's host gives it half of the time.
pub const PATIENCE: Duration = Duration::from_mins(3);
/// For one answer of an API server that a test may have stopped.
const ANSWER: Duration = Duration::from_secs(2);

/// A control plane with the chart installed, and the operator as a process beside it.
pub struct World {
    pub folder: PathBuf,
    kubeconfig: String,
    api: kube::Client,
    pub audit_log: PathBuf,
    operator: Mutex<Option<Child>>,
    pub ports: (u16, u16),
    _odoo: Odoo,
    /// Ends with its standard input, and that with this process.
    _plane: Child,
    _output: Lines<BufReader<ChildStdout>>,
}

/// The world that tests share which neither kill nor starve the operator.
pub fn shared() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::start("cluster"))
}

pub fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: these tests need a real PostgreSQL. Run them with `scripts/test cluster`")
    })
}

/// A port that this process gives once, and that neither the kernel nor `scripts/dev`, which stay above, gives anybody.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let port = 10_000 + (std::process::id() + GIVEN.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let port = u16::try_from(port).expect("less than 20000");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Looks again and again until there is something.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// The same, with another patience.
pub fn within<T>(time: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + time;
    // Most looks are processes, and take from what is waited for.
    let mut pause = Duration::from_millis(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::sleep(pause);
        pause = (pause * 5 / 4).min(Duration::from_millis(300));
    }
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl World {
    /// A world of the test's own: for tests that kill the operator.
    pub fn start(name: &str) -> Self {
        let world = Self::bare(name);
        world.install();
        world.start_operator();
        world
    }

    /// A control plane without the chart.
    pub fn bare(name: &str) -> Self {
        Self::with(name, "")
    }

    /// The same, with flags of its own for the API server.
    pub fn with(name: &str, api_server_flags: &str) -> Self {
        // Under target/: the next run takes its place.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/dev/control-plane");
        let log = folder.join("plane.log");
        let mut plane = Command::new(script)
            .arg(folder.join("plane"))
            .env("API_SERVER_FLAGS", api_server_flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .expect("scripts/dev/control-plane cannot be run");
        let mut lines = BufReader::new(plane.stdout.take().unwrap()).lines();
        let mut value = |key: &str| {
            lines
                .by_ref()
                .map_while(Result::ok)
                .find_map(|line| line.strip_prefix(key).map(str::to_owned))
                .unwrap_or_else(|| {
                    panic!("the control plane did not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default())
                })
        };
        let (kubeconfig, audit_log) = (value("KUBECONFIG="), value("AUDIT_LOG=").into());
        let api = RUNTIME.block_on(async {
            let file = Kubeconfig::read_from(&kubeconfig).unwrap();
            let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
            kube::Client::try_from(config).unwrap()
        });
        Self {
            folder,
            _odoo: Odoo::start(api.clone()),
            api,
            kubeconfig,
            audit_log,
            operator: Mutex::new(None),
            ports: (free_port(), free_port()),
            _plane: plane,
            _output: lines,
        }
    }

    /// Helm as the cluster's administrator, in the operator's namespace.
    pub fn helm(&self, arguments: &[&str]) {
        let helm = self.helm_command(arguments).output().expect("helm cannot be run; use `scripts/test cluster`");
        assert!(helm.status.success(), "helm {arguments:?}: {}", text(&helm));
    }

    pub fn helm_command(&self, arguments: &[&str]) -> Command {
        let mut helm = Command::new("helm");
        helm.args(arguments)
            .args(["--namespace=odoo-operator", "--kubeconfig", &self.kubeconfig])
            .env("HOME", &self.folder);
        helm
    }

    /// Installs the chart for an operator outside of the cluster, and makes that one's kubeconfig.
    pub fn install(&self) {
        self.install_with(&[]);
    }

    /// The same, with more values.
    pub fn install_with(&self, values: &[&str]) {
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/odoo-operator");
        let url = format!("webhook.url=https://127.0.0.1:{}", self.ports.0);
        let mut arguments = vec!["install", "odoo-operator", chart, "--create-namespace", "--wait", "--set", &url];
        arguments.extend(values.iter().flat_map(|value| ["--set", value]));
        self.helm(&arguments);
        self.log_in("odoo-operator", &self.folder.join("operator.kubeconfig"));
        let password = self.folder.join("password");
        if !password.exists() {
            std::fs::write(password, env("PG_ADMIN_PASSWORD")).unwrap();
        }
    }

    /// Writes a kubeconfig of a ServiceAccount in the operator's namespace.
    pub fn log_in(&self, account: &str, file: &Path) {
        let token = self.ok(&["create", "token", account, "--namespace=odoo-operator", "--duration=24h"]);
        let mut config: serde_json::Value =
            serde_json::from_str(&self.ok(&["config", "view", "--raw", "--output=json"])).unwrap();
        config["users"][0]["user"] = serde_json::json!({"token": token.trim()});
        std::fs::write(file, config.to_string()).unwrap();
    }

    /// Starts the operator with the chart's rights and waits until both versions are served.
    pub fn start_operator(&self) {
        let (https, probes) = self.ports;
        let operator = self.operator_command("operator", https, probes).spawn().unwrap();
        *self.operator.lock().unwrap() = Some(operator);
        let address = format!("127.0.0.1:{probes}");
        eventually("the operator is ready", || {
            self.assert_alive();
            http_get(&address, "/readyz").filter(|answer| answer.starts_with("HTTP/1.1 200")).map(drop)
        });
        self.wait_until_served();
    }

    /// Waits until both versions are served.
    pub fn wait_until_served(&self) {
        let wait = Command::new(env!("CARGO_BIN_EXE_odoo-operator"))
            .args(["wait", &format!("--timeout={}", PATIENCE.as_secs())])
            .env("KUBECONFIG", &self.kubeconfig)
            .output()
            .unwrap();
        assert!(wait.status.success(), "{}\n{}", text(&wait), self.operator_log());
    }

    /// A process of the operator, as if it were the pod `name`: with NAME.kubeconfig, logging to NAME.log.
    pub fn operator_command(&self, name: &str, https: u16, probes: u16) -> Command {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join(format!("{name}.log")));
        let file = |name: &str| self.folder.join(name).display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_odoo-operator"));
        command
            .args(["run", "--operator-namespace=odoo-operator"])
            .arg("--operator-user=system:serviceaccount:odoo-operator:odoo-operator")
            .arg(format!("--webhook-url=https://127.0.0.1:{}", self.ports.0))
            .args([format!("--webhook-port={https}"), format!("--health-probe-bind-address=127.0.0.1:{probes}")])
            .arg("--webhook-allow-cidr=127.0.0.0/8")
            .args(self.defaults())
            .arg("--pull-secret-allow-list=shared-registry,opaque")
            .args([
                format!("--postgres-host={}", env("PGHOST")),
                format!("--postgres-port={}", self.postgres("port", "PGPORT")),
                format!("--postgres-admin-user={}", self.postgres("user", "PG_ADMIN_USER")),
                format!("--postgres-admin-database={}", env("PG_ADMIN_DATABASE")),
                format!("--postgres-admin-password-file={}", file("password")),
            ])
            .env("KUBECONFIG", self.folder.join(format!("{name}.kubeconfig")))
            // One that is killed and started again is the same pod's next container, and takes its lease back.
            .env("POD_NAME", name)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap());
        command
    }

    /// The next operator that is started gets these flags.
    pub fn set_defaults(&self, flags: &[&str]) {
        std::fs::write(self.folder.join("defaults"), flags.join("\n")).unwrap();
    }

    fn defaults(&self) -> Vec<String> {
        let flags = std::fs::read_to_string(self.folder.join("defaults"));
        flags.unwrap_or_else(|_| "--default-odoo-image=odoo:19.0".to_owned()).lines().map(str::to_owned).collect()
    }

    /// What a test wrote for operators that are started from now on (a relay's port, a role of its own), else the
    /// environment's.
    fn postgres(&self, what: &str, variable: &str) -> String {
        std::fs::read_to_string(self.folder.join(format!("postgres-{what}"))).unwrap_or_else(|_| env(variable))
    }

    fn assert_alive(&self) {
        let mut operator = self.operator.lock().unwrap();
        if let Some(status) = operator.as_mut().and_then(|child| child.try_wait().unwrap()) {
            panic!("the operator ended with {status}:\n{}", self.operator_log());
        }
    }

    /// Whether the operator's process is there.
    pub fn runs(&self) -> bool {
        self.operator.lock().unwrap().as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// kill -9.
    pub fn kill_operator(&self) {
        if let Some(mut operator) = self.operator.lock().unwrap().take() {
            operator.kill().unwrap();
            operator.wait().unwrap();
        }
    }

    pub fn operator_log(&self) -> String {
        std::fs::read_to_string(self.folder.join("operator.log")).unwrap_or_default()
    }

    pub fn metrics(&self) -> String {
        http_get(&format!("127.0.0.1:{}", self.ports.1), "/metrics").unwrap_or_default()
    }

    /// kubectl as the cluster's administrator.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        use std::io::Write as _;
        let mut child = Command::new("kubectl")
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl cannot be run; use `scripts/test cluster`");
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// What kubectl prints, when it succeeds.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.kubectl(arguments, "");
        assert!(output.status.success(), "kubectl {arguments:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A namespace of the test's own.
    pub fn namespace(&self, test: &str) -> Namespace<'_> {
        let unique =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() % 1_000_000_000;
        let name = format!("cl-{test}-{unique}");
        self.ok(&["create", "namespace", &name]);
        // Every pod of every test meets the strictest of the published standards.
        self.ok(&["label", "namespace", &name, "pod-security.kubernetes.io/enforce=restricted"]);
        Namespace { world: self, name }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill_operator();
    }
}

pub fn http_get(address: &str, path: &str) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// A namespace, and what a user does there.
pub struct Namespace<'a> {
    pub world: &'a World,
    pub name: String,
}

impl Namespace<'_> {
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let mut all = vec!["--namespace", &self.name];
        all.extend(arguments);
        self.world.kubectl(&all, input)
    }

    pub fn ok(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--namespace", &self.name];
        all.extend(arguments);
        self.world.ok(&all)
    }

    /// Applies a manifest that must be accepted; what kubectl says.
    pub fn apply(&self, manifest: &str) -> String {
        let output = self.kubectl(&["apply", "--filename=-"], manifest);
        assert!(output.status.success(), "{}\n{manifest}", text(&output));
        text(&output)
    }

    /// Applies a manifest that must be refused; what kubectl says.
    pub fn refused(&self, manifest: &str) -> String {
        let output = self.kubectl(&["apply", "--filename=-"], manifest);
        assert!(!output.status.success(), "accepted:\n{manifest}");
        text(&output)
    }

    pub fn json(&self, kind: &str, name: &str) -> Option<serde_json::Value> {
        let output = self.kubectl(&["get", kind, name, "--output=json"], "");
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// An instance in v1, as kubectl shows it; null when it is not there. What is looked at most costs no process.
    pub fn instance(&self, name: &str) -> serde_json::Value {
        let path = format!("/apis/bemade.org/v1/namespaces/{}/odooinstances/{name}", self.name);
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        let asked = async { tokio::time::timeout(ANSWER, self.world.api.request::<serde_json::Value>(request)).await };
        let Ok(Ok(mut object)) = RUNTIME.block_on(asked) else { return serde_json::Value::Null };
        object["metadata"].as_object_mut().unwrap().remove("managedFields");
        object
    }

    /// Waits until an instance is in a phase; its object then.
    pub fn phase(&self, name: &str, phase: &str) -> serde_json::Value {
        self.phase_within(PATIENCE, name, phase)
    }

    pub fn phase_within(&self, time: Duration, name: &str, phase: &str) -> serde_json::Value {
        let mut last = serde_json::Value::Null;
        let until = Instant::now() + time;
        loop {
            let object = self.instance(name);
            if object["status"]["phase"] == phase {
                return object;
            }
            if object["status"] != last && !object.is_null() {
                last = object["status"].clone();
            }
            assert!(
                Instant::now() < until,
                "{name} is not {phase} in time; status: {last:#}\noperator:\n{}",
                self.world.operator_log().lines().rev().take(30).collect::<Vec<_>>().join("\n")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The condition of that type.
    pub fn condition(object: &serde_json::Value, type_: &str) -> serde_json::Value {
        let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|condition| condition["type"] == type_).unwrap_or_default()
    }

    /// The published v1 quick start, with a host of this namespace.
    pub fn quick_start(&self, name: &str) -> String {
        format!(
            r#"apiVersion: bemade.org/v1
kind: OdooInstance
metadata:
  name: {name}
spec:
  image: odoo:19.0
  replicas: 1
  adminPassword: "my-admin-password"
  ingress:
    hosts:
      - {name}.{}.example.com
    issuer: letsencrypt-prod
  resources:
    requests:
      cpu: 200m
      memory: 512Mi
    limits:
      cpu: 2000m
      memory: 2Gi
  filestore:
    storageSize: 5Gi
    storageClass: standard
"#,
            self.name
        )
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        // What a failed test leaves is there to be looked at; what a good one leaves is only in the way.
        if !std::thread::panicking() {
            let _ = self.kubectl(&["delete", "odooinstances", "--all", "--timeout=30s"], "");
            odoo::sweep(&self.name);
        }
    }
}
