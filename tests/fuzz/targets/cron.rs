//! Schedules and time zones are let in or refused.
#![no_main]

use odoo_operator_fuzz::{allowed, backup};
use serde_json::json;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (schedule, zone) = text.split_once('\n').unwrap_or((text, "UTC"));
    let mut template = backup("{name}/{timestamp}.zip", "https://s3.example.com");
    template.as_object_mut().expect("a backup is an object").remove("odooInstanceRef");
    let spec = json!({
        "odooInstanceRef": {"name": "live"}, "schedule": schedule, "timeZone": zone, "template": template,
        "retention": {"keepLast": 1},
    });
    if allowed("OdooBackupSchedule", "odoobackupschedules", &spec) {
        assert!(schedule.len() <= 256 && zone.len() <= 64, "{text:?}");
    }
});
