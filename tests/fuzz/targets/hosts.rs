//! A host that is let in is a DNS name.
#![no_main]

use odoo_operator_fuzz::allowed;
use serde_json::json;

libfuzzer_sys::fuzz_target!(|host: &str| {
    if allowed("OdooInstance", "odooinstances", &json!({"ingress": {"hosts": [host]}})) {
        assert!((1..=253).contains(&host.len()), "{host:?}");
        for label in host.strip_prefix("*.").unwrap_or(host).split('.') {
            assert!((1..=63).contains(&label.len()), "{host:?}");
            assert!(label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{host:?}");
            assert!(!label.starts_with('-') && !label.ends_with('-'), "{host:?}");
        }
    }
});
