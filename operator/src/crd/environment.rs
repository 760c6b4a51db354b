//! Environment variables beyond those that the operator renders.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::SecretRef;

/// One more environment variable; those that the operator renders can't be set.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("has(self.value) != has(self.secretRef)").message(
    "env: set either value or secretRef; add or remove one"
))]
#[x_kube(validation = Rule::new(
    "!(self.name in ['PORT', 'DATABASE_URL', 'REDIS_URL', 'RABBITMQ_URL', 'RABBITMQ_URI', 'JWT_ACCESS_TOKEN', 'JWT_SECRET', 'JWT_ACCESS_EXPIRED', 'JWT_REFRESH_EXPIRED', 'CHAT_JOB_HMAC_KEYS', 'CHAT_VAPID_PRIVATE_KEY', 'RABBITMQ_CHAT_PARTITION_COUNT', 'RABBITMQ_CHAT_MAX_RETRIES', 'CHAT_WORKER_ENABLED', 'CORS_ORIGIN', 'CHAT_SHED_HIGH', 'CHAT_SHED_LOW', 'CHAT_ON_BROKER_OUTAGE', 'CHAT_DRAIN_WINDOW', 'NODE_ENV', 'APP_ENV', 'POD_NAME', 'LOG_FORMAT', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG'])"
).message("env.name: the operator sets this variable from the spec; use the spec's own field"))]
pub struct EnvironmentVariable {
    /// Name.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Z_][A-Z0-9_]*$"))]
    pub name: String,
    /// Value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub value: Option<String>,
    /// Or a key of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}
