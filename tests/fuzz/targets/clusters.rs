//! Whatever is in the clusters Secret is a configuration or an error that can be shown.
#![no_main]

use odoo_operator::postgres::config::ClustersConfig;
use odoo_operator_fuzz::bounded_above;

/// The scanner looks for the colon of a key up to 1,024 characters ahead, which was seen to take it 3.4 MiB, however often
/// the same text was repeated.
const SCANNER: usize = 8 << 20;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match bounded_above(SCANNER, text.as_bytes(), || ClustersConfig::from_yaml(text)) {
        Ok(config) => assert!(config.names().next().is_some(), "a configuration without a cluster"),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
});
