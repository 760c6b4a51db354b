//! The CEL rules of the CRD, each with a spec that keeps it and one that breaks it.
//!
//! The same table is run against a real API server by the cluster tests, so that both give the same verdict.

use chat_operator::crd::ChatCluster;
use chat_operator::validate::check_rules;

fn named(name: &str, spec: &str) -> ChatCluster {
    ChatCluster::new(name, serde_yaml_ng::from_str(spec).expect("a spec"))
}

/// What is tested, a spec that keeps the rule, a spec that breaks it, and what the message must name.
const CREATION: &[(&str, &str, &str, &str)] = &[
    (
        "processors fit the partitions",
        "{processors: {replicas: 8}}",
        "{processors: {replicas: 9}}",
        "spec.processors.replicas: must not exceed spec.rabbitmq.partitions",
    ),
    (
        "autoscaled processors fit the partitions",
        "{processors: {autoscaling: {maxReplicas: 16}}, rabbitmq: {partitions: 16}}",
        "{processors: {autoscaling: {maxReplicas: 16}}}",
        "spec.processors.autoscaling.maxReplicas: must not exceed spec.rabbitmq.partitions",
    ),
    (
        "processors are fixed or autoscaled",
        "{processors: {autoscaling: {}}}",
        "{processors: {replicas: 2, autoscaling: {}}}",
        "spec.processors.replicas: set either replicas",
    ),
    (
        "gateways are fixed or autoscaled",
        "{gateway: {replicas: 2}}",
        "{gateway: {replicas: 2, autoscaling: {}}}",
        "spec.gateway.replicas: set either replicas",
    ),
    (
        "bounds of processors are in order",
        "{processors: {autoscaling: {minReplicas: 2, maxReplicas: 2}}}",
        "{processors: {autoscaling: {minReplicas: 3, maxReplicas: 2}}}",
        "spec.processors.autoscaling.minReplicas: must not exceed maxReplicas",
    ),
    (
        "bounds of gateways are in order",
        "{gateway: {autoscaling: {minReplicas: 2, maxReplicas: 3}}}",
        "{gateway: {autoscaling: {minReplicas: 4, maxReplicas: 3}}}",
        "spec.gateway.autoscaling.minReplicas: must not exceed maxReplicas",
    ),
    (
        "the fallback lies within the bounds",
        "{processors: {autoscaling: {minReplicas: 1, maxReplicas: 4, fallback: {replicas: 4}}}}",
        "{processors: {autoscaling: {minReplicas: 1, maxReplicas: 4, fallback: {replicas: 5}}}}",
        "spec.processors.autoscaling.fallback.replicas: must lie between",
    ),
    (
        "shedding has a gap",
        "{gateway: {shedding: {highWatermark: 11, lowWatermark: 10}}}",
        "{gateway: {shedding: {highWatermark: 10, lowWatermark: 10}}}",
        "spec.gateway.shedding.lowWatermark: must be below highWatermark",
    ),
    (
        "a node port needs its type",
        "{gateway: {service: {type: NodePort, nodePort: 30080}}}",
        "{gateway: {service: {nodePort: 30080}}}",
        "spec.gateway.service.nodePort: needs type NodePort",
    ),
    (
        "rendered variables can't be set",
        "{gateway: {env: [{name: TURN_URLS, value: x}]}}",
        "{gateway: {env: [{name: DATABASE_URL, value: x}]}}",
        "env.name: the operator sets this variable",
    ),
    (
        "a variable has one source",
        "{processors: {env: [{name: A, secretRef: {name: s, key: k}}]}}",
        "{processors: {env: [{name: A}]}}",
        "env: set either value or secretRef",
    ),
    (
        "the broker is managed or external",
        "{rabbitmq: {external: {secretRef: {name: s}}}}",
        "{rabbitmq: {managed: {}, external: {secretRef: {name: s}}}}",
        "spec.rabbitmq: set either managed or external",
    ),
    (
        "broker nodes are odd",
        "{rabbitmq: {managed: {replicas: 3}}}",
        "{rabbitmq: {managed: {replicas: 2}}}",
        "spec.rabbitmq.managed.replicas: must be odd",
    ),
    (
        "the database has one source",
        "{postgres: {cloudNativePG: {clusterName: db}}}",
        "{postgres: {managed: {}, cloudNativePG: {clusterName: db}}}",
        "spec.postgres: set only one of managed, external and cloudNativePG",
    ),
    (
        "Redis is managed or external",
        "{redis: {managed: {}}}",
        "{redis: {managed: {}, external: {secretRef: {name: s}}}}",
        "spec.redis: set either managed or external",
    ),
    (
        "the memory request fits the limit",
        "{gateway: {resources: {requests: {memory: 1Gi}, limits: {memory: 1024Mi}}}}",
        "{gateway: {resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}}}",
        "resources.requests.memory: must not exceed resources.limits.memory",
    ),
    (
        "the CPU request fits the limit",
        "{processors: {resources: {requests: {cpu: 500m}, limits: {cpu: '1'}}}}",
        "{processors: {resources: {requests: {cpu: '2'}, limits: {cpu: 1500m}}}}",
        "resources.requests.cpu: must not exceed resources.limits.cpu",
    ),
    (
        "labels of the operator can't be set",
        "{gateway: {pod: {labels: {team: a}}}}",
        "{gateway: {pod: {labels: {app.kubernetes.io/name: a}}}}",
        "pod.labels: app.kubernetes.io/ and chatcluster.dev/ belong to the operator",
    ),
    (
        "annotations of the operator can't be set",
        "{gateway: {pod: {annotations: {note: a}}}}",
        "{gateway: {pod: {annotations: {chatcluster.dev/config-hash: a}}}}",
        "pod.annotations: chatcluster.dev/ belongs to the operator",
    ),
];

