//! The environment of the gateway, the processor and the migration, under the names that the binaries read.

use chat_core::{env, ports};
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource};

use super::attachments;
use super::credentials::{from_secret, reference};
use super::pod::{pod_field, value, value_from};
use crate::crd::EnvironmentVariable;
use crate::credentials;
use crate::resolve::ReferencedSecret;
use crate::validate::Plan;

/// What all our binaries read.
fn shared(plan: &Plan) -> Vec<EnvVar> {
    let database = source(
        plan,
        plan.postgres
            .external()
            .map(|secret| (&secret.name, &secret.key)),
        credentials::DATABASE_URL,
    );
    let redis = source(
        plan,
        plan.redis
            .external()
            .map(|secret| (&secret.name, &secret.key)),
        credentials::REDIS_URL,
    );
    let rabbitmq = source(
        plan,
        plan.rabbitmq
            .external()
            .map(|external| (&external.secret_ref.name, &external.secret_ref.key)),
        credentials::RABBITMQ_URL,
    );
    let environment = plan.spec.gateway.environment.as_str();
    vec![
        value_from(env::DATABASE_URL, database),
        value_from(env::REDIS_URL, redis),
        value_from(env::RABBITMQ_URL, rabbitmq),
        value_from(
            env::CHAT_JOB_HMAC_KEYS,
            reference(plan, credentials::JOB_HMAC_KEYS),
        ),
        value(
            env::RABBITMQ_CHAT_PARTITION_COUNT,
            plan.spec.rabbitmq.partitions,
        ),
        value(
            env::RABBITMQ_CHAT_MAX_RETRIES,
            plan.spec.processors.max_retries,
        ),
        value_from(env::POD_NAME, pod_field("metadata.name")),
        value(env::LOG_FORMAT, "json"),
        value(env::NODE_ENV, environment),
    ]
}

fn source(plan: &Plan, external: Option<(&String, &String)>, generated: &str) -> EnvVarSource {
    match external {
        Some((name, key)) => from_secret(name, key),
        None => reference(plan, generated),
    }
}

pub(super) fn gateway(plan: &Plan) -> Vec<EnvVar> {
    let spec = &plan.spec;
    let jwt = match &spec.auth.jwt_secret_ref {
        Some(secret) => from_secret(&secret.name, &secret.key),
        None => reference(plan, credentials::JWT_ACCESS_KEY),
    };
    let mut variables = shared(plan);
    variables.extend([
        value(env::PORT, ports::GATEWAY),
        value_from(env::JWT_ACCESS_TOKEN, jwt),
        value(env::JWT_ACCESS_EXPIRED, &spec.auth.access_ttl),
        value(env::JWT_REFRESH_EXPIRED, &spec.auth.refresh_ttl),
        value(env::CORS_ORIGIN, &spec.gateway.cors_origin),
        value(env::CHAT_SHED_HIGH, spec.gateway.shedding.high_watermark),
        value(env::CHAT_SHED_LOW, spec.gateway.shedding.low_watermark),
        value(
            env::CHAT_ON_BROKER_OUTAGE,
            spec.gateway.on_broker_outage.as_str(),
        ),
        value(
            env::CHAT_DRAIN_WINDOW,
            format!("{}s", spec.gateway.drain_timeout_seconds),
        ),
        value(env::CHAT_WORKER_ENABLED, false),
        vapid(plan),
    ]);
    variables.extend(attachments::environment(plan));
    variables.extend(tracing(plan));
    variables.extend(spec.gateway.env.iter().map(extra));
    variables
}

pub(super) fn processor(plan: &Plan) -> Vec<EnvVar> {
    let mut variables = migration(plan);
    variables.push(vapid(plan));
    variables.extend(attachments::environment(plan));
    variables.extend(tracing(plan));
    variables.extend(plan.spec.processors.env.iter().map(extra));
    variables
}

/// The processor's own environment, without what the spec adds: a log filter must not rerun the migration.
pub(super) fn migration(plan: &Plan) -> Vec<EnvVar> {
    let mut variables = shared(plan);
    variables.extend([
        value(env::PORT, ports::PROCESSOR),
        value(
            env::CHAT_DRAIN_WINDOW,
            format!("{}s", plan.spec.processors.drain_timeout_seconds),
        ),
        value(env::CHAT_WORKER_ENABLED, true),
    ]);
    variables
}

/// The key of Web Push: gateways show its public half to browsers, processors sign with it.
fn vapid(plan: &Plan) -> EnvVar {
    let key = reference(plan, credentials::VAPID_PRIVATE_KEY);
    value_from(env::CHAT_VAPID_PRIVATE_KEY, key)
}

fn tracing(plan: &Plan) -> Vec<EnvVar> {
    let Some(tracing) = &plan.spec.monitoring.tracing else {
        return vec![];
    };
    let ratio = f64::from(tracing.sample_percent) / 100.0;
    vec![
        value(env::OTEL_EXPORTER_OTLP_ENDPOINT, &tracing.endpoint),
        value(env::OTEL_TRACES_SAMPLER, "parentbased_traceidratio"),
        value(env::OTEL_TRACES_SAMPLER_ARG, ratio),
    ]
}

fn extra(variable: &EnvironmentVariable) -> EnvVar {
    match (&variable.value, &variable.secret_ref) {
        (_, Some(secret)) => value_from(&variable.name, from_secret(&secret.name, &secret.key)),
        (text, None) => value(&variable.name, text.as_deref().unwrap_or_default()),
    }
}

/// A fingerprint of every secret that a gateway or processor gets; a change rolls their pods.
pub(super) fn fingerprint(plan: &Plan) -> String {
    let generated = plan.resolved.credentials.fingerprint(&[
        credentials::JWT_ACCESS_KEY,
        credentials::JOB_HMAC_KEYS,
        credentials::VAPID_PRIVATE_KEY,
        credentials::DATABASE_URL,
        credentials::RABBITMQ_URL,
        credentials::REDIS_URL,
    ]);
    let mut parts = vec![generated];
    for purpose in [
        ReferencedSecret::Postgres,
        ReferencedSecret::RabbitMq,
        ReferencedSecret::Redis,
        ReferencedSecret::Jwt,
    ] {
        parts.extend(plan.resolved.referenced.get(&purpose).cloned());
    }
    parts.join("-")
}
