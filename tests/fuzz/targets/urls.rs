//! A URL that may be called has no user info and names no address of the operator's own surroundings.
#![no_main]

use odoo_operator::api::settings::WebhookPolicy;
use odoo_operator::notify::policy::check_url;
use odoo_operator_fuzz::{allowed, backup, bounded};
use serde_json::json;
use url::Host;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let accepted = bounded(text.as_bytes(), || check_url(text, &WebhookPolicy::default()));
    if let Ok(url) = &accepted {
        assert!(matches!(url.scheme(), "http" | "https"), "{text:?}");
        assert!(url.username().is_empty() && url.password().is_none(), "{text:?}");
        match url.host() {
            Some(Host::Ipv4(address)) => {
                let own = address.is_loopback() || address.is_link_local() || address.is_unspecified();
                assert!(!own && !address.is_multicast() && address.octets()[0] != 0, "{text:?}");
            }
            Some(Host::Ipv6(address)) => assert!(!address.is_loopback() && !address.is_unspecified(), "{text:?}"),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                assert!(name != "localhost" && !name.ends_with(".localhost"), "{text:?}");
            }
            None => panic!("{text:?} has no host"),
        }
    }
    let spec = json!({"ingress": {"hosts": ["a.example.com"]}, "webhook": {"url": text}});
    assert_eq!(allowed("OdooInstance", "odooinstances", &spec), accepted.is_ok(), "{text:?}");
    allowed("OdooBackupJob", "odoobackupjobs", &backup("key.zip", text));
});
