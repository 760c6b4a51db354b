//! Turns a `ChatCluster` and what was read about it into a [`Plan`], or says what is wrong with it. Pure.
//!
//! The rules are those of the CRD, word for word, so a rule exists once. They are run again here because an object can
//! have been stored before a rule existed, and because the API server can't check one that was stored while the CRD was
//! being replaced. A cluster that breaks one is left running as it is.

use std::sync::LazyLock;

use kube::ResourceExt;
use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde_json::Value;

use crate::crd::{
    ChatCluster, ChatClusterSpec, ExternalPostgres, ExternalRabbitMq, ExternalRedis,
    GatewayAutoscaling, ManagedPostgres, ManagedRabbitMq, ManagedRedis, MetricsProvider,
    ProcessorAutoscaling, SecretRef,
};
use crate::resolve::{DefaultImages, ExternalMetricsOwner, Resolved};

/// The spec breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct InvalidSpec(pub Vec<String>);

/// A `ChatCluster` in which every choice is made: what [`crate::build`] builds from.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its identity, which its children refer to.
    pub uid: String,
    /// The spec.
    pub spec: ChatClusterSpec,
    /// Images of all components.
    pub images: DefaultImages,
    /// The database.
    pub postgres: Backend<ManagedPostgres, SecretRef>,
    /// The broker.
    pub rabbitmq: Backend<ManagedRabbitMq, ExternalRabbitMq>,
    /// Redis.
    pub redis: Backend<ManagedRedis, SecretRef>,
    /// How many gateways.
    pub gateway_scaling: Scaling<GatewayAutoscaling>,
    /// How many processors.
    pub processor_scaling: Scaling<ProcessorAutoscaling>,
    /// Everything that was read.
    pub resolved: Resolved,
}

/// Who runs a backend.
#[derive(Debug, Clone, PartialEq)]
pub enum Backend<M, E> {
    /// The operator.
    Managed(M),
    /// Someone else.
    External(E),
}

impl<M, E> Backend<M, E> {
    /// The managed form.
    pub fn managed(&self) -> Option<&M> {
        match self {
            Self::Managed(managed) => Some(managed),
            Self::External(_) => None,
        }
    }

    /// The external form.
    pub fn external(&self) -> Option<&E> {
        match self {
            Self::Managed(_) => None,
            Self::External(external) => Some(external),
        }
    }
}

/// Who decides how many pods there are.
#[derive(Debug, Clone, PartialEq)]
pub enum Scaling<A> {
    /// The spec.
    Fixed(i32),
    /// An autoscaler; the operator must not own `spec.replicas` then.
    Auto(A, MetricsSource),
}

impl<A> Scaling<A> {
    /// The number that the spec sets, if it does.
    pub fn fixed(&self) -> Option<i32> {
        match self {
            Self::Fixed(replicas) => Some(*replicas),
            Self::Auto(..) => None,
        }
    }
}

/// Who feeds the autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsSource {
    /// A HorizontalPodAutoscaler reads the external metrics API that this operator serves.
    BuiltIn,
    /// A HorizontalPodAutoscaler reads the external metrics API that an adapter serves from Prometheus.
    Prometheus,
    /// A KEDA `ScaledObject`.
    Keda,
}

impl Plan {
    /// Name of a child object.
    #[must_use]
    pub fn child(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.name)
    }
}

static RULES: LazyLock<CompiledSchema> = LazyLock::new(|| {
    let definition = crate::crd::definition();
    let schema = definition
        .spec
        .versions
        .first()
        .and_then(|version| version.schema.as_ref())
        .and_then(|schema| serde_json::to_value(&schema.open_api_v3_schema).ok());
    compile_schema(&schema.unwrap_or(Value::Null))
});

/// Checks the rules of the CRD that need no older object to compare with.
///
/// # Errors
/// [`InvalidSpec`] with every message of every rule that is broken.
pub fn check_rules(cluster: &ChatCluster) -> Result<(), InvalidSpec> {
    let object =
        serde_json::to_value(cluster).map_err(|error| InvalidSpec(vec![error.to_string()]))?;
    Validator::new()
        .validate_compiled(&RULES, &object, None)
        .map_err(|errors| {
            InvalidSpec(
                errors
                    .into_vec()
                    .into_iter()
                    .map(|error| error.message)
                    .collect(),
            )
        })
}

