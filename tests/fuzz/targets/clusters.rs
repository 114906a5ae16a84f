//! Whatever is in the clusters Secret is a configuration or an error that can be shown.
#![no_main]

use odoo_operator::postgres::config::ClustersConfig;
use odoo_operator_fuzz::bounded_above;

/// What anchors and aliases may take at most, whatever the length of the text.
const ANCHORS: usize = 8 << 20;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match bounded_above(ANCHORS, text.as_bytes(), || ClustersConfig::from_yaml(text)) {
        Ok(config) => assert!(config.names().next().is_some(), "a configuration without a cluster"),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
});
