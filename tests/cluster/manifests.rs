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

/// All of them beside each other, in a namespace of their own.
#[test]
fn applied_again_every_kind_of_both_versions_rests() {
    for version in ["v1", "v1alpha1"] {
        let space = shared().namespace("manifests");
        let all: Vec<String> = manifests(version).into_iter().map(|(_, text)| text).collect();
        let all = all
            .join("---\n")
            .replace("namespace: default", &format!("namespace: {}", space.name))
            .replace("instanceNamespace: default", &format!("instanceNamespace: {}", space.name))
            .replace("example.com", &format!("{}.example.com", space.name))
            .replace("everything_live", &space.name.replace('-', "_"));
        let count = all.matches("\nkind: ").count();
        let said = space.apply(&all);
        assert_eq!(said.matches(" created").count(), count, "{said}");
        let again = space.apply(&all);
        assert_eq!(again.matches(" unchanged").count(), count, "{again}");
        let diff = space.kubectl(&["diff", "--filename=-"], &all);
        assert!(diff.status.success(), "{}{}", String::from_utf8_lossy(&diff.stdout), stderr(&diff));
    }
}
