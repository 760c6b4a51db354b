//! Every object that a spec leads to, as a whole; and what must hold for the objects of any valid spec.

use std::collections::{BTreeMap, BTreeSet};

use chat_operator::apply::Objects;
use chat_operator::crd::ChatCluster;
use chat_operator::credentials::{BackendHosts, Credentials};
use chat_operator::resolve::{Capabilities, DefaultImages, Resolved};
use chat_operator::{build, validate};
use proptest::prelude::*;
use serde_json::Value;

/// What every generated secret of these tests consists of, so that it can be looked for.
const SECRET: &str = "s3cret";

fn resolved(capabilities: Capabilities) -> Resolved {
    let hosts = BackendHosts {
        postgres: "demo-postgres",
        rabbitmq: "demo-rabbitmq",
        redis: "demo-redis",
    };
    Resolved {
        credentials: Credentials::complete(&BTreeMap::new(), hosts, |_| SECRET.to_owned()),
        referenced: BTreeMap::new(),
        addressed_services: BTreeSet::new(),
        capabilities,
        images: DefaultImages {
            gateway: "gateway:test".to_owned(),
            processor: "processor:test".to_owned(),
            postgres: "postgres:test".to_owned(),
            rabbitmq: "rabbitmq:test".to_owned(),
            redis: "redis:test".to_owned(),
        },
        operator_url: "http://operator.system.svc:8081".to_owned(),
    }
}

fn cluster(spec: &str) -> ChatCluster {
    let mut cluster = ChatCluster::new("demo", serde_yaml_ng::from_str(spec).expect("a spec"));
    cluster.metadata.namespace = Some("chat".to_owned());
    cluster.metadata.uid = Some("11111111-1111-1111-1111-111111111111".to_owned());
    cluster
}

fn objects_of(cluster: &ChatCluster) -> Vec<Value> {
    let plan = validate::plan(cluster, resolved(Capabilities::default()));
    let objects = Objects::of(build::desired(&plan)).expect("objects");
    objects
        .iter()
        .map(|object| serde_json::from_str(&object.body).expect("JSON"))
        .collect()
}

fn snapshot(name: &str, spec: &str) {
    let cluster = cluster(spec);
    validate::check_rules(&cluster).expect("a valid spec");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, sort_maps => true }, {
        insta::assert_yaml_snapshot!(name, objects_of(&cluster));
    });
}

#[test]
fn minimal() {
    snapshot("minimal", "{}");
}

#[test]
fn external_backends() {
    snapshot(
        "external-backends",
        "
        postgres: {external: {secretRef: {name: db, key: uri}}}
        rabbitmq: {external: {secretRef: {name: mq}}}
        redis: {external: {secretRef: {name: kv}}}
        auth: {jwtSecretRef: {name: jwt, key: key}, accessTtl: 15m}
        networkPolicy: {enabled: false}
        gateway: {replicas: 1, environment: Development, env: [{name: TURN_URLS, value: 'turn:x'}, {name: TURN_SECRET, secretRef: {name: turn, key: s}}]}
        processors: {replicas: 1}
        ",
    );
}

#[test]
fn everything_set() {
    snapshot(
        "everything-set",
        "
        deletionPolicy: Delete
        gateway:
          replicas: 3
          ingress: {host: chat.example.com, className: nginx, tlsSecretName: tls, annotations: {a: b}}
          service: {type: NodePort, port: 8080, nodePort: 30080, annotations: {c: d}}
          shedding: {highWatermark: 2000, lowWatermark: 1000}
          onBrokerOutage: Reject
          drainTimeoutSeconds: 45
          corsOrigin: https://chat.example.com
          resources: {requests: {cpu: 500m, memory: 256Mi}, limits: {cpu: '2', memory: 1Gi}}
          pod:
            nodeSelector: {disk: ssd}
            tolerations: [{key: chat, operator: Exists, effect: NoSchedule}]
            priorityClassName: high
            labels: {team: chat}
            annotations: {note: x}
            affinity: {nodeAffinity: {}}
        processors: {replicas: 4, maxRetries: 5}
        monitoring: {intervalSeconds: 30, tracing: {endpoint: 'http://collector.monitoring:4318', samplePercent: 25}}
        rabbitmq: {partitions: 16, managed: {replicas: 3, storage: {size: 20Gi, storageClassName: fast}}}
        postgres: {managed: {storage: {size: 100Gi}, resources: {limits: {memory: 4Gi}}}}
        redis: {managed: {resources: {limits: {memory: 1Gi}}}}
        images: {gateway: 'own:1', pullPolicy: Always, pullSecrets: [{name: registry}]}
        ",
    );
}

