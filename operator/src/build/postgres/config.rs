//! Settings of the managed database, sized from its memory limit.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, ResourceRequirements};

use super::super::labels::Component;
use super::super::{memory_limit_mebibytes, metadata};
use crate::validate::Plan;

pub(super) fn build(plan: &Plan, resources: &ResourceRequirements) -> ConfigMap {
    ConfigMap {
        metadata: metadata::owned(plan, Component::Postgres, plan.child("postgres")),
        data: Some(BTreeMap::from([
            (
                "postgresql.conf".to_owned(),
                settings(memory_limit_mebibytes(resources)),
            ),
            (
                "pg_hba.conf".to_owned(),
                include_str!("pg_hba.conf").to_owned(),
            ),
            ("start.sh".to_owned(), include_str!("start.sh").to_owned()),
        ])),
        ..ConfigMap::default()
    }
}

/// A quarter of the memory for the buffers, as the manual advises; the rest is left to the page cache and the sessions.
fn settings(memory_mebibytes: u64) -> String {
    let shared_buffers = memory_mebibytes / 4;
    let effective_cache_size = memory_mebibytes * 3 / 4;
    let maintenance_work_mem = (memory_mebibytes / 16).max(16);
    format!(
        "\
# Written by the operator from spec.postgres.managed.
listen_addresses = '*'
port = 5432
unix_socket_directories = '/var/run/postgresql'
password_encryption = 'scram-sha-256'
max_connections = 200

shared_buffers = '{shared_buffers}MB'
effective_cache_size = '{effective_cache_size}MB'
maintenance_work_mem = '{maintenance_work_mem}MB'
work_mem = '4MB'
# Shared memory for parallel workers lies on the volume's scratch directory, because a container's /dev/shm is small.
dynamic_shared_memory_type = mmap

# What is acknowledged is on disk.
fsync = on
synchronous_commit = on
wal_level = replica
wal_compression = on
min_wal_size = '128MB'
max_wal_size = '512MB'
checkpoint_timeout = '15min'
checkpoint_completion_target = 0.9

# The chat's queries are short and keyed: compiling them costs more than it saves.
jit = off
random_page_cost = 1.1
idle_in_transaction_session_timeout = '60s'
statement_timeout = '0'
tcp_keepalives_idle = 30
tcp_keepalives_interval = 10
tcp_keepalives_count = 3

# Append-heavy tables: keep the visibility map fresh, so that history pages stay index-only.
autovacuum_naptime = '30s'
autovacuum_vacuum_insert_scale_factor = 0.05

log_destination = 'stderr'
logging_collector = off
log_min_duration_statement = '500ms'
# Statements carry what people write to each other.
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_checkpoints = off
log_timezone = 'UTC'
timezone = 'UTC'
"
    )
}

#[cfg(test)]
mod tests {
    use super::settings;

    #[test]
    fn buffers_are_a_quarter_of_the_memory() {
        assert!(settings(512).contains("shared_buffers = '128MB'"));
        assert!(settings(4096).contains("shared_buffers = '1024MB'"));
    }
}
