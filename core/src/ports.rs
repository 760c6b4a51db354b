//! The ports that the operator renders and the binaries listen on.

/// The gateway's HTTP and Socket.IO port (`PORT`).
pub const GATEWAY: u16 = 8080;
/// The processor's health and metrics port (`PORT` of the processor).
pub const PROCESSOR: u16 = 9090;
/// The operator's health and metrics port.
pub const OPERATOR: u16 = 8081;
/// AMQP 0-9-1.
pub const AMQP: u16 = 5672;
/// RabbitMQ's Prometheus endpoint.
pub const RABBITMQ_METRICS: u16 = 15692;
/// Erlang's port mapper, between broker nodes.
pub const EPMD: u16 = 4369;
/// Erlang distribution, between broker nodes.
pub const RABBITMQ_CLUSTER: u16 = 25672;
/// PostgreSQL.
pub const POSTGRES: u16 = 5432;
/// Redis or Valkey.
pub const REDIS: u16 = 6379;
