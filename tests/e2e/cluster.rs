//! The cluster that `scripts/test e2e` brought up, with the chart installed.

use std::process::{Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A real Odoo takes its time on two shared cores.
const PATIENCE: Duration = Duration::from_mins(5);

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run these tests with `scripts/test e2e`"))
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn run(command: &mut Command, input: &str) -> Output {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run by scripts/test");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Looks again and again until there is something.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// The same, for what has to be there in time.
pub fn within<T>(time: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + time;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A query as some role; `Err` is what psql says.
pub fn psql(role: &str, password: &str, database: &str, sql: &str) -> Result<String, String> {
    let output = run(
        Command::new("psql").args(["--no-psqlrc", "-At", "-c", sql]).envs([
            ("PGUSER", role),
            ("PGPASSWORD", password),
            ("PGDATABASE", database),
        ]),
        "",
    );
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A query as the server's superuser.
pub fn superuser(sql: &str) -> String {
    superuser_in("postgres", sql)
}

pub fn superuser_in(database: &str, sql: &str) -> String {
    psql(&env("PGUSER"), &env("PGPASSWORD"), database, sql).unwrap()
}

fn kubectl(arguments: &[&str], input: &str) -> Output {
    run(Command::new("kubectl").args(arguments), input)
}

/// Held by every test: to read by those that run beside others, to write by one that takes away what all share.
static SHARED: RwLock<()> = RwLock::new(());

/// A namespace of the test's own, beside others.
pub fn space(test: &str) -> Space {
    // A test that failed meanwhile is no reason for others to.
    named(test, Turn::Beside(SHARED.read().unwrap_or_else(PoisonError::into_inner)))
}

/// The same, while no other test runs.
pub fn space_alone(test: &str) -> Space {
    named(test, Turn::Alone(SHARED.write().unwrap_or_else(PoisonError::into_inner)))
}

/// Held until the test ends.
#[expect(dead_code, reason = "guards are held, not looked at")]
enum Turn {
    Beside(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

fn named(test: &str, turn: Turn) -> Space {
    assert!(std::env::var_os("KUBECONFIG").is_some(), "no cluster: run these tests with `scripts/test e2e`");
    let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() % 10_000_000;
    let name = format!("e2e-{test}-{unique}");
    let created = kubectl(&["create", "namespace", &name], "");
    assert!(created.status.success(), "{}", text(&created));
    Space { name, _turn: turn }
}

/// The command line of every process of the machine, and so of every pod.
pub fn command_lines() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| !line.is_empty()).collect()
}

/// A namespace, and what a user does there.
pub struct Space {
    pub name: String,
    _turn: Turn,
}

impl Space {
    fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let mut all = vec!["--namespace", &self.name];
        all.extend(arguments);
        kubectl(&all, input)
    }

    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.kubectl(arguments, "");
        assert!(output.status.success(), "kubectl {arguments:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn apply(&self, manifest: &str) {
        let output = self.kubectl(&["apply", "--filename=-"], manifest);
        assert!(output.status.success(), "{}\n{manifest}", text(&output));
    }

    pub fn instance(&self, name: &str) -> Value {
        let output = self.kubectl(&["get", "odooinstances.v1.bemade.org", name, "--output=json"], "");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Applies a manifest; `Err` is what kubectl says.
    pub fn try_apply(&self, manifest: &str, options: &[&str]) -> Result<(), String> {
        let output = self.kubectl(&[&["apply", "--filename=-"], options].concat(), manifest);
        if output.status.success() { Ok(()) } else { Err(text(&output)) }
    }

    /// Waits until an instance is in a phase; its object then.
    pub fn phase(&self, name: &str, phase: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let object = self.instance(name);
            if object["status"]["phase"] == phase {
                return object;
            }
            assert!(Instant::now() < until, "{name} is not {phase} in time: {:#}", object["status"]);
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub fn running(&self, name: &str) -> Value {
        self.phase(name, "Running")
    }

    pub fn secret(&self, name: &str, key: &str) -> String {
        use base64::Engine as _;
        let path = format!("--output=jsonpath={{.data.{key}}}");
        let encoded = self.ok(&["get", "secret", name, &path]);
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()).unwrap()
    }

    fn address(&self, service: &str) -> String {
        let address = self.ok(&["get", "service", service, "--output=jsonpath={.spec.clusterIP}"]);
        format!("http://{address}:8069")
    }

    /// Status code of a page, over the Service.
    pub fn http(&self, service: &str, path: &str) -> String {
        let url = format!("{}{path}", self.address(service));
        let output = run(Command::new("curl").args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &url]), "");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What Odoo says to the login admin with this password: a user's id, or false.
    pub fn login(&self, service: &str, database: &str, password: &str) -> Value {
        let call = serde_json::json!({"jsonrpc": "2.0", "method": "call", "params": {
            "service": "common", "method": "login", "args": [database, "admin", password]}});
        let url = format!("{}/jsonrpc", self.address(service));
        let output = run(
            Command::new("curl").args(["-s", "-H", "content-type: application/json", "-d", "@-", &url]),
            &call.to_string(),
        );
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["result"].clone()
    }

    /// The published v1 quick start, with a host of this namespace and `more` below spec.
    pub fn quick_start(&self, name: &str, more: &str) -> String {
        format!(
            r#"apiVersion: bemade.org/v1
kind: OdooInstance
metadata:
  name: {name}
spec:
  image: odoo:19.0
  replicas: 1
  adminPassword: "my-admin-password"
  deletionPolicy: Delete
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
{more}"#,
            self.name
        )
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // What a failed test leaves is there to be looked at.
        if !std::thread::panicking() {
            let _ = self.kubectl(&["delete", "odooinstances", "--all", "--wait=false"], "");
            let _ = kubectl(&["delete", "namespace", &self.name, "--wait=false"], "");
        }
    }
}
