//! What the generated CRDs promise, read from the CRDs themselves.
#![allow(clippy::unwrap_used, clippy::format_push_string, reason = "helpers of tests")]

use odoo_operator::api::crds;
use serde_json::Value;

/// Calls `see` with the path of every schema node below `node`.
fn walk(node: &Value, path: &str, see: &mut impl FnMut(&str, &Value)) {
    see(path, node);
    for (name, child) in node["properties"].as_object().into_iter().flatten() {
        walk(child, &format!("{path}.{name}"), see);
    }
    if node["items"].is_object() {
        walk(&node["items"], &format!("{path}[]"), see);
    }
    if node["additionalProperties"].is_object() {
        walk(&node["additionalProperties"], &format!("{path}{{}}"), see);
    }
}

fn each_version(mut see: impl FnMut(&str, &str, &Value)) {
    for crd in crds::all() {
        let kind = crd.spec.names.kind.clone();
        for version in crd.spec.versions {
            let schema = version.schema.and_then(|schema| schema.open_api_v3_schema).unwrap();
            see(&kind, &version.name, &serde_json::to_value(schema).unwrap());
        }
    }
}

#[test]
fn every_field_of_every_version_is_described() {
    let mut missing = Vec::new();
    each_version(|kind, version, schema| {
        for part in ["spec", "status"] {
            walk(&schema["properties"][part], part, &mut |path, node| {
                let is_field = !path.ends_with("[]") && !path.ends_with("{}");
                if is_field && node["description"].as_str().unwrap_or_default().is_empty() {
                    missing.push(format!("{kind} {version} {path}"));
                }
            });
        }
    });
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn schemas_are_structural() {
    let mut wrong = Vec::new();
    each_version(|kind, version, schema| {
        walk(schema, "", &mut |path, node| {
            let has = |key: &str| node.get(key).is_some();
            let open = has("x-kubernetes-int-or-string") || has("x-kubernetes-preserve-unknown-fields");
            for keyword in ["$ref", "allOf", "anyOf", "oneOf", "not"] {
                if has(keyword) {
                    wrong.push(format!("{kind} {version} {path}: {keyword}"));
                }
            }
            if !has("type") && !open {
                wrong.push(format!("{kind} {version} {path}: no type"));
            }
            if let Some(format) = node["format"].as_str()
                && !["int32", "int64", "date-time"].contains(&format)
            {
                wrong.push(format!("{kind} {version} {path}: format {format}"));
            }
        });
    });
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn v1alpha1_keeps_what_it_cannot_say() {
    // Nested properties switch pruning on again, so every object that v1 may extend says it for itself.
    each_version(|kind, version, schema| {
        if version == "v1" {
            return;
        }
        for part in ["spec", "status"] {
            assert_eq!(schema["properties"][part]["x-kubernetes-preserve-unknown-fields"], true, "{kind} {part}");
        }
    });
    let crd = &crds::all()[0];
    let old = crd.spec.versions.iter().find(|version| version.name == "v1alpha1").unwrap();
    let old = serde_json::to_value(&old.schema).unwrap();
    let spec = &old["openAPIV3Schema"]["properties"]["spec"]["properties"];
    for block in ["ingress", "filestore", "database", "webhook", "init", "cron", "strategy"] {
        assert_eq!(spec[block]["x-kubernetes-preserve-unknown-fields"], true, "spec.{block}");
    }
}

#[test]
fn forms_differ_in_what_is_served_stored_and_converted_by_whom() {
    use crds::{Conversion, Form, Version};
    for crd in crds::for_chart() {
        let served: Vec<_> = crd.spec.versions.iter().filter(|version| version.served).map(|v| &v.name).collect();
        assert_eq!(served, ["v1"], "{}", crd.spec.names.kind);
        assert_eq!(crd.spec.conversion.unwrap().strategy, "None");
    }
    let form = Form {
        conversion: Conversion::Url("https://127.0.0.1:9443/".to_owned()),
        v1alpha1_served: true,
        stored: Version::V1Alpha1,
    };
    let instance = &crds::in_form(&form)[0];
    let stored: Vec<_> = instance.spec.versions.iter().filter(|v| v.storage).map(|v| &v.name).collect();
    assert_eq!(stored, ["v1alpha1"]);
    let webhook = instance.spec.conversion.clone().unwrap().webhook.unwrap();
    assert_eq!(webhook.client_config.unwrap().url.unwrap(), "https://127.0.0.1:9443/convert");
}

#[test]
fn v1alpha1_is_as_published() {
    let mut summary = String::new();
    for crd in crds::all() {
        for version in crd.spec.versions.iter().filter(|version| version.name == "v1alpha1") {
            let columns: Vec<String> = version
                .additional_printer_columns
                .iter()
                .flatten()
                .map(|column| format!("{}={} {}", column.name, column.json_path, column.type_))
                .collect();
            let selectable: Vec<&str> =
                version.selectable_fields.iter().flatten().map(|field| field.json_path.as_str()).collect();
            summary.push_str(&format!(
                "{} {} {:?}\n  columns: {}\n  selectable: {}\n",
                crd.spec.names.kind,
                crd.spec.names.plural,
                crd.spec.names.short_names.as_deref().unwrap_or_default(),
                columns.join(", "),
                selectable.join(", "),
            ));
            let schema = serde_json::to_value(&version.schema).unwrap();
            for part in ["spec", "status"] {
                walk(&schema["openAPIV3Schema"]["properties"][part], part, &mut |path, node| {
                    let core = [".affinity.", ".resources.", ".tolerations[]", ".extraEnv", ".conditions[]"];
                    if core.iter().any(|core| path.contains(core)) {
                        return;
                    }
                    summary.push_str(&format!("  {path}: {}", node["type"].as_str().unwrap_or("int-or-string")));
                    for key in ["required", "default", "enum"] {
                        if let Some(value) = node.get(key).filter(|value| !value.is_null()) {
                            summary.push_str(&format!(" {key}={value}"));
                        }
                    }
                    summary.push('\n');
                });
            }
        }
    }
    insta::assert_snapshot!(summary);
}
