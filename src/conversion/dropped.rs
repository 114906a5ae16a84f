//! What a v1alpha1 client dropped because it does not know it, put back from the old object.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::table::KINDS;
use super::tree::Object;
use super::{init_mode, path_in_v1alpha1};
use crate::api::crds::{self, Version};

/// Excludes a password that is written out, which v1alpha1 shows empty beside it: who writes one means that one.
const REFERENCE: [&str; 2] = ["spec", "adminPasswordSecretRef"];

/// Puts the spec fields of `old` that v1alpha1 does not have back into `new`, where `new` lacks them and still has the
/// object that they belong to; and the initialization mode of `old`, where `new` says the same in v1alpha1's fewer
/// words. Both are whole v1 objects of `kind`; `new` came in as v1alpha1. Says whether there was anything.
pub fn restore_dropped(old: &Value, new: &mut Value, kind: &str) -> bool {
    let mut restored = kind == "OdooInstance" && restore_mode(old, new);
    for path in only_in_v1(kind) {
        let Some((last, parents)) = path.split_last() else { continue };
        let Some(value) = path.iter().try_fold(old, |value, key| value.get(key)) else { continue };
        let is_replaced = *path == REFERENCE && new["spec"]["adminPassword"].as_str().is_some_and(|it| !it.is_empty());
        if value.is_null() || is_replaced {
            continue;
        }
        let parent = parents.iter().try_fold(&mut *new, |value, key| value.get_mut(key));
        if let Some(Value::Object(parent)) = parent
            && !parent.contains_key(last)
        {
            parent.insert(last.clone(), value.clone());
            restored = true;
        }
    }
    restored
}

static ONLY_IN_V1: LazyLock<BTreeMap<&'static str, Vec<Vec<String>>>> = LazyLock::new(|| {
    let crds = crds::all();
    let schema = |kind: &str, version: Version| {
        let crd = crds.iter().find(|crd| crd.spec.names.kind == kind)?;
        let version = crd.spec.versions.iter().find(|found| found.name == version.name())?;
        serde_json::to_value(version.schema.as_ref()?.open_api_v3_schema.as_ref()?).ok()
    };
    let mut paths = BTreeMap::new();
    for kind in KINDS {
        if let (Some(v1), Some(v1alpha1)) = (schema(kind, Version::V1), schema(kind, Version::V1Alpha1)) {
            let mut found = Vec::new();
            collect(kind, &v1["properties"]["spec"], &v1alpha1, &mut vec!["spec".to_owned()], &mut found);
            paths.insert(kind, found);
        }
    }
    paths
});

/// Compares the schemas, which takes a tenth of a second of processor time, before anybody waits for it.
pub fn prepare() {
    LazyLock::force(&ONLY_IN_V1);
}

/// The paths of the spec fields of `kind` that v1 has and v1alpha1 has not, outermost only. Derived from both schemas
/// and the table.
pub fn only_in_v1(kind: &str) -> &'static [Vec<String>] {
    ONLY_IN_V1.get(kind).map_or(&[], Vec::as_slice)
}

fn collect(kind: &str, v1: &Value, v1alpha1: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for (name, child) in v1["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        let counterpart = path_in_v1alpha1(kind, &path.join("."));
        let known = counterpart.split('.').try_fold(v1alpha1, |schema, name| schema["properties"].get(name));
        if known.is_some() {
            collect(kind, child, v1alpha1, path, found);
        } else {
            found.push(path.clone());
        }
        path.pop();
    }
}

/// v1alpha1 shows less than the mode and a clone block that is not in use: if it shows the same of both objects, the
/// client did not mean to change them.
fn restore_mode(old: &Value, new: &mut Value) -> bool {
    let (Some(shown_of_old), Some(shown_of_new)) = (projection(old), projection(new)) else { return false };
    if shown_of_old != shown_of_new {
        return false;
    }
    let Some(old) = old["spec"]["initialization"].as_object() else { return false };
    let Some(spec) = new.get_mut("spec").and_then(Value::as_object_mut) else { return false };
    let mut restored = false;
    let (_, shows_ref) = shown_of_old;
    let originals = old.iter().filter(|(key, _)| *key == "mode" || (*key == "clone" && !shows_ref));
    for (key, value) in originals.filter(|(_, value)| !value.is_null()) {
        let block = spec.entry("initialization").or_insert_with(|| Value::Object(Map::new()));
        if let Some(block) = block.as_object_mut()
            && !block.contains_key(key)
        {
            block.insert(key.clone(), value.clone());
            restored = true;
        }
    }
    restored
}

fn projection(object: &Value) -> Option<(bool, bool)> {
    let text = serde_json::json!({ "spec": { "initialization": object["spec"]["initialization"] } }).to_string();
    init_mode::projection(&mut Object::parse(&text)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn what_only_v1_has_follows_from_the_schemas_and_the_table() {
        let mut listed = String::new();
        for kind in KINDS {
            for path in only_in_v1(kind) {
                let _ = writeln!(listed, "{kind} {}", path.join("."));
            }
        }
        insta::assert_snapshot!(listed);
    }

    fn restored(mut old: Value, mut new: Value) -> Value {
        for object in [&mut old, &mut new] {
            *object = json!({ "kind": "OdooInstance", "spec": object });
        }
        restore_dropped(&old, &mut new, "OdooInstance");
        new["spec"].take()
    }

    #[test]
    fn fields_come_back_where_their_object_is_still_there() {
        let old = json!({
            "deletionPolicy": "Retain", "suspend": true,
            "webhook": { "url": "u", "events": ["instance.phase"] },
            "ingress": { "hosts": ["a"], "gatewayRef": { "name": "g", "namespace": "n", "sectionName": "s" } },
        });
        let new = json!({ "suspend": false, "ingress": { "hosts": ["b"] } });
        assert_eq!(
            restored(old.clone(), new),
            json!({ "suspend": false, "ingress": { "hosts": ["b"] }, "deletionPolicy": "Retain" })
        );
        let new = json!({ "webhook": { "url": "v" } });
        assert_eq!(restored(old, new)["webhook"], json!({ "url": "v", "events": ["instance.phase"] }));
    }

    #[test]
    fn the_mode_comes_back_when_v1alpha1_says_the_same() {
        let old = json!({ "initialization": { "mode": "restore", "restore": { "url": "u" }, "modules": ["a"] } });
        let defaulted = json!({ "initialization": { "modules": ["a"], "demo": false } });
        assert_eq!(
            restored(old.clone(), defaulted)["initialization"],
            json!({ "modules": ["a"], "demo": false, "mode": "restore", "restore": { "url": "u" } })
        );
        let disabled = json!({ "initialization": { "mode": "none" } });
        assert_eq!(restored(old, disabled)["initialization"]["mode"], "none");

        let unused_clone =
            json!({ "initialization": { "mode": "fresh", "clone": { "instanceRef": { "name": "p" } } } });
        assert_eq!(restored(unused_clone.clone(), json!({})), unused_clone);
        let removed = json!({ "initialization": { "clone": { "instanceRef": { "name": "p" } } } });
        assert_eq!(restored(removed, json!({})), json!({}));
    }
}
