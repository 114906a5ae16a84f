//! What the API server would send.

use serde_json::{Value, json};

/// managedFields as kubectl, a GitOps tool and the operator leave them: nobody judges them, and they are half of it.
fn managed_fields() -> Value {
    let fields = json!({
        "f:spec": {
            "f:image": {}, "f:replicas": {}, "f:adminPasswordSecretRef": {"f:name": {}, "f:key": {}}, "f:environment": {},
            "f:cron": {"f:replicas": {}, "f:resources": {"f:limits": {"f:cpu": {}, "f:memory": {}}}},
            "f:resources": {"f:limits": {"f:cpu": {}, "f:memory": {}}, "f:requests": {"f:cpu": {}, "f:memory": {}}},
            "f:ingress": {"f:hosts": {}, "f:issuer": {}, "f:class": {}, "f:annotations": {".": {}, "f:a": {}}},
            "f:filestore": {"f:storageSize": {}, "f:storageClass": {}, "f:accessMode": {}},
            "f:configOptions": {".": {}, "f:workers": {}, "f:limit_time_real": {}, "f:limit_memory_soft": {}},
            "f:database": {"f:cluster": {}, "f:name": {}, "f:missingPolicy": {}},
            "f:initialization": {"f:modules": {}, "f:languages": {}, "f:demo": {}},
            "f:strategy": {"f:type": {}}, "f:webhook": {"f:url": {}, "f:tokenSecretRef": {"f:name": {}, "f:key": {}}},
            "f:tolerations": {}, "f:extraEnv": {".": {}, "k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}},
        },
    });
    let condition = json!({
        ".": {}, "f:type": {}, "f:status": {}, "f:reason": {}, "f:message": {}, "f:lastTransitionTime": {},
        "f:observedGeneration": {},
    });
    let status = json!({
        "f:status": {
            "f:phase": {}, "f:ready": {}, "f:dbInitialized": {}, "f:databaseName": {}, "f:activeCluster": {},
            "f:readyReplicas": {}, "f:url": {},
            "f:conditions": {
                ".": {}, "k:{\"type\":\"Ready\"}": condition, "k:{\"type\":\"DatabaseReady\"}": condition,
            },
        },
    });
    let entry = |manager: &str, operation: &str, fields: &Value| {
        json!({
            "manager": manager, "operation": operation, "apiVersion": "bemade.org/v1", "time": "2026-11-21T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        })
    };
    json!([
        entry("kubectl-client-side-apply", "Update", &fields),
        entry("argocd-controller", "Apply", &fields),
        entry("odoo-operator", "Apply", &status),
    ])
}

fn instance(at: usize, replicas: u32) -> Value {
    json!({
        "apiVersion": "bemade.org/v1",
        "kind": "OdooInstance",
        "metadata": {
            "name": format!("shop-{at}"), "namespace": "eu", "uid": "5f0c6a0e-0000-4000-8000-000000000000",
            "resourceVersion": "123456", "generation": 7, "creationTimestamp": "2026-11-21T00:00:00Z",
            "labels": {"app.kubernetes.io/part-of": "shop", "team": "web"},
            "finalizers": ["bemade.org/postgres-cleanup"],
            "managedFields": managed_fields(),
        },
        "spec": {
            "image": "registry.example.com/odoo/odoo:19.0-20261101",
            "adminPasswordSecretRef": {"name": "shop-admin-password", "key": "password"},
            "replicas": replicas, "environment": "Production", "deletionPolicy": "Retain",
            "cron": {"replicas": 1, "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
            "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
            "ingress": {
                "hosts": [format!("shop-{at}.example.com"), format!("www.shop-{at}.example.com")],
                "issuer": "letsencrypt-prod", "class": "nginx",
                "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "100m"},
            },
            "filestore": {"storageSize": "50Gi", "storageClass": "standard", "accessMode": "ReadWriteMany"},
            "configOptions": {"workers": "4", "limit_time_real": "600", "limit_memory_soft": "2147483648"},
            "database": {"cluster": "main", "name": format!("shop_{at}"), "missingPolicy": "Ignore"},
            "initialization": {"modules": ["base", "sale", "stock"], "languages": ["fr_BE"], "demo": false},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "webhook": {
                "url": "https://hooks.example.com/odoo", "tokenSecretRef": {"name": "hook", "key": "token"},
                "events": ["instance.phase"],
            },
            "tolerations": [{"key": "odoo", "operator": "Exists", "effect": "NoSchedule"}],
            "nodeSelector": {"kubernetes.io/arch": "amd64"},
            "extraEnv": [{"name": "A", "value": "b"}, {"name": "C", "value": "d"}],
        },
        "status": {
            "phase": "Running", "ready": true, "dbInitialized": true, "databaseName": format!("shop_{at}"),
            "activeCluster": "main", "readyReplicas": 2, "url": format!("https://shop-{at}.example.com"),
            "conditions": [
                {"type": "Ready", "status": "True", "reason": "Running", "message": "all pods are ready",
                 "lastTransitionTime": "2026-11-21T00:00:00Z", "observedGeneration": 7},
                {"type": "DatabaseReady", "status": "True", "reason": "Ready", "message": "",
                 "lastTransitionTime": "2026-11-21T00:00:00Z", "observedGeneration": 7},
            ],
        },
    })
}

/// An update of `replicas`.
pub fn review() -> Vec<u8> {
    update(&instance(1, 2), instance(1, 3))
}

/// An update of `filestore`, which rules compare with the old one.
pub fn compared() -> Vec<u8> {
    let mut new = instance(1, 2);
    new["spec"]["filestore"]["storageSize"] = json!("60Gi");
    update(&instance(1, 2), new)
}

/// As the API server sends it: it has counted the generation and noted who changed what.
fn update(old: &Value, mut new: Value) -> Vec<u8> {
    new["metadata"]["generation"] = json!(8);
    new["metadata"]["managedFields"][0]["time"] = json!("2026-11-21T09:00:00Z");
    let kind = json!({"group": "bemade.org", "version": "v1", "kind": "OdooInstance"});
    let resource = json!({"group": "bemade.org", "version": "v1", "resource": "odooinstances"});
    let review = json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
            "name": "shop-1", "namespace": "eu", "operation": "UPDATE",
            "userInfo": {"username": "kim", "uid": "1", "groups": ["system:authenticated"]},
            "object": new, "oldObject": old, "dryRun": false,
            "options": {"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl-client-side-apply"},
        },
    });
    serde_json::to_vec(&review).unwrap()
}

/// A list of objects of 10 KiB each.
pub fn conversion(objects: usize) -> Vec<u8> {
    let objects: Vec<Value> = (0..objects)
        .map(|at| {
            let mut object = instance(at, 2);
            let length = object.to_string().len();
            let padding = "x".repeat((10 << 10) - length.min(10 << 10));
            object["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": padding});
            object
        })
        .collect();
    let review = json!({
        "kind": "ConversionReview",
        "apiVersion": "apiextensions.k8s.io/v1",
        "request": {"uid": "1", "desiredAPIVersion": "bemade.org/v1alpha1", "objects": objects},
    });
    serde_json::to_vec(&review).unwrap()
}