/// The same for rules that compare with the stored object: before, allowed after, refused after, message.
const UPDATE: &[(&str, &str, &str, &str, &str)] = &[
    (
        "a database volume never shrinks",
        "{postgres: {managed: {storage: {size: 10Gi}}}}",
        "{postgres: {managed: {storage: {size: 10240Mi}}}}",
        "{postgres: {managed: {storage: {size: 9Gi}}}}",
        "spec.postgres.managed.storage.size: a volume can't shrink",
    ),
    (
        "a database volume does not shrink to the default by being left out",
        "{postgres: {managed: {storage: {size: 10Gi}}}}",
        "{postgres: {external: {secretRef: {name: s}}}}",
        "{}",
        "spec.postgres.managed.storage.size: a volume can't shrink",
    ),
    (
        "a database's storage class stays",
        "{postgres: {managed: {storage: {storageClassName: a}}}}",
        "{postgres: {managed: {storage: {storageClassName: a, size: 3Gi}}}}",
        "{postgres: {managed: {storage: {storageClassName: b}}}}",
        "spec.postgres.managed.storage.storageClassName: can't be changed",
    ),
    (
        "a broker's volume never shrinks",
        "{}",
        "{rabbitmq: {managed: {storage: {size: 3Gi}}}}",
        "{rabbitmq: {managed: {storage: {size: 1Gi}}}}",
        "spec.rabbitmq.managed.storage.size: a volume can't shrink",
    ),
    (
        "a broker's storage class stays",
        "{}",
        "{rabbitmq: {managed: {}}}",
        "{rabbitmq: {managed: {storage: {storageClassName: b}}}}",
        "spec.rabbitmq.managed.storage.storageClassName: can't be changed",
    ),
    (
        "broker nodes are never taken away",
        "{rabbitmq: {managed: {replicas: 3}}}",
        "{rabbitmq: {managed: {replicas: 5}}}",
        "{rabbitmq: {managed: {replicas: 1}}}",
        "spec.rabbitmq.managed.replicas: can't be lowered",
    ),
];

#[test]
fn every_creation_rule_passes_and_fails_where_it_should() {
    for (what, good, bad, message) in CREATION {
        named("demo", good)
            .validate_cel()
            .unwrap_or_else(|errors| panic!("{what}: {good} was refused: {errors:?}"));
        let refused = check_rules(&named("demo", bad))
            .expect_err(what)
            .to_string();
        assert!(refused.contains(message), "{what}: {refused}");
    }
}

#[test]
fn every_update_rule_passes_and_fails_where_it_should() {
    for (what, before, good, bad, message) in UPDATE {
        let before = named("demo", before);
        named("demo", good)
            .validate_cel_update(&before)
            .unwrap_or_else(|errors| panic!("{what}: {good} was refused: {errors:?}"));
        let refused = named("demo", bad)
            .validate_cel_update(&before)
            .expect_err(what);
        assert!(
            refused
                .as_slice()
                .iter()
                .any(|error| error.message.contains(message)),
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
            || CREATION
                .iter()
                .any(|(_, _, _, expected)| message.contains(expected))
            || UPDATE
                .iter()
                .any(|(_, _, _, _, expected)| message.contains(expected));
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