/// A valid spec with any combination of what changes which objects there are and how they are made.
fn any_spec() -> impl Strategy<Value = Value> {
    let amount = prop::sample::select(vec!["100m", "1", "1500m"]);
    let memory = prop::sample::select(vec!["128Mi", "1Gi", "3Gi", "2000M"]);
    let backend = |managed: Value| {
        prop_oneof![
            Just(Value::Null),
            Just(serde_json::json!({"managed": managed})),
            Just(serde_json::json!({"external": {"secretRef": {"name": "given"}}})),
        ]
    };
    (
        (
            amount,
            memory,
            1..=100_i32,
            1..=8_i32,
            any::<bool>(),
            any::<bool>(),
        ),
        backend(serde_json::json!({"replicas": 3})),
        backend(serde_json::json!({"storage": {"size": "7Gi"}})),
        backend(serde_json::json!({})),
        prop::sample::select(vec!["Retain", "Delete"]),
        "[a-z]{1,8}",
    )
        .prop_map(
            |(
                (cpu, memory, gateways, processors, ingress, policies),
                rabbitmq,
                postgres,
                redis,
                deletion,
                label,
            )| {
                let mut spec = serde_json::json!({
                    "deletionPolicy": deletion,
                    "networkPolicy": {"enabled": policies},
                    "gateway": {
                        "replicas": gateways,
                        "resources": {"requests": {"cpu": cpu}, "limits": {"memory": memory}},
                        "pod": {"labels": {label.clone(): "x"}, "annotations": {label: "y"}},
                    },
                    "processors": {"replicas": processors, "resources": {"limits": {"cpu": cpu}}},
                });
                if ingress {
                    spec["gateway"]["ingress"] = serde_json::json!({"host": "chat.example.com"});
                }
                for (name, backend) in [
                    ("rabbitmq", rabbitmq),
                    ("postgres", postgres),
                    ("redis", redis),
                ] {
                    if !backend.is_null() {
                        spec[name] = backend;
                    }
                }
                spec
            },
        )
}

