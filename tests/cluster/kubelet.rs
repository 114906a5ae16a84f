//! What a kubelet does for the operator's own pods: on simulated nodes nothing runs, so the processes of the chart's
//! Deployment and hook Jobs are started and ended here, with the arguments and the rights that the chart gives them.
//! The chart is installed with an image whose simulated pods run for ever.

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::world::{PATIENCE, World, text};

/// An image whose simulated pods neither become ready nor end by themselves.
pub const IMAGE: &str = "operator.image=localhost/odoo-operator:outcome-hang";

/// Runs Helm, and meanwhile what its hooks start. Answers with what Helm and the hooks said.
pub fn helm(world: &World, arguments: &[&str]) -> (Output, String) {
    let mut helm = world.helm_command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut seen, mut said) = (BTreeSet::new(), String::new());
    let mut hook: Option<(String, std::process::Child)> = None;
    let deadline = Instant::now() + 2 * PATIENCE;
    while helm.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "helm {arguments:?} does not end; hooks said: {said}");
        // An upgrade scales to 0, too: the chart knows that this operator runs outside of the cluster.
        if arguments[0] == "uninstall"
            && world.runs()
            && deployment(world).is_some_and(|deployment| deployment["spec"]["replicas"] == 0)
        {
            world.kill_operator();
        }
        match hook.take() {
            Some((pod, mut process)) => match process.try_wait().unwrap() {
                None => hook = Some((pod, process)),
                Some(status) => {
                    said += &text(&process.wait_with_output().unwrap());
                    end(world, &pod, status.success());
                }
            },
            None => hook = next(world, &mut seen),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    (helm.wait_with_output().unwrap(), said)
}

fn deployment(world: &World) -> Option<Value> {
    let found = world.kubectl(&["get", "deployment", "odoo-operator", "--namespace=odoo-operator", "-ojson"], "");
    serde_json::from_slice(&found.stdout).ok()
}

/// The process of a hook's pod that nobody has started yet.
fn next(world: &World, seen: &mut BTreeSet<String>) -> Option<(String, std::process::Child)> {
    let pods: Value = serde_json::from_str(&world.ok(&["get", "pods", "--namespace=odoo-operator", "-ojson"])).unwrap();
    let pod = pods["items"].as_array().unwrap().iter().find(|pod| {
        let owner = &pod["metadata"]["ownerReferences"][0]["kind"];
        owner == "Job"
            && pod["status"]["phase"] == "Running"
            && !seen.contains(pod["metadata"]["uid"].as_str().unwrap())
    })?;
    seen.insert(pod["metadata"]["uid"].as_str().unwrap().to_owned());
    let kubeconfig = world.folder.join("hook.kubeconfig");
    world.log_in(pod["spec"]["serviceAccountName"].as_str().unwrap(), &kubeconfig);
    let password = world.folder.join("password").display().to_string();
    let arguments = pod["spec"]["containers"][0]["args"].as_array().unwrap().iter();
    let arguments = arguments.map(|it| it.as_str().unwrap().replace("/etc/odoo-operator/postgres/password", &password));
    let process = Command::new(env!("CARGO_BIN_EXE_odoo-operator"))
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Some((pod["metadata"]["name"].as_str().unwrap().to_owned(), process))
}

fn end(world: &World, pod: &str, good: bool) {
    let (phase, code) = if good { ("Succeeded", 0) } else { ("Failed", 1) };
    let state = json!({"terminated": {"exitCode": code, "reason": phase}});
    let status = json!({"phase": phase, "containerStatuses": [{
        "name": "uninstall", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state,
    }]});
    let patch = json!({"status": status}).to_string();
    world.ok(&["patch", "pod", pod, "--namespace=odoo-operator", "--subresource=status", "--type=merge", "-p", &patch]);
}
