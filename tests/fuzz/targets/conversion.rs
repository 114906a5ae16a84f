//! Whatever is to be converted is answered; what comes out is JSON with the metadata that went in.
#![no_main]

use odoo_operator::conversion::review::{NotAReview, convert};
use odoo_operator_fuzz::bounded;
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let answer = bounded(body, || {
        let mut answer = Vec::new();
        let end = convert(body, &mut |piece| answer.extend(piece))?;
        answer.extend(end);
        Ok::<_, NotAReview>(answer)
    });
    // What is stepped over is not checked: of no JSON, no JSON may come.
    let Ok(asked) = serde_json::from_slice::<Value>(body) else { return };
    let Ok(answer) = answer else { return };
    let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
    if answer["response"]["result"]["status"] != "Success" {
        assert!(answer["response"]["result"]["message"].as_str().is_some_and(|why| !why.is_empty()), "{answer}");
        return;
    }
    let asked = asked["request"]["objects"].as_array().map_or(&[][..], Vec::as_slice);
    let converted = answer["response"]["convertedObjects"].as_array().expect("a success has objects");
    assert_eq!(asked.len(), converted.len());
    for (before, after) in asked.iter().zip(converted) {
        assert_eq!(before["metadata"], after["metadata"]);
        assert_eq!(before["kind"], after["kind"]);
    }
});
