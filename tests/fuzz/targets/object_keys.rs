//! An object key that is let in cannot leave its folder.
#![no_main]

use odoo_operator_fuzz::{allowed, backup};

libfuzzer_sys::fuzz_target!(|key: &str| {
    if allowed("OdooBackupJob", "odoobackupjobs", &backup(key, "https://s3.example.com")) {
        assert!(!key.is_empty() && key.len() <= 1024, "{key:?}");
        assert!(!key.starts_with('/') && !key.split('/').any(|segment| segment == ".."), "{key:?}");
        assert!(!key.contains(['\0', '\n', '\r']), "{key:?}");
    }
});
