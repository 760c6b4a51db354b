//! Names of the environment variables: the operator writes them, the binaries read them.
//!
//! The names are those of the systems that this one replaces (the wire contract, §4.1), so that their settings carry over.

/// Port of the HTTP listener.
pub const PORT: &str = "PORT";
/// Postgres URL, `postgres://user:password@host:port/database`.
pub const DATABASE_URL: &str = "DATABASE_URL";
/// Postgres host, where no [`DATABASE_URL`] is set.
pub const POSTGRES_HOST: &str = "POSTGRES_HOST";
/// Postgres port, where no [`DATABASE_URL`] is set.
pub const POSTGRES_PORT: &str = "POSTGRES_PORT";
/// Postgres user, where no [`DATABASE_URL`] is set.
pub const POSTGRES_USER: &str = "POSTGRES_USER";
/// Postgres password, where no [`DATABASE_URL`] is set.
pub const POSTGRES_PASSWORD: &str = "POSTGRES_PASSWORD";
/// Postgres database, where no [`DATABASE_URL`] is set.
pub const POSTGRES_DB: &str = "POSTGRES_DB";
/// Redis URL, `redis://[:password@]host:port[/db]`.
pub const REDIS_URL: &str = "REDIS_URL";
/// Redis host, where no [`REDIS_URL`] is set.
pub const REDIS_HOST: &str = "REDIS_HOST";
/// Redis port, where no [`REDIS_URL`] is set.
pub const REDIS_PORT: &str = "REDIS_PORT";
/// Redis password, where no [`REDIS_URL`] is set.
pub const REDIS_PASSWORD: &str = "REDIS_PASSWORD";
/// Redis database number, where no [`REDIS_URL`] is set.
pub const REDIS_DB: &str = "REDIS_DB";
/// RabbitMQ URL, `amqp://user:password@host:port[/vhost]`.
pub const RABBITMQ_URL: &str = "RABBITMQ_URL";
/// Another name for [`RABBITMQ_URL`].
pub const RABBITMQ_URI: &str = "RABBITMQ_URI";
/// RabbitMQ host, where no [`RABBITMQ_URL`] is set.
pub const RABBITMQ_HOST: &str = "RABBITMQ_HOST";
/// RabbitMQ port, where no [`RABBITMQ_URL`] is set.
pub const RABBITMQ_PORT: &str = "RABBITMQ_PORT";
/// RabbitMQ user, where no [`RABBITMQ_URL`] is set.
pub const RABBITMQ_USERNAME: &str = "RABBITMQ_USERNAME";
/// RabbitMQ password, where no [`RABBITMQ_URL`] is set.
pub const RABBITMQ_PASSWORD: &str = "RABBITMQ_PASSWORD";
/// RabbitMQ virtual host, where no [`RABBITMQ_URL`] is set.
pub const RABBITMQ_VHOST: &str = "RABBITMQ_VHOST";
/// Secret that signs access tokens (HS256).
pub const JWT_ACCESS_TOKEN: &str = "JWT_ACCESS_TOKEN";
/// Another name for [`JWT_ACCESS_TOKEN`].
pub const JWT_SECRET: &str = "JWT_SECRET";
/// Lifetime of access tokens.
pub const JWT_ACCESS_EXPIRED: &str = "JWT_ACCESS_EXPIRED";
/// Lifetime of refresh tokens.
pub const JWT_REFRESH_EXPIRED: &str = "JWT_REFRESH_EXPIRED";
/// Keys of the job signatures, `kid:secret[,kid:secret]`: the first signs, all verify.
pub const CHAT_JOB_HMAC_KEYS: &str = "CHAT_JOB_HMAC_KEYS";
/// `production` hides the API documents.
pub const NODE_ENV: &str = "NODE_ENV";
/// Another name for [`NODE_ENV`].
pub const APP_ENV: &str = "APP_ENV";
/// Origins that browsers may call from, a comma list.
pub const CORS_ORIGIN: &str = "CORS_ORIGIN";
/// Exchange of the jobs.
pub const RABBITMQ_CHAT_EXCHANGE: &str = "RABBITMQ_CHAT_EXCHANGE";
/// Exchange of the dead letters.
pub const RABBITMQ_CHAT_DLX_EXCHANGE: &str = "RABBITMQ_CHAT_DLX_EXCHANGE";
/// Prefix of the high partitions.
pub const RABBITMQ_CHAT_QUEUE_PREFIX: &str = "RABBITMQ_CHAT_QUEUE_PREFIX";
/// Name of the dead letter queue.
pub const RABBITMQ_CHAT_DLQ_NAME: &str = "RABBITMQ_CHAT_DLQ_NAME";
/// Number of partitions of the high and of the medium queue.
pub const RABBITMQ_CHAT_PARTITION_COUNT: &str = "RABBITMQ_CHAT_PARTITION_COUNT";
/// Retries of a failing job before it is dead-lettered.
pub const RABBITMQ_CHAT_MAX_RETRIES: &str = "RABBITMQ_CHAT_MAX_RETRIES";
/// Jobs that the broker hands to one partition's consumer ahead of their acknowledgement.
pub const RABBITMQ_CHAT_CONSUMER_PREFETCH: &str = "RABBITMQ_CHAT_CONSUMER_PREFETCH";
/// Most ready jobs of one partition; beyond it the broker refuses and clients get `busy`.
pub const RABBITMQ_CHAT_MAX_LENGTH: &str = "RABBITMQ_CHAT_MAX_LENGTH";
/// Redis channel of cross-worker notifications.
pub const CHAT_NOTIFICATION_CHANNEL: &str = "CHAT_NOTIFICATION_CHANNEL";
/// `true` makes a gateway consume jobs itself (small installations without a processor).
pub const CHAT_WORKER_ENABLED: &str = "CHAT_WORKER_ENABLED";
/// Private key of Web Push (VAPID), 32 bytes in base64url; unset: no Web Push.
pub const CHAT_VAPID_PRIVATE_KEY: &str = "CHAT_VAPID_PRIVATE_KEY";
/// Whom a push service may write to, `mailto:` or `https:`.
pub const CHAT_VAPID_SUBJECT: &str = "CHAT_VAPID_SUBJECT";
/// TURN servers, a comma list of URLs.
pub const TURN_URLS: &str = "TURN_URLS";
/// Secret that TURN credentials are derived from.
pub const TURN_SECRET: &str = "TURN_SECRET";
/// `true` writes the `webchat:` Redis keys beside ours.
pub const CHAT_WEBCHAT_REDIS_ALIASES: &str = "CHAT_WEBCHAT_REDIS_ALIASES";
/// Longest content in scalar values.
pub const CHAT_MAX_CONTENT: &str = "CHAT_MAX_CONTENT";
/// How long after sending a message may be edited; unset: for good.
pub const CHAT_EDIT_WINDOW: &str = "CHAT_EDIT_WINDOW";
/// `true` lets only admins read the monitoring routes.
pub const CHAT_PERF_ADMIN_ONLY: &str = "CHAT_PERF_ADMIN_ONLY";
/// Burst of the message bucket, in messages.
pub const RATE_LIMIT_MESSAGE_BURST: &str = "RATE_LIMIT_MESSAGE_BURST";
/// Refill of the message bucket, in messages per second.
pub const RATE_LIMIT_MESSAGE_RATE: &str = "RATE_LIMIT_MESSAGE_RATE";
/// Largest upload in bytes.
pub const MAX_FILE_SIZE: &str = "MAX_FILE_SIZE";
/// Media types that may be uploaded, a comma list.
pub const ALLOWED_MIME: &str = "ALLOWED_MIME";
/// Directory of uploaded files and exports: shared by every gateway and processor, or scratch space beside an S3 store.
pub const CHAT_FILES_DIR: &str = "CHAT_FILES_DIR";
/// Bucket of uploaded files and exports, in a store that speaks S3; unset: they lie in [`CHAT_FILES_DIR`].
pub const CHAT_S3_BUCKET: &str = "CHAT_S3_BUCKET";
/// URL of the S3 store.
pub const CHAT_S3_ENDPOINT: &str = "CHAT_S3_ENDPOINT";
/// Region that requests to the S3 store are signed for.
pub const CHAT_S3_REGION: &str = "CHAT_S3_REGION";
/// Id of the access key of the S3 store.
pub const CHAT_S3_ACCESS_KEY_ID: &str = "CHAT_S3_ACCESS_KEY_ID";
/// Secret of the access key of the S3 store.
pub const CHAT_S3_SECRET_ACCESS_KEY: &str = "CHAT_S3_SECRET_ACCESS_KEY";
/// Email of the admin that is made at the first start.
pub const ADMIN_EMAIL: &str = "ADMIN_EMAIL";
/// Password of the admin that is made at the first start.
pub const ADMIN_PASSWORD: &str = "ADMIN_PASSWORD";
/// Ready jobs of the high queue above which typing and presence are shed.
pub const CHAT_SHED_HIGH: &str = "CHAT_SHED_HIGH";
/// Ready jobs of the high queue below which typing and presence are taken again.
pub const CHAT_SHED_LOW: &str = "CHAT_SHED_LOW";
/// What the gateway does with a job while the broker is away: `Direct` or `Reject`.
pub const CHAT_ON_BROKER_OUTAGE: &str = "CHAT_ON_BROKER_OUTAGE";
/// How long a gateway drains after SIGTERM.
pub const CHAT_DRAIN_WINDOW: &str = "CHAT_DRAIN_WINDOW";
/// Directory of the chat page's files.
pub const CHAT_WEB_ROOT: &str = "CHAT_WEB_ROOT";
/// Name of this pod, the identity in Redis and in job envelopes.
pub const POD_NAME: &str = "POD_NAME";
/// Log filter, in `tracing`'s syntax.
pub const RUST_LOG: &str = "RUST_LOG";
/// `json` or `text`; by default text on a terminal.
pub const LOG_FORMAT: &str = "LOG_FORMAT";
/// Where traces are exported to over OTLP/HTTP; unset: nowhere.
pub const OTEL_EXPORTER_OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Which traces are recorded, one of OpenTelemetry's samplers; by default all.
pub const OTEL_TRACES_SAMPLER: &str = "OTEL_TRACES_SAMPLER";
/// The share of traces that is recorded, from 0 to 1, for the samplers of a ratio.
pub const OTEL_TRACES_SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
/// Networks whose `X-Forwarded-For` the gateway believes, a comma list of addresses or CIDR blocks.
pub const TRUSTED_PROXIES: &str = "TRUSTED_PROXIES";
