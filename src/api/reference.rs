//! The reference pages of the API: every field of every kind, in both versions, from the schemas that the API server
//! gets.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion,
};
use serde_json::Value;

use super::{GROUP, crds};

/// Types of Kubernetes, by the names of the fields that have them: their own fields are described in its reference.
const KUBERNETES: [(&str, &str); 10] = [
    ("affinity", "core/v1 Affinity"),
    ("conditions", "meta/v1 Condition list"),
    ("extraEnv", "core/v1 EnvVar list"),
    ("extraEnvFrom", "core/v1 EnvFromSource list"),
    ("resources", "core/v1 ResourceRequirements"),
    ("tolerations", "core/v1 Toleration list"),
    ("topologySpreadConstraints", "core/v1 TopologySpreadConstraint list"),
    ("maxSurge", "integer or percentage"),
    ("maxUnavailable", "integer or percentage"),
    ("minAvailable", "integer or percentage"),
];

/// A page a kind and version, and an index: names below `docs/api/`, and texts. `note` is put at the top of each.
pub fn pages(note: &str) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    let mut index = format!(
        "# API reference\n\n{note}\n\nGroup `{GROUP}`. `v1` is what is stored and what all documentation speaks of; \
         `v1alpha1` is served for manifests of the existing operator ([how the two map](../conversion.md), [what is \
         refused](../rules.md)). `kubectl explain odooinstance.spec --recursive` shows the same in a terminal.\n\n\
         | kind | short name | versions |\n|---|---|---|\n"
    );
    for crd in crds::all() {
        let kind = &crd.spec.names.kind;
        let links: Vec<String> =
            crd.spec.versions.iter().map(|v| format!("[{0}]({1})", v.name, file(kind, v))).collect();
        let _ = writeln!(index, "| {kind} | `{}` | {} |", short_name(&crd), links.join(", "));
        pages.extend(crd.spec.versions.iter().map(|version| (file(kind, version), page(&crd, version, note))));
    }
    pages.push(("README.md".to_owned(), index));
    pages
}

fn file(kind: &str, version: &CustomResourceDefinitionVersion) -> String {
    format!("{}.{}.md", kind.to_lowercase(), version.name)
}

fn short_name(crd: &CustomResourceDefinition) -> &str {
    crd.spec.names.short_names.iter().flatten().next().map_or("", String::as_str)
}

fn page(crd: &CustomResourceDefinition, version: &CustomResourceDefinitionVersion, note: &str) -> String {
    let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
    let schema = serde_json::to_value(schema).unwrap_or_default();
    let mut page = format!(
        "# {} {GROUP}/{}\n\n{note}\n\n{}\n\n`kubectl get {}`",
        crd.spec.names.kind,
        version.name,
        schema["description"].as_str().unwrap_or_default(),
        short_name(crd),
    );
    let columns = |wide: bool| -> Vec<&str> {
        let columns = version.additional_printer_columns.iter().flatten();
        columns.filter(|c| (c.priority.unwrap_or(0) > 0) == wide).map(|c| c.name.as_str()).collect()
    };
    let _ = write!(page, " shows {}", columns(false).join(", "));
    if !columns(true).is_empty() {
        let _ = write!(page, "; with `-o wide` also {}", columns(true).join(", "));
    }
    let selectable: Vec<String> =
        version.selectable_fields.iter().flatten().map(|field| format!("`{}`", field.json_path)).collect();
    if !selectable.is_empty() {
        let _ = write!(page, ". Field selectors: {}", selectable.join(", "));
    }
    page.push_str(".\n");
    for (part, title) in [("spec", "Spec"), ("status", "Status")] {
        let part_schema = &schema["properties"][part];
        let _ = write!(page, "\n## {title}\n\n");
        for rule in part_schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let _ = writeln!(page, "- {}", rule_text(rule));
        }
        page.push_str("\n| field | type | default | |\n|---|---|---|---|\n");
        rows(part_schema, part, &mut page);
    }
    page
}