/// Makes every choice that the spec leaves open. The rules must have been checked.
#[must_use]
pub fn plan(cluster: &ChatCluster, resolved: Resolved) -> Plan {
    let spec = cluster.spec.clone();
    let defaults = &resolved.images;
    let choose = |chosen: &Option<String>, default: &String| {
        chosen.clone().unwrap_or_else(|| default.clone())
    };
    let images = DefaultImages {
        gateway: choose(&spec.images.gateway, &defaults.gateway),
        processor: choose(&spec.images.processor, &defaults.processor),
        postgres: choose(&spec.images.postgres, &defaults.postgres),
        rabbitmq: choose(&spec.images.rabbitmq, &defaults.rabbitmq),
        redis: choose(&spec.images.redis, &defaults.redis),
    };
    Plan {
        name: cluster.name_any(),
        namespace: cluster.namespace().unwrap_or_default(),
        uid: cluster.uid().unwrap_or_default(),
        images,
        postgres: postgres(&spec),
        rabbitmq: match &spec.rabbitmq.external {
            Some(external) => Backend::External(external.clone()),
            None => Backend::Managed(spec.rabbitmq.managed.clone().unwrap_or_default()),
        },
        redis: match &spec.redis.external {
            Some(ExternalRedis { secret_ref }) => Backend::External(secret_ref.clone()),
            None => Backend::Managed(spec.redis.managed.clone().unwrap_or_default()),
        },
        gateway_scaling: gateway_scaling(&spec, &resolved),
        processor_scaling: processor_scaling(&spec, &resolved),
        spec,
        resolved,
    }
}

fn postgres(spec: &ChatClusterSpec) -> Backend<ManagedPostgres, SecretRef> {
    if let Some(ExternalPostgres { secret_ref }) = &spec.postgres.external {
        return Backend::External(secret_ref.clone());
    }
    if let Some(cloud_native_pg) = &spec.postgres.cloud_native_pg {
        return Backend::External(SecretRef {
            name: format!("{}-app", cloud_native_pg.cluster_name),
            key: "uri".to_owned(),
        });
    }
    Backend::Managed(spec.postgres.managed.clone().unwrap_or_default())
}

fn gateway_scaling(spec: &ChatClusterSpec, resolved: &Resolved) -> Scaling<GatewayAutoscaling> {
    if let Some(replicas) = spec.gateway.replicas {
        return Scaling::Fixed(replicas);
    }
    let autoscaling = spec.gateway.autoscaling.clone().unwrap_or_default();
    match metrics_source(autoscaling.provider, resolved) {
        Some(source) => Scaling::Auto(autoscaling, source),
        None => Scaling::Fixed(autoscaling.min_replicas),
    }
}

fn processor_scaling(spec: &ChatClusterSpec, resolved: &Resolved) -> Scaling<ProcessorAutoscaling> {
    if let Some(replicas) = spec.processors.replicas {
        return Scaling::Fixed(replicas);
    }
    let mut autoscaling = spec.processors.autoscaling.clone().unwrap_or_default();
    // Only the default can exceed the partitions: a bound that was written is checked by a rule.
    autoscaling.max_replicas = autoscaling.max_replicas.min(spec.rabbitmq.partitions);
    match metrics_source(autoscaling.provider, resolved) {
        Some(source) => Scaling::Auto(autoscaling, source),
        None => Scaling::Fixed(autoscaling.min_replicas),
    }
}

/// Who feeds the autoscaler; `None` where nobody does.
fn metrics_source(provider: MetricsProvider, resolved: &Resolved) -> Option<MetricsSource> {
    match provider {
        MetricsProvider::None => None,
        MetricsProvider::BuiltIn => Some(MetricsSource::BuiltIn),
        MetricsProvider::Keda => Some(MetricsSource::Keda),
        MetricsProvider::Prometheus => Some(MetricsSource::Prometheus),
        MetricsProvider::Auto => Some(match resolved.capabilities.external_metrics {
            ExternalMetricsOwner::Nobody | ExternalMetricsOwner::Operator => MetricsSource::BuiltIn,
            ExternalMetricsOwner::Keda => MetricsSource::Keda,
            ExternalMetricsOwner::Other => MetricsSource::Prometheus,
        }),
    }
}
