//! The managed Redis: one Valkey instance without a volume, because it holds only what can be rebuilt.

mod stateful_set;

use std::collections::BTreeMap;

use chat_core::ports;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, ResourceRequirements, Service};

use super::backend_service::{self, NotReady};
use super::labels::Component;
use super::{memory_limit_mebibytes, metadata, resources};
use crate::crd::ManagedRedis;
use crate::validate::Plan;

/// Redis' objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Redis {
    /// Settings and the start script.
    pub config: ConfigMap,
    /// Its name.
    pub service: Service,
    /// The pod.
    pub stateful_set: StatefulSet,
}

pub(super) fn build(plan: &Plan, managed: &ManagedRedis) -> Redis {
    let resources = resources::build(managed.resources.as_ref(), resources::REDIS);
    let config = config(plan, &resources);
    Redis {
        stateful_set: stateful_set::build(plan, managed, resources, &config),
        config,
        service: backend_service::build(
            plan,
            Component::Redis,
            plan.child("redis"),
            &[("redis", ports::REDIS)],
            Some(NotReady::Named),
        ),
    }
}

fn config(plan: &Plan, resources: &ResourceRequirements) -> ConfigMap {
    // The rest is for connections' buffers, which fan-out to slow subscribers fills.
    let max_memory = memory_limit_mebibytes(resources) * 7 / 10;
    let settings = format!(
        "\
# Written by the operator from spec.redis.managed.
bind * -::*
port 6379
protected-mode no
dir /tmp
# Everything in it can be rebuilt, so nothing is written to disk.
save \"\"
appendonly no
maxmemory {max_memory}mb
# Evicting presence or rate limits at random would be worse than refusing a write, which callers can handle.
maxmemory-policy noeviction
maxclients 10000
tcp-keepalive 60
timeout 0
# A subscriber that does not read is cut off, and resumes.
client-output-buffer-limit pubsub 32mb 8mb 30
"
    );
    ConfigMap {
        metadata: metadata::owned(plan, Component::Redis, plan.child("redis")),
        data: Some(BTreeMap::from([
            ("redis.conf".to_owned(), settings),
            (
                "start.sh".to_owned(),
                include_str!("redis/start.sh").to_owned(),
            ),
        ])),
        ..ConfigMap::default()
    }
}
