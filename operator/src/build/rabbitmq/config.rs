//! Settings of the managed broker.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, ResourceRequirements};

use super::super::labels::Component;
use super::super::{memory_limit_mebibytes, metadata};
use super::node_host;
use crate::crd::ManagedRabbitMq;
use crate::validate::Plan;

pub(super) fn build(
    plan: &Plan,
    managed: &ManagedRabbitMq,
    resources: &ResourceRequirements,
) -> ConfigMap {
    ConfigMap {
        metadata: metadata::owned(plan, Component::RabbitMq, plan.child("rabbitmq")),
        data: Some(BTreeMap::from([
            (
                "rabbitmq.conf".to_owned(),
                settings(plan, managed, memory_limit_mebibytes(resources)),
            ),
            (
                "enabled_plugins".to_owned(),
                "[rabbitmq_prometheus].\n".to_owned(),
            ),
            // The age of a queue's depth in the metrics that autoscaling reads; by default it is five seconds.
            (
                "advanced.config".to_owned(),
                "[{rabbit, [{quorum_tick_interval, 1000}]}].\n".to_owned(),
            ),
            ("start.sh".to_owned(), include_str!("start.sh").to_owned()),
            ("stop.sh".to_owned(), include_str!("stop.sh").to_owned()),
        ])),
        ..ConfigMap::default()
    }
}

fn settings(plan: &Plan, managed: &ManagedRabbitMq, memory_mebibytes: u64) -> String {
    // The rest is left to the page cache and to what the Erlang machine does not count.
    let memory_watermark = memory_mebibytes * 6 / 10;
    let disk_free_limit = (managed.storage.size.to_mebibytes() / 20).clamp(50, 2048);
    let mut text = format!(
        "\
# Written by the operator from spec.rabbitmq.managed.
listeners.tcp.default = 5672
prometheus.tcp.port = 15692
log.console = true
log.console.level = info
log.file = false

definitions.import_backend = local_filesystem
definitions.local.path = /run/rabbitmq/definitions.json

vm_memory_high_watermark.absolute = {memory_watermark}MiB
disk_free_limit.absolute = {disk_free_limit}MiB
# Publishers wait for confirms, so a batch of them must not wait for Nagle.
tcp_listen_options.nodelay = true
tcp_listen_options.backlog = 1024
heartbeat = 30
channel_max = 2047
consumer_timeout = 1800000

queue_leader_locator = balanced
cluster_partition_handling = pause_minority
"
    );
    if managed.replicas > 1 {
        // A queue that was made with fewer nodes grows onto the new ones by itself.
        text.push_str(
            "quorum_queue.continuous_membership_reconciliation.enabled = true\n\
             quorum_queue.continuous_membership_reconciliation.auto_remove = false\n",
        );
        text.push_str(&format!(
            "quorum_queue.continuous_membership_reconciliation.target_group_size = {}\n",
            managed.replicas.min(5)
        ));
        // The names are known beforehand, so nobody needs to ask the API server, and the broker needs no rights there.
        text.push_str("cluster_formation.peer_discovery_backend = classic_config\n");
        for ordinal in 0..managed.replicas {
            text.push_str(&format!(
                "cluster_formation.classic_config.nodes.{} = rabbit@{}\n",
                ordinal + 1,
                node_host(plan, ordinal)
            ));
        }
        text.push_str("cluster_formation.discovery_retry_limit = 30\n");
        text.push_str("cluster_formation.discovery_retry_interval = 2000\n");
    }
    text
}
