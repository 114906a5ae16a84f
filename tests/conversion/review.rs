//! The contract of the ConversionReview.

use odoo_operator::conversion::{self, review::NotAReview};
use serde_json::{Value, json};

use crate::{convert, review_of};

fn answer(body: &str) -> Value {
    serde_json::from_slice(&convert(body.as_bytes()).unwrap()).unwrap()
}

#[test]
fn metadata_is_copied_as_bytes() {
    let metadata =
        r#"{"name":"a", "weird\u0041" : 1.0e+2,"annotations":{"k":"\u00e9\/é"},  "n":12345678901234567890123}"#;
    let body = format!(
        r#"{{"kind":"ConversionReview","apiVersion":"apiextensions.k8s.io/v1","request":{{"uid":"1","desiredAPIVersion":"bemade.org/v1alpha1","objects":[{{"apiVersion":"bemade.org/v1","kind":"OdooInstance","metadata":{metadata},"spec":{{"configOptions":{{"x":1e400}}}}}}]}}}}"#
    );
    let answer = String::from_utf8(convert(body.as_bytes()).unwrap()).unwrap();
    assert!(answer.contains(metadata), "{answer}");
    assert!(answer.contains(r#"{"x":1e400}"#), "{answer}");
}

#[test]
fn uid_and_version_are_echoed_order_and_count_are_kept() {
    let objects: Vec<Value> = (0..50)
        .map(|at| {
            let version = if at % 3 == 0 { "v1" } else { "v1alpha1" };
            json!({
                "apiVersion": format!("bemade.org/{version}"), "kind": "OdooInitJob",
                "metadata": { "name": format!("job-{at}") }, "spec": {},
            })
        })
        .collect();
    let answer = answer(&review_of(&objects.iter().collect::<Vec<_>>(), "v1"));
    assert_eq!(answer["apiVersion"], "apiextensions.k8s.io/v1");
    assert_eq!(answer["kind"], "ConversionReview");
    assert_eq!(answer["response"]["uid"], "r-1");
    assert_eq!(answer["response"]["result"], json!({ "status": "Success" }));
    let converted = answer["response"]["convertedObjects"].as_array().unwrap();
    assert_eq!(converted.len(), 50);
    for (at, object) in converted.iter().enumerate() {
        assert_eq!(object["metadata"]["name"], format!("job-{at}"));
        assert_eq!(object["apiVersion"], "bemade.org/v1");
    }
}

#[test]
fn an_object_in_the_desired_version_passes_as_it_is() {
    let object = json!({
        "apiVersion": "bemade.org/v1", "kind": "OdooBackupSchedule", "metadata": {}, "spec": { "init": { "demo": 1 } },
    });
    let answer = answer(&review_of(&[&object], "v1"));
    assert_eq!(answer["response"]["convertedObjects"], json!([object]));
}

#[test]
fn a_failure_names_the_object_and_converts_none() {
    let good = json!({ "apiVersion": "bemade.org/v1", "kind": "OdooInstance", "metadata": { "name": "ok" } });
    let bad = |api_version: &str, kind: &str| json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": "n", "namespace": "ns" } });
    for (object, desired, expected) in [
        (bad("bemade.org/v1", "OdooBackupSchedule"), "v1alpha1", "OdooBackupSchedule ns/n: kind"),
        (bad("bemade.org/v2", "OdooInstance"), "v1alpha1", "OdooInstance ns/n: unknown apiVersion \"bemade.org/v2\""),
        (json!(5), "v1alpha1", "object 1: it is no JSON object"),
        (json!([[{}], -1, 0.5, "a", true, null]), "v1alpha1", "object 1: it is no JSON object"),
        (json!(null), "v1alpha1", "object 1: it is no JSON object"),
        (json!("text"), "v1alpha1", "object 1: it is no JSON object"),
        (bad("bemade.org/v1", "OdooInstance"), "v3", "cannot convert to \"bemade.org/v3\""),
    ] {
        let answer = answer(&review_of(&[&good, &object], desired));
        let result = &answer["response"]["result"];
        assert_eq!(result["status"], "Failure");
        assert!(result["message"].as_str().unwrap().starts_with(expected), "{result}");
        assert_eq!(answer["response"]["uid"], "r-1");
        assert_eq!(answer["response"]["convertedObjects"], json!([]));
    }
}

#[test]
fn the_order_of_the_request_does_not_matter() {
    let object = r#"{"apiVersion":"bemade.org/v1","kind":"OdooInitJob","metadata":{"name":"a"},"spec":{}}"#;
    let ask = |request: &str| {
        answer(&format!(
            r#"{{"request":{{{request}}},"kind":"ConversionReview","apiVersion":"apiextensions.k8s.io/v1"}}"#
        ))
    };
    let first = ask(&format!(r#""desiredAPIVersion":"bemade.org/v1alpha1","uid":"1","objects":[{object},{object}]"#));
    let last = ask(&format!(r#""objects":[{object},{object}],"uid":"1","desiredAPIVersion":"bemade.org/v1alpha1""#));
    assert_eq!(first["response"]["convertedObjects"][1]["apiVersion"], "bemade.org/v1alpha1");
    assert_eq!(first, last);
}

#[test]
fn a_body_that_breaks_off_after_its_objects_is_no_review() {
    let whole = review_of(&[&json!({ "apiVersion": "bemade.org/v1", "kind": "OdooInstance", "metadata": {} })], "v1");
    for body in [&whole[..whole.len() - 1], &format!("{whole}]"), &whole.replace("\"uid\"", "\"Uid\"")] {
        assert!(matches!(convert(body.as_bytes()), Err(NotAReview::Parse(_))), "{body}");
    }
    let twice = whole.replace("\"objects\"", "\"objects\":[],\"objects\"");
    assert!(matches!(convert(twice.as_bytes()), Err(NotAReview::Parse(_))), "{twice}");
}

#[test]
fn what_is_no_review_is_refused() {
    let null = review_of(&[], "v1").replace("[]", "null");
    assert_eq!(answer(&null)["response"]["convertedObjects"], json!([]));
    for body in ["", "{", "[]", "5", "{}", r#"{"kind":"ConversionReview","apiVersion":"a"}"#] {
        assert!(matches!(convert(body.as_bytes()), Err(NotAReview::Parse(_))), "{body}");
    }
    assert!(matches!(convert(b"\xff"), Err(NotAReview::Parse(_))));
    let other = review_of(&[], "v1").replace("\"ConversionReview\"", "\"AdmissionReview\"");
    assert!(matches!(convert(other.as_bytes()), Err(NotAReview::Kind(kind)) if kind == "AdmissionReview"));
}

#[test]
fn an_object_that_no_api_server_takes_is_refused_before_it_fills_the_memory() {
    let body = review_of(&[], "v1").replace("[]", &format!("[{{{}\"a\":1}}]", "\"a\":1,".repeat(1 << 20)));
    let refused = convert(body.as_bytes()).unwrap_err();
    assert!(refused.to_string().contains("more than 1048576 members"), "{refused}");
}

#[test]
fn a_long_answer_comes_in_pieces() {
    let object = json!({
        "apiVersion": "bemade.org/v1", "kind": "OdooInstance", "metadata": { "annotations": { "a": "x".repeat(5000) } },
        "spec": { "initialization": { "mode": "none" } }, "status": { "phase": "Deleting" },
    });
    let unheard = json!({ "apiVersion": "bemade.org/v1", "kind": "Unheard", "metadata": { "name": "late" } });
    let many = vec![&object; 500];
    for (objects, outcome) in [(many.clone(), "Success"), ([many, vec![&unheard, &object]].concat(), "Failure")] {
        let (mut answer, mut longest) = (Vec::new(), 0);
        let body = review_of(&objects, "v1alpha1");
        let end = conversion::review::convert(body.as_bytes(), &mut |piece| {
            longest = longest.max(piece.capacity());
            answer.extend(piece);
        });
        assert!((256 << 10..300 << 10).contains(&longest), "{longest}");
        answer.extend(end.unwrap());
        let response = &serde_json::from_slice::<Value>(&answer).unwrap()["response"];
        assert_eq!(response["result"]["status"], outcome);
        let converted = response["convertedObjects"].as_array().unwrap();
        assert!(outcome == "Failure" || converted.len() == 500, "{}", converted.len());
        assert!(converted.iter().all(|object| object["apiVersion"] == "bemade.org/v1alpha1"));
    }
}
