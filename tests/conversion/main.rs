//! Conversion between v1 and v1alpha1: golden pairs, the laws as properties, and the review around them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../support/schema.rs"]
mod schema;

mod any_json;
mod golden;
mod laws;
mod review;

use odoo_operator::conversion::{self, review::NotAReview};
use serde_json::Value;

/// The answer to a review, put together.
fn convert(body: &[u8]) -> Result<Vec<u8>, NotAReview> {
    let mut answer = Vec::new();
    let end = conversion::review::convert(body, &mut |piece| answer.extend(piece))?;
    answer.extend(end);
    Ok(answer)
}

/// `object` in the other version, through the same bytes that the API server would send.
fn converted(object: &Value, desired: &str) -> Value {
    let body = review_of(&[object], desired);
    let answer: Value = serde_json::from_slice(&convert(body.as_bytes()).unwrap()).unwrap();
    assert_eq!(answer["response"]["result"]["status"], "Success", "{}", answer["response"]["result"]);
    answer["response"]["convertedObjects"][0].clone()
}

fn review_of(objects: &[&Value], desired: &str) -> String {
    serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "request": { "uid": "r-1", "desiredAPIVersion": format!("bemade.org/{desired}"), "objects": objects },
    })
    .to_string()
}
