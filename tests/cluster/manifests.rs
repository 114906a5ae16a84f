//! Every published manifest applies as it is, and rests when it is applied again.

use std::path::Path;

use super::world::shared;

/// The manifests of a version, by file name.
fn manifests(version: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/manifests").join(version);
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    assert!(found.len() > 4, "{found:?}");
    found
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Letter by letter, in the namespace that they name.
#[test]
fn published_manifests_are_accepted_unchanged() {
    for version in ["v1", "v1alpha1"] {
        for (name, text) in manifests(version) {
            assert!(text.contains(&format!("apiVersion: bemade.org/{version}\n")), "{name}");
            for manner in [&["apply", "--dry-run=server"][..], &["apply", "--dry-run=server", "--server-side"]] {
                let applied = shared().kubectl(&[manner, &["--filename=-"]].concat(), &text);
                assert!(applied.status.success(), "{version}/{name}: {}", stderr(&applied));
            }
        }
    }
}
