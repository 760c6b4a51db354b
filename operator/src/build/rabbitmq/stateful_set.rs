//! The nodes of the managed broker and their volumes.

use chat_core::ports;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, Lifecycle, ResourceRequirements};

use super::super::labels::{self, Component};
use super::super::metadata;
use super::super::pod::{self, Pod};
use super::super::postgres::{exec, retention, volume_claim};
use crate::crd::ManagedRabbitMq;
use crate::credentials;
use crate::validate::Plan;

/// The wait for a quorum and the drain of a node, with room for the node's own stop.
const GRACE_OF_SEVERAL_SECONDS: i64 = 180;
const GRACE_OF_ONE_SECONDS: i64 = 60;

pub(super) fn build(
    plan: &Plan,
    managed: &ManagedRabbitMq,
    resources: ResourceRequirements,
    config: &ConfigMap,
) -> StatefulSet {
    let mut annotations = pod::scraped_at(ports::RABBITMQ_METRICS);
    annotations.extend([
        (
            metadata::CONFIG_HASH.to_owned(),
            metadata::config_hash(&config.data.clone().unwrap_or_default()),
        ),
        (
            metadata::CREDENTIALS_HASH.to_owned(),
            plan.resolved.credentials.fingerprint(&[
                credentials::RABBITMQ_PASSWORD,
                credentials::RABBITMQ_ERLANG_COOKIE,
            ]),
        ),
    ]);
    StatefulSet {
        metadata: metadata::owned(plan, Component::RabbitMq, plan.child("rabbitmq")),
        spec: StatefulSetSpec {
            replicas: Some(managed.replicas),
            service_name: Some(plan.child("rabbitmq-nodes")),
            selector: labels::label_selector(plan, Component::RabbitMq),
            // Nodes that wait for each other after an outage must all be started.
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            revision_history_limit: Some(3),
            persistent_volume_claim_retention_policy: Some(retention(plan)),
            volume_claim_templates: Some(vec![volume_claim(
                plan,
                Component::RabbitMq,
                &managed.storage,
            )]),
            template: pod::template(
                plan,
                Pod {
                    component: Component::RabbitMq,
                    overrides: &managed.pod,
                    annotations,
                    container: container(plan, managed, resources),
                    volumes: vec![
                        pod::config_files("config", &plan.child("rabbitmq")),
                        pod::credential_files(
                            plan,
                            "credentials",
                            &[
                                credentials::RABBITMQ_PASSWORD,
                                credentials::RABBITMQ_ERLANG_COOKIE,
                            ],
                        ),
                        pod::scratch("run", "16Mi"),
                        pod::scratch("tmp", "64Mi"),
                    ],
                    termination_grace_period_seconds: match managed.replicas {
                        1 => GRACE_OF_ONE_SECONDS,
                        _ => GRACE_OF_SEVERAL_SECONDS,
                    },
                    user: Some(pod::BACKEND_USER),
                    restart_policy: None,
                },
            ),
            ..StatefulSetSpec::default()
        },
        ..StatefulSet::default()
    }
}

fn container(plan: &Plan, managed: &ManagedRabbitMq, resources: ResourceRequirements) -> Container {
    Container {
        name: "rabbitmq".to_owned(),
        image: Some(plan.images.rabbitmq.clone()),
        command: Some(vec![
            "sh".to_owned(),
            "/etc/chatcluster/config/start.sh".to_owned(),
        ]),
        env: Some(environment(plan)),
        ports: Some(vec![
            pod::port("amqp", ports::AMQP),
            pod::port("epmd", ports::EPMD),
            pod::port("cluster", ports::RABBITMQ_CLUSTER),
            pod::port("metrics", ports::RABBITMQ_METRICS),
        ]),
        resources: Some(resources),
        // The broker's own diagnostics start an Erlang machine each time, which costs seconds of CPU; the port is open only
        // when the node has booted.
        startup_probe: Some(pod::every(2, 150, pod::tcp_probe("amqp"))),
        liveness_probe: Some(pod::every(20, 6, pod::tcp_probe("amqp"))),
        readiness_probe: Some(pod::every(5, 3, pod::tcp_probe("amqp"))),
        lifecycle: (managed.replicas > 1).then(|| Lifecycle {
            pre_stop: Some(exec(&["sh", "/etc/chatcluster/config/stop.sh"])),
            ..Lifecycle::default()
        }),
        volume_mounts: Some(vec![
            pod::mount("data", "/var/lib/rabbitmq"),
            pod::read_only("config", "/etc/chatcluster/config"),
            pod::read_only("credentials", "/etc/chatcluster/credentials"),
            pod::mount("run", "/run/rabbitmq"),
            pod::mount("tmp", "/tmp"),
        ]),
        ..Container::default()
    }
}

fn environment(plan: &Plan) -> Vec<EnvVar> {
    vec![
        pod::value_from(chat_core::env::POD_NAME, pod::pod_field("metadata.name")),
        pod::value("HOME", "/var/lib/rabbitmq"),
        pod::value("RABBITMQ_USE_LONGNAME", "true"),
        pod::value(
            "RABBITMQ_NODENAME",
            format!(
                "rabbit@$({}).{}.{}",
                chat_core::env::POD_NAME,
                plan.child("rabbitmq-nodes"),
                plan.namespace
            ),
        ),
        pod::value(
            "RABBITMQ_CONFIG_FILE",
            "/etc/chatcluster/config/rabbitmq.conf",
        ),
        pod::value(
            "RABBITMQ_ADVANCED_CONFIG_FILE",
            "/etc/chatcluster/config/advanced.config",
        ),
        pod::value(
            "RABBITMQ_ENABLED_PLUGINS_FILE",
            "/etc/chatcluster/config/enabled_plugins",
        ),
        pod::value("RABBITMQ_MNESIA_BASE", "/var/lib/rabbitmq/mnesia"),
        pod::value("RABBITMQ_LOGS", "-"),
        // Schedulers that wait by spinning would show as load and take CPU from the other containers of the node.
        pod::value(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "+sbwt none +sbwtdcpu none +sbwtdio none",
        ),
    ]
}
