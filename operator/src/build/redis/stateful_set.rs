//! The pod of the managed Redis.

use std::collections::BTreeMap;

use chat_core::ports;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::{ConfigMap, Container, ResourceRequirements};

use super::super::labels::{self, Component};
use super::super::metadata;
use super::super::pod::{self, Pod};
use crate::crd::ManagedRedis;
use crate::credentials;
use crate::validate::Plan;

/// A StatefulSet, although there is no volume: it never runs two at once, which clients would see as lost presence.
pub(super) fn build(
    plan: &Plan,
    managed: &ManagedRedis,
    resources: ResourceRequirements,
    config: &ConfigMap,
) -> StatefulSet {
    let annotations = BTreeMap::from([
        (
            metadata::CONFIG_HASH.to_owned(),
            metadata::config_hash(&config.data.clone().unwrap_or_default()),
        ),
        (
            metadata::CREDENTIALS_HASH.to_owned(),
            plan.resolved
                .credentials
                .fingerprint(&[credentials::REDIS_PASSWORD]),
        ),
    ]);
    StatefulSet {
        metadata: metadata::owned(plan, Component::Redis, plan.child("redis")),
        spec: StatefulSetSpec {
            replicas: Some(1),
            service_name: Some(plan.child("redis")),
            selector: labels::label_selector(plan, Component::Redis),
            pod_management_policy: Some("OrderedReady".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            revision_history_limit: Some(3),
            template: pod::template(
                plan,
                Pod {
                    component: Component::Redis,
                    overrides: &managed.pod,
                    annotations,
                    container: Container {
                        name: "redis".to_owned(),
                        image: Some(plan.images.redis.clone()),
                        command: Some(vec![
                            "sh".to_owned(),
                            "/etc/chatcluster/config/start.sh".to_owned(),
                        ]),
                        ports: Some(vec![pod::port("redis", ports::REDIS)]),
                        resources: Some(resources),
                        startup_probe: Some(pod::every(1, 60, pod::tcp_probe("redis"))),
                        liveness_probe: Some(pod::every(10, 6, pod::tcp_probe("redis"))),
                        readiness_probe: Some(pod::every(3, 3, pod::tcp_probe("redis"))),
                        volume_mounts: Some(vec![
                            pod::read_only("config", "/etc/chatcluster/config"),
                            pod::read_only("credentials", "/etc/chatcluster/credentials"),
                            pod::mount("run", "/run/redis"),
                            pod::mount("tmp", "/tmp"),
                        ]),
                        ..Container::default()
                    },
                    volumes: vec![
                        pod::config_files("config", &plan.child("redis")),
                        pod::credential_files(plan, "credentials", &[credentials::REDIS_PASSWORD]),
                        pod::scratch("run", "1Mi"),
                        pod::scratch("tmp", "64Mi"),
                    ],
                    termination_grace_period_seconds: 10,
                    user: Some(pod::BACKEND_USER),
                    restart_policy: None,
                },
            ),
            ..StatefulSetSpec::default()
        },
        ..StatefulSet::default()
    }
}
