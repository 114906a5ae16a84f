//! Bodies that nobody writes by accident.

use serde_json::{Value, json};

use super::{Hook, call, causes, create, fields, mutate, object, request, smallest, update, validate, with};
use crate::admission::tests::World;

#[test]
fn many_mistakes_are_told_as_many_as_anybody_reads() {
    let hosts = vec![""; 40_000];
    let spread = vec![json!({}); 20_000];
    let unknown: Value = (0..20_000).map(|at| (format!("x{at}"), json!(1))).collect::<serde_json::Map<_, _>>().into();
    for request in [
        create(json!({"ingress": {"hosts": hosts}})),
        create(json!({"ingress": {"hosts": [""]}, "topologySpreadConstraints": spread})),
        create(json!({"ingress": {"hosts": vec![1; 40_000]}})),
        request("CREATE", "v1alpha1", object(with(smallest(), unknown)), Value::Null),
    ] {
        for hook in [mutate, validate] {
            let answer = hook(request.to_string().as_bytes(), &World::new().ctx()).unwrap();
            assert!(answer.len() < 100_000, "{}", answer.len());
        }
        let causes = causes(&call(mutate, &request));
        assert!((100..=202).contains(&causes.len()), "{}", causes.len());
        let more =
            |(field, message): &(String, String)| field == "spec" && message.contains("more is wrong than these");
        assert!(causes.iter().any(more), "{:?}", causes.last());
    }
}

#[test]
fn what_would_take_too_much_memory_is_not_read() {
    let spec = |count: usize| json!({"image": "odoo:19.0", "ingress": {"hosts": ["a.example.com"]}, "tolerations": vec![json!({"key": "a"}); count]});
    let mut reviews = vec![create(spec(30_000)), update(spec(1), spec(30_000)), update(spec(30_000), spec(1))];
    reviews.extend(reviews.clone().into_iter().map(|mut review| {
        review["request"]["requestKind"]["version"] = json!("v1alpha1");
        review
    }));
    for hook in [mutate as Hook, validate] {
        for review in &reviews {
            let causes = causes(&call(hook, review));
            let [(field, message)] = &causes[..] else { panic!("{causes:?}") };
            assert!(field == "spec" && message.contains("at most 50000 are read; write fewer"), "{causes:?}");
        }
        // Finalizers and labels are changed whatever there is.
        assert_eq!(call(hook, &update(spec(30_000), spec(30_000)))["allowed"], true);
        // What is in a text is no value.
        let mut commented = create(json!({"image": "odoo:19.0", "ingress": {"hosts": ["a.example.com"]}}));
        commented["request"]["object"]["metadata"]["annotations"] = json!({"a": r#"\",{"#.repeat(60_000)});
        assert_eq!(call(hook, &commented)["allowed"], true);
    }
}

#[test]
fn many_mistakes_that_were_there_before_stop_only_who_changes_something() {
    let spec = json!({"ingress": {"hosts": vec![""; 1000]}});
    let response = call(validate, &update(spec.clone(), with(spec.clone(), json!({"replicas": 2}))));
    assert_eq!(fields(&response), ["spec"]);
    let response = call(validate, &update(spec.clone(), spec));
    assert_eq!(response["allowed"], true, "{response}");
}

#[test]
fn what_the_types_step_over_and_no_tree_takes_is_refused_rather_than_replaced() {
    let mut spec = smallest().to_string();
    spec.insert_str(spec.len() - 1, &format!(r#","x":{}1{}"#, "[".repeat(200), "]".repeat(200)));
    let body = create(json!("SPEC")).to_string().replace(r#""SPEC""#, &spec);
    let answer: Value = serde_json::from_slice(&mutate(body.as_bytes(), &World::new().ctx()).unwrap()).unwrap();
    let causes = causes(&answer["response"]);
    assert_eq!(causes[0].0, "spec");
    assert!(causes[0].1.starts_with("Invalid value: cannot be read: recursion limit exceeded"), "{causes:?}");
}

#[test]
fn a_number_beyond_its_field_is_told_at_the_field_and_hides_nothing() {
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 99_999_999_999_i64}});
    let spec = json!({"ingress": {"hosts": ["No"]}, "strategy": strategy});
    let path = "spec.strategy.rollingUpdate.maxSurge";
    assert_eq!(fields(&call(mutate, &create(spec))), [path, "spec.ingress.hosts[0]"]);
}

#[test]
fn passwords_in_the_wrong_place_are_not_repeated() {
    let variable = json!({"name": "PASSWORD=hunter2"});
    let spec = json!({
        "ingress": {"hosts": ["https://joe:hunter2@a.b/"]},
        "image": "joe:hunter2@reg.example.com/odoo:18",
        "extraEnv": [variable, variable],
    });
    for request in [create(spec.clone()), request("CREATE", "v1alpha1", object(spec), Value::Null)] {
        let response = call(mutate, &request);
        assert!(!response.to_string().contains("hunter2"), "{response}");
        assert!(response.to_string().contains("put user and password into imagePullSecret"), "{response}");
    }
}

#[test]
fn data_can_be_kept_while_an_object_goes_that_no_longer_decodes() {
    let going = |policy: Option<&str>| {
        let mut object = object(json!({"replicas": "2", "deletionPolicy": policy, "ingress": {"hosts": ["a.b"]}}));
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        object
    };
    for (old, new, kept) in [
        (Some("Delete"), Some("Retain"), true),
        (Some("Delete"), None, true),
        (Some("Retain"), Some("Delete"), false),
        (None, Some("Delete"), false),
    ] {
        let response = call(validate, &request("UPDATE", "v1", going(new), going(old)));
        assert_eq!(response["allowed"], kept, "{old:?} {new:?}: {response}");
    }
}

#[test]
fn a_password_that_a_v1alpha1_client_writes_takes_the_place_of_a_reference() {
    let reference = json!({"adminPasswordSecretRef": {"name": "admin", "key": "password"}});
    let plain = json!({"adminPassword": "new"});
    let request = request("UPDATE", "v1alpha1", object(with(smallest(), plain)), object(with(smallest(), reference)));
    let response = call(mutate, &request);
    assert_eq!(response["allowed"], true, "{response}");
}
