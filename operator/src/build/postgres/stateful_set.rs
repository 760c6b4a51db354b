//! The pod of the managed database and its volume.

use std::collections::BTreeMap;

use chat_core::ports;
use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, ExecAction, Lifecycle, LifecycleHandler, PersistentVolumeClaim,
    PersistentVolumeClaimSpec, PersistentVolumeClaimStatus, Probe, ResourceRequirements,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::labels::{self, Component};
use super::super::metadata;
use super::super::pod::{self, Pod};
use crate::crd::{DeletionPolicy, ManagedPostgres, StorageSpec};
use crate::credentials;
use crate::validate::Plan;

pub(super) fn build(
    plan: &Plan,
    managed: &ManagedPostgres,
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
                .fingerprint(&[credentials::POSTGRES_PASSWORD]),
        ),
    ]);
    StatefulSet {
        metadata: metadata::owned(plan, Component::Postgres, plan.child("postgres")),
        spec: StatefulSetSpec {
            replicas: Some(1),
            service_name: Some(plan.child("postgres")),
            selector: labels::label_selector(plan, Component::Postgres),
            pod_management_policy: Some("OrderedReady".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            revision_history_limit: Some(3),
            persistent_volume_claim_retention_policy: Some(retention(plan)),
            volume_claim_templates: Some(vec![volume_claim(
                plan,
                Component::Postgres,
                &managed.storage,
            )]),
            template: pod::template(
                plan,
                Pod {
                    component: Component::Postgres,
                    overrides: &managed.pod,
                    annotations,
                    container: container(plan, resources),
                    volumes: vec![
                        pod::config_files("config", &plan.child("postgres")),
                        pod::credential_files(
                            plan,
                            "credentials",
                            &[credentials::POSTGRES_PASSWORD],
                        ),
                        pod::scratch("run", "16Mi"),
                        pod::scratch("tmp", "64Mi"),
                    ],
                    termination_grace_period_seconds: 60,
                    user: Some(pod::BACKEND_USER),
                    restart_policy: None,
                },
            ),
            ..StatefulSetSpec::default()
        },
        ..StatefulSet::default()
    }
}

fn container(plan: &Plan, resources: ResourceRequirements) -> Container {
    Container {
        name: "postgres".to_owned(),
        image: Some(plan.images.postgres.clone()),
        command: Some(vec![
            "sh".to_owned(),
            "/etc/chatcluster/config/start.sh".to_owned(),
        ]),
        // Below the mount point, where a file system's own lost+found does not disturb initdb.
        env: Some(vec![pod::value(
            "PGDATA",
            "/var/lib/postgresql/data/pgdata",
        )]),
        ports: Some(vec![pod::port("postgres", ports::POSTGRES)]),
        resources: Some(resources),
        startup_probe: Some(pod::every(2, 150, accepts_connections())),
        liveness_probe: Some(pod::every(20, 6, pod::tcp_probe("postgres"))),
        readiness_probe: Some(pod::every(5, 3, accepts_connections())),
        lifecycle: Some(Lifecycle {
            // SIGTERM would wait for every client to leave; a fast stop is clean and takes a second.
            pre_stop: Some(exec(&["pg_ctl", "stop", "--mode=fast", "--timeout=50"])),
            ..Lifecycle::default()
        }),
        volume_mounts: Some(vec![
            pod::mount("data", "/var/lib/postgresql/data"),
            pod::read_only("config", "/etc/chatcluster/config"),
            pod::read_only("credentials", "/etc/chatcluster/credentials"),
            pod::mount("run", "/var/run/postgresql"),
            pod::mount("tmp", "/tmp"),
        ]),
        ..Container::default()
    }
}

/// Answers only when start-up and crash recovery are over, which an open port does not tell.
fn accepts_connections() -> Probe {
    let command = [
        "pg_isready",
        "--quiet",
        "--host=/var/run/postgresql",
        "--username=chat",
        "--dbname=chat",
    ];
    Probe {
        exec: Some(ExecAction {
            command: Some(command.map(str::to_owned).to_vec()),
        }),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}

pub(in super::super) fn exec(command: &[&str]) -> LifecycleHandler {
    LifecycleHandler {
        exec: Some(ExecAction {
            command: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        }),
        ..LifecycleHandler::default()
    }
}

/// With `Delete` the volumes go with the StatefulSet; a scale-down never deletes one.
pub(in super::super) fn retention(plan: &Plan) -> StatefulSetPersistentVolumeClaimRetentionPolicy {
    StatefulSetPersistentVolumeClaimRetentionPolicy {
        when_deleted: Some(
            match plan.spec.deletion_policy {
                DeletionPolicy::Retain => "Retain",
                DeletionPolicy::Delete => "Delete",
            }
            .to_owned(),
        ),
        when_scaled: Some("Retain".to_owned()),
    }
}

/// The volume of each pod. Fields that the API server would fill in are written out, so that what is stored equals what
/// is wanted and a comparison finds no difference.
pub(in super::super) fn volume_claim(
    plan: &Plan,
    component: Component,
    storage: &StorageSpec,
) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some("data".to_owned()),
            labels: Some(labels::all(plan, component)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([(
                    "storage".to_owned(),
                    Quantity(storage.size.canonical()),
                )])),
                ..VolumeResourceRequirements::default()
            }),
            storage_class_name: storage.storage_class_name.clone(),
            volume_mode: Some("Filesystem".to_owned()),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: Some(PersistentVolumeClaimStatus {
            phase: Some("Pending".to_owned()),
            ..PersistentVolumeClaimStatus::default()
        }),
    }
}
