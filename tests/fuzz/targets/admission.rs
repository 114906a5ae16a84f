//! Whatever arrives at the webhooks is answered: with a review, or with the reason why it is none.
#![no_main]

use odoo_operator_fuzz::{bounded, judge};
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    for answer in bounded(body, || judge(body)).into_iter().flatten() {
        let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
        let response = &answer["response"];
        let allowed = response["allowed"].as_bool().expect("an answer says whether");
        assert!(allowed || response["status"]["message"].as_str().is_some_and(|why| !why.is_empty()), "{answer}");
    }
});