/// A row for each field below `schema`.
fn rows(schema: &Value, path: &str, page: &mut String) {
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let kubernetes = KUBERNETES.iter().find(|(known, _)| known == name).map(|(_, kind)| (*kind).to_owned());
        let is_kubernetes = kubernetes.is_some();
        let mut said: Vec<String> = vec![field["description"].as_str().unwrap_or_default().replace("\n\n", " ")];
        said.extend(limits(field));
        for rule in field["x-kubernetes-validations"].as_array().into_iter().flatten() {
            said.push(rule_text(rule));
        }
        let default = match &field["default"] {
            Value::Null if required.contains(name.as_str()) => "required".to_owned(),
            Value::Null => String::new(),
            default => format!("`{default}`"),
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {default} | {} |",
            path.split_once('.').map_or(path.as_str(), |(_, below)| below),
            kubernetes.unwrap_or_else(|| kind(field)),
            said.join(" ").replace('|', "\\|").replace('\n', " ").trim(),
        );
        if !is_kubernetes {
            rows(field, &path, page);
            rows(&field["items"], &format!("{path}[]"), page);
            rows(&field["additionalProperties"], &format!("{path}{{}}"), page);
        }
    }
}

fn kind(field: &Value) -> String {
    let plain = field["type"].as_str().unwrap_or("any");
    if let Some(values) = field["enum"].as_array() {
        let values: Vec<String> = values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect();
        return values.join(", ");
    }
    match plain {
        "array" => format!("{} list", kind(&field["items"])),
        "object" if field["additionalProperties"].is_object() => {
            format!("map of {}", kind(&field["additionalProperties"]))
        }
        _ if field["x-kubernetes-int-or-string"] == true => "integer or string".to_owned(),
        plain => plain.to_owned(),
    }
}

/// The schema's bounds, in words.
fn limits(field: &Value) -> Vec<String> {
    let words = [
        ("minimum", "At least"),
        ("maximum", "At most"),
        ("minLength", "Characters at least:"),
        ("maxLength", "Characters at most:"),
        ("minItems", "Items at least:"),
        ("maxItems", "Items at most:"),
        ("pattern", "Matches"),
    ];
    words
        .iter()
        .filter(|(key, _)| !field[*key].is_null())
        .map(|(key, words)| match field[*key].as_f64() {
            Some(number) => format!("{words} {number}."),
            None => format!("{words} `{}`.", field[*key].as_str().unwrap_or_default()),
        })
        .collect()
}

/// What a rule of the schema asks for: its message, else the expression.
fn rule_text(rule: &Value) -> String {
    rule["message"].as_str().map_or_else(
        || format!("`{}`", rule["rule"].as_str().unwrap_or_default()),
        |message| match rule["fieldPath"].as_str() {
            Some(field) => format!("Rule: `{}` {message}.", field.trim_start_matches('.')),
            None => format!("Rule: {message}."),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::pages;

    #[test]
    fn every_kind_has_a_page_a_version_with_nested_fields_defaults_and_bounds() {
        let pages = pages("note");
        assert_eq!(pages.len(), 6 * 2 + 1 + 1);
        let text = |name: &str| pages.iter().find(|(file, _)| file == name).unwrap().1.clone();
        let instance = text("odooinstance.v1.md");
        assert!(instance.contains("| `ingress.gatewayRef.sectionName` | string |"), "{instance}");
        assert!(instance.contains("| `replicas` | integer | `1` |"), "{instance}");
        assert!(instance.contains("At least 0."), "{instance}");
        assert!(instance.contains("`Staging`, `Production`"), "{instance}");
        assert!(!instance.contains("requiredDuringScheduling"), "{instance}");
        assert!(text("odooinstance.v1alpha1.md").contains("| `init.modules` | string list |"));
        assert!(
            text("README.md").contains("| OdooBackupSchedule | `backupschedule` | [v1](odoobackupschedule.v1.md) |")
        );
    }
}
