//! The house: what may import what, what is pure, how large a file may be, and that generated files are current.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const MAX_LINES: usize = 500;

/// What each room may import of the others. A room that is not listed must not exist.
const ROOMS: &[(&str, &[&str])] = &[
    ("api", &[]),
    ("conversion", &["api"]),
    ("notify", &["api"]),
    ("resources", &["api"]),
    ("admission", &["api", "conversion", "notify", "resources"]),
    ("lifecycle", &["api", "resources"]),
    ("postgres", &["api", "resources"]),
    ("server", &["api"]),
    ("tls", &["api"]),
    ("telemetry", &["api"]),
    (
        "controller",
        &["api", "admission", "conversion", "lifecycle", "notify", "postgres", "resources", "telemetry", "tls"],
    ),
];

/// Rooms, and files of mixed rooms, that do no IO and know neither the time nor chance.
const PURE: &[&str] = &[
    "api/",
    "admission/",
    "conversion/",
    "lifecycle/",
    "resources/",
    "notify/event.rs",
    "notify/signature.rs",
    "notify/policy.rs",
    "notify/outbox.rs",
    "tls/pki.rs",
    "controller/lease.rs",
];

/// What gives impurity away.
const IMPURE: &[&str] = &[
    "tokio",
    "hyper",
    "axum::",
    "reqwest",
    "tokio_postgres",
    "s3::Bucket",
    "kube::Client",
    "kube::Api",
    "kube::client",
    "kube::api::Api",
    "Timestamp::now",
    "SystemTime",
    "Instant::now",
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "rand::",
    "OsRng",
];

fn sources(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// The code of a file without its tests and comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The rooms that a file imports.
fn imports(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for part in code.split("crate::").skip(1) {
        if let Some(group) = part.strip_prefix('{') {
            let group = group.split('}').next().unwrap_or_default();
            rooms.extend(group.split(',').map(|item| item.trim().split("::").next().unwrap_or_default().to_owned()));
        } else {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
            rooms.push(part[..end].to_owned());
        }
    }
    rooms
}

/// Everything in a source tree that breaks a rule of the house.
fn problems(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in sources(root) {
        let is_test = name.ends_with("tests.rs") || name.contains("/tests/");
        let lines = text.lines().count();
        if lines > MAX_LINES {
            problems.push(format!("{name}: {lines} lines, more than {MAX_LINES}: it holds more than one concept"));
        }
        if name.ends_with("mod.rs") && !is_test && !text.starts_with("//!") {
            problems.push(format!("{name}: does not open with what the room owns and what it must not do"));
        }
        let Some((room, _)) = name.split_once('/').filter(|_| !is_test) else { continue };
        let Some((_, allowed)) = ROOMS.iter().find(|(known, _)| *known == room) else {
            problems.push(format!("{name}: room {room} is not in the plan of the house"));
            continue;
        };
        let code = code(&text);
        for import in imports(&code) {
            if import != room && !allowed.contains(&import.as_str()) && ROOMS.iter().any(|(known, _)| *known == import)
            {
                problems.push(format!("{name}: {room} imports {import}, which is above it"));
            }
        }
        if PURE.iter().any(|pure| name.starts_with(pure)) {
            for word in IMPURE.iter().filter(|word| code.contains(**word)) {
                problems.push(format!("{name}: is pure, and has {word}"));
            }
        }
    }
    problems
}

/// `images` has a function `buildah`, and a new machine has no such program.
#[test]
fn a_scripts_function_does_not_pass_for_a_program_of_that_name() {
    let script = ". scripts/dev/lib.sh; nowhere() { :; }; have bash && ! have nowhere";
    let asked = Command::new("bash").args(["-c", script]).output().unwrap();
    assert!(asked.status.success(), "{asked:?}");
}

#[test]
fn the_house_is_in_order() {
    let problems = problems(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn a_house_that_is_not_in_order_is_noticed() {
    let problems = problems(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/house")));
    let found = |words: &str| problems.iter().any(|problem| problem.contains(words));
    assert!(found("api/mod.rs: api imports controller"), "{problems:#?}");
    assert!(found("lifecycle/decide.rs: is pure, and has Timestamp::now"), "{problems:#?}");
    assert!(found("lifecycle/decide.rs: is pure, and has tokio"), "{problems:#?}");
    assert!(found("controller/mod.rs: does not open with"), "{problems:#?}");
    assert!(found("controller/large.rs: 501 lines"), "{problems:#?}");
    assert!(found("attic/mod.rs: room attic is not in the plan"), "{problems:#?}");
    assert_eq!(problems.len(), 6, "{problems:#?}");
}

fn operator(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_odoo-operator")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn scripts_test_runs_every_test_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = std::fs::read_to_string(root.join("scripts/test")).unwrap();
    for entry in std::fs::read_dir(root.join("tests")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists() {
            let wanted = format!("--test {}", path.file_stem().unwrap().to_str().unwrap());
            assert!(script.contains(&wanted), "{wanted}");
        }
    }
}

#[test]
fn generated_files_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("docs");
    let _ = std::fs::remove_dir_all(&fresh);
    operator(&["docs", "--dir", fresh.to_str().unwrap()]);
    for folder in [fresh.clone(), fresh.join("api")] {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
        {
            let kept = root.join("docs").join(path.strip_prefix(&fresh).unwrap());
            let same = std::fs::read(&kept).ok() == std::fs::read(&path).ok();
            assert!(same, "{} is not current: run `cargo run -- docs`", kept.display());
        }
    }
    // A kind or version that went leaves no page behind.
    let pages = |folder: &Path| std::fs::read_dir(folder.join("api")).unwrap().count();
    assert_eq!(pages(&root.join("docs")), pages(&fresh));
    let crds = std::fs::read_to_string(root.join("charts/odoo-operator/crds/crds.yaml")).unwrap();
    let current = operator(&["crds", "--chart"]);
    assert!(crds == current, "run `cargo run -- crds --chart > charts/odoo-operator/crds/crds.yaml`");
}

#[test]
fn a_wrong_flag_ends_with_one_line_that_names_it() {
    for (flag, words) in [
        ("--postgres-host=db", "--postgres-admin-password-file"),
        ("--no-such-flag", "--no-such-flag"),
        ("--log-format=xml", "text, json"),
        ("--webhook-ca-file=/no/such", "--webhook-ca-file: cannot read /no/such"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_odoo-operator"))
            .args(["run", "--operator-namespace=x", flag])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn every_field_of_the_api_is_described() {
    fn walk(schema: &serde_json::Value, path: &str, silent: &mut Vec<String>) -> usize {
        let mut fields = 0;
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            fields += 1;
            // Those three are the API server's.
            let known = ["metadata", "apiVersion", "kind"].contains(&name.as_str()) && path.matches('.').count() == 1;
            if field["description"].as_str().is_none_or(str::is_empty) && !known {
                silent.push(path.clone());
            }
            fields += walk(field, &path, silent);
        }
        for inner in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(inner) {
                fields += walk(inner, &format!("{path}[]"), silent);
            }
        }
        fields
    }
    let mut silent = Vec::new();
    let mut fields = 0;
    for crd in odoo_operator::api::crds::all() {
        for version in crd.spec.versions {
            let schema = serde_json::to_value(version.schema.unwrap().open_api_v3_schema).unwrap();
            fields += walk(&schema, &format!("{} {}", crd.spec.names.kind, version.name), &mut silent);
        }
    }
    assert!(fields > 500, "{fields}");
    assert!(silent.is_empty(), "{silent:#?}");
}
