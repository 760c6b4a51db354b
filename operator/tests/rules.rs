//! The CEL rules of the CRD, each with a spec that keeps it and one that breaks it.
//!
//! The table is `rules.json`; `tests/cluster/1_admission.test.mjs` runs the same one against a real API server, so that both
//! give the same verdict.

use chat_operator::crd::ChatCluster;
use chat_operator::validate::check_rules;
use serde::Deserialize;
use serde_json::Value;

/// The table.
#[derive(Deserialize)]
struct Table {
    creation: Vec<Creation>,
    update: Vec<Update>,
}

/// What is tested, a spec that keeps the rule, a spec that breaks it, and what the message must name.
#[derive(Deserialize)]
struct Creation {
    what: String,
    good: Value,
    bad: Value,
    message: String,
}

/// The same for a rule that compares with the stored object.
#[derive(Deserialize)]
struct Update {
    what: String,
    before: Value,
    good: Value,
    bad: Value,
    message: String,
}

fn table() -> Table {
    serde_json::from_str(include_str!("rules.json")).expect("the table")
}

fn named(name: &str, spec: &str) -> ChatCluster {
    ChatCluster::new(name, serde_yaml_ng::from_str(spec).expect("a spec"))
}

fn demo(spec: &Value) -> ChatCluster {
    named("demo", &spec.to_string())
}

#[test]
fn every_creation_rule_passes_and_fails_where_it_should() {
    for Creation {
        what,
        good,
        bad,
        message,
    } in table().creation
    {
        demo(&good)
            .validate_cel()
            .unwrap_or_else(|errors| panic!("{what}: {good} was refused: {errors:?}"));
        let refused = check_rules(&demo(&bad)).expect_err(&what).to_string();
        assert!(refused.contains(&message), "{what}: {refused}");
    }
}

#[test]
fn every_update_rule_passes_and_fails_where_it_should() {
    for Update {
        what,
        before,
        good,
        bad,
        message,
    } in table().update
    {
        let before = demo(&before);
        demo(&good)
            .validate_cel_update(&before)
            .unwrap_or_else(|errors| panic!("{what}: {good} was refused: {errors:?}"));
        let refused = demo(&bad).validate_cel_update(&before).expect_err(&what);
        assert!(
            refused
                .as_slice()
                .iter()
                .any(|error| error.message.contains(&message)),
            "{what}: {refused:?}"
        );
    }
}

#[test]
fn names_that_services_could_not_have_are_refused() {
    for (name, valid) in [
        ("demo", true),
        ("a-1", true),
        ("1-demo", false),
        ("demo.chat", false),
        ("a23456789-a23456789-a23456789-a23456789a", true),
        ("a23456789-a23456789-a23456789-a23456789ab", false),
    ] {
        assert_eq!(check_rules(&named(name, "{}")).is_ok(), valid, "{name}");
    }
}

#[test]
fn every_rule_has_a_message_that_names_its_field_and_a_row_in_these_tables() {
    let crd = serde_json::to_value(chat_operator::crd::definition()).expect("JSON");
    let table = table();
    let mut rules = Vec::new();
    collect_rules(&crd, &mut rules);
    assert!(rules.len() > 20, "{}", rules.len());
    for rule in rules {
        let message = rule["message"].as_str().expect("every rule has a message");
        assert!(
            message.contains(": ") && message.contains("; ") || message.contains(", "),
            "{message}"
        );
        let tested = message.starts_with("metadata.name")
            || table
                .creation
                .iter()
                .any(|row| message.contains(&row.message))
            || table
                .update
                .iter()
                .any(|row| message.contains(&row.message));
        assert!(tested, "no test breaks the rule {message:?}");
    }
}

fn collect_rules<'a>(value: &'a serde_json::Value, rules: &mut Vec<&'a serde_json::Value>) {
    match value {
        serde_json::Value::Object(fields) => {
            if let Some(found) = fields
                .get("x-kubernetes-validations")
                .and_then(|found| found.as_array())
            {
                rules.extend(found);
            }
            fields
                .values()
                .for_each(|inner| collect_rules(inner, rules));
        }
        serde_json::Value::Array(items) => {
            items.iter().for_each(|inner| collect_rules(inner, rules))
        }
        _ => {}
    }
}

#[test]
fn an_empty_spec_is_filled_with_defaults_by_the_schema_itself() {
    let crd = serde_json::to_value(chat_operator::crd::definition()).expect("JSON");
    let spec = crd
        .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties")
        .expect("a schema");
    for (name, property) in spec.as_object().expect("properties") {
        assert!(!property["default"].is_null(), "spec.{name} has no default");
    }
    assert_eq!(spec["rabbitmq"]["default"]["partitions"], 8);
    assert_eq!(
        spec["gateway"]["default"]["shedding"]["highWatermark"],
        10_000
    );
}