/// The pod templates among the objects.
fn templates(objects: &[Value]) -> Vec<&Value> {
    objects
        .iter()
        .filter_map(|object| object.pointer("/spec/template"))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn objects_of_any_valid_spec_keep_the_rules_of_the_house(spec in any_spec()) {
        let cluster = cluster(&spec.to_string());
        prop_assert!(validate::check_rules(&cluster).is_ok(), "{:?}", validate::check_rules(&cluster));
        let objects = objects_of(&cluster);

        for object in &objects {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            prop_assert!((1..=63).contains(&name.len()), "{name}");
            prop_assert_eq!(&object["metadata"]["namespace"], "chat");
            prop_assert_eq!(&object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "chatcluster-operator");
            prop_assert_eq!(&object["metadata"]["labels"]["app.kubernetes.io/instance"], "demo");
            if object["kind"] != "Secret" {
                prop_assert!(!object.to_string().contains(SECRET), "a secret shows in {}", object["kind"]);
            }
            if object["kind"] != "Secret" && object["kind"] != "PersistentVolumeClaim" {
                prop_assert_eq!(&object["metadata"]["ownerReferences"][0]["uid"], "11111111-1111-1111-1111-111111111111");
            }
        }

        prop_assert!(!templates(&objects).is_empty());
        for template in templates(&objects) {
            let pod = &template["spec"];
            prop_assert_eq!(&pod["securityContext"]["runAsNonRoot"], true);
            prop_assert_eq!(&pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
            prop_assert_eq!(&pod["automountServiceAccountToken"], false);
            for host in ["hostNetwork", "hostPID", "hostIPC"] {
                prop_assert!(pod[host].is_null());
            }
            for volume in pod["volumes"].as_array().into_iter().flatten() {
                prop_assert!(volume["hostPath"].is_null());
            }
            for container in pod["containers"].as_array().into_iter().flatten() {
                let security = &container["securityContext"];
                prop_assert_eq!(&security["allowPrivilegeEscalation"], false);
                prop_assert_eq!(&security["readOnlyRootFilesystem"], true);
                prop_assert_eq!(&security["capabilities"]["drop"], &serde_json::json!(["ALL"]));
                prop_assert!(container["resources"]["limits"]["memory"].is_string());
                prop_assert!(container["resources"]["requests"]["cpu"].is_string());
                prop_assert!(container["image"].is_string());
            }
        }
    }
}

#[test]
fn a_kept_secret_and_kept_volumes_have_no_owner_and_others_go_with_the_cluster() {
    for (policy, owned, volumes) in [("Retain", false, "Retain"), ("Delete", true, "Delete")] {
        let objects = objects_of(&cluster(&format!("deletionPolicy: {policy}")));
        let secret = objects
            .iter()
            .find(|object| object["kind"] == "Secret")
            .expect("a Secret");
        assert_eq!(
            secret["metadata"]["ownerReferences"].is_array(),
            owned,
            "{policy}"
        );
        let postgres = objects
            .iter()
            .find(|object| {
                object["metadata"]["name"] == "demo-postgres" && object["kind"] == "StatefulSet"
            })
            .expect("a StatefulSet");
        assert_eq!(
            postgres["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"],
            volumes
        );
        let files = objects
            .iter()
            .find(|object| object["kind"] == "PersistentVolumeClaim")
            .expect("the volume of files");
        assert_eq!(
            files["metadata"]["ownerReferences"].is_array(),
            owned,
            "{policy}"
        );
    }
}

#[test]
fn a_volume_of_one_node_holds_its_users_together_and_a_bucket_needs_none() {
    let gateway = |spec: &str| {
        let objects = objects_of(&cluster(spec));
        let claims = objects
            .iter()
            .filter(|object| object["kind"] == "PersistentVolumeClaim")
            .count();
        let gateway = objects
            .iter()
            .find(|object| {
                object["metadata"]["name"] == "demo-gateway" && object["kind"] == "Deployment"
            })
            .expect("a Deployment");
        (claims, gateway["spec"]["template"]["spec"].clone())
    };
    let (claims, pod) = gateway("{}");
    assert_eq!(claims, 1);
    assert!(pod["affinity"]["podAffinity"].is_object());
    assert_eq!(
        pod["volumes"][1]["persistentVolumeClaim"]["claimName"],
        "demo-files"
    );
    let (_, pod) = gateway("storage: {attachments: {pvc: {size: 9Gi, accessMode: ReadWriteMany}}}");
    assert!(pod["affinity"]["podAffinity"].is_null());
    let (claims, pod) = gateway(
        "storage: {attachments: {s3: {endpoint: 'http://minio:9000', bucket: files, secretName: s3}}}",
    );
    assert_eq!(claims, 0);
    assert!(pod["volumes"][1]["emptyDir"].is_object());
    let variables = pod["containers"][0]["env"].to_string();
    for name in [
        "CHAT_S3_BUCKET",
        "CHAT_S3_ENDPOINT",
        "CHAT_S3_SECRET_ACCESS_KEY",
    ] {
        assert!(variables.contains(name), "{name}");
    }
}

#[test]
fn only_a_change_of_image_or_database_asks_for_another_migration() {
    let job = |spec: &str| {
        let objects = objects_of(&cluster(spec));
        let job = objects
            .iter()
            .find(|object| object["kind"] == "Job")
            .expect("a Job");
        job["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        job("{}"),
        job("processors: {replicas: 3, env: [{name: RUST_LOG, value: debug}]}")
    );
    assert_ne!(job("{}"), job("images: {processor: 'other:2'}"));
    assert_ne!(
        job("{}"),
        job("postgres: {external: {secretRef: {name: db}}}")
    );
}
