//! Quantities are read or not, and what is read is in order with itself.
#![no_main]

use odoo_operator::api::quantity::{is_less, nanos, same};
use odoo_operator_fuzz::bounded;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (one, other) = text.split_once(' ').unwrap_or((text, "1Gi"));
    bounded(text.as_bytes(), || {
        if let (Some(first), Some(second)) = (nanos(one), nanos(other)) {
            assert_eq!(is_less(one, other), first < second, "{text:?}");
            assert_eq!(same(one, other), first == second, "{text:?}");
        }
    });
});
