//! The gateway: how many, how it is reached, and what it does under overload and without a broker.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EnvironmentVariable, GatewayAutoscaling, PodOverrides, Resources};

/// The Socket.IO and REST gateway.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("!(has(self.replicas) && has(self.autoscaling))").message(
    "spec.gateway.replicas: set either replicas (fixed) or autoscaling, not both; remove one"
))]
pub struct GatewaySpec {
    /// A fixed number of gateways; left out, they are autoscaled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub replicas: Option<i32>,
    /// Scaling on connections; used, with its defaults, where `replicas` is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<GatewayAutoscaling>,
    /// The Service.
    #[serde(default)]
    pub service: ServiceSpec,
    /// An Ingress, where the gateway is to be reached from outside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<IngressSpec>,
    /// CPU and memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// When typing and presence are dropped.
    #[serde(default)]
    pub shedding: SheddingSpec,
    /// What happens to a send while the broker is away.
    #[serde(default)]
    pub on_broker_outage: BrokerOutage,
    /// How long a gateway that is shut down spreads its clients' reconnects, in seconds.
    #[serde(default = "default_drain_timeout_seconds")]
    #[schemars(range(min = 1, max = 600))]
    pub drain_timeout_seconds: i32,
    /// Origins that browsers may call from, a comma list.
    #[serde(default = "default_cors_origin")]
    #[schemars(length(min = 1, max = 2048))]
    pub cors_origin: String,
    /// What the process takes itself for; only in Development are the API documents served.
    #[serde(default)]
    pub environment: Environment,
    /// More environment variables, for example `TURN_URLS` or `RATE_LIMIT_MESSAGE_BURST`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub env: Vec<EnvironmentVariable>,
    /// Placement, priority and metadata of the pods.
    #[serde(default)]
    pub pod: PodOverrides,
}

/// What a process takes itself for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Environment {
    /// API documents are hidden.
    #[default]
    Production,
    /// API documents are served.
    Development,
}

impl Environment {
    /// The value of the environment variable.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
        }
    }
}

/// The Service in front of the gateways. It has client-IP affinity, which the polling transport needs.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("!has(self.nodePort) || self.type != 'ClusterIP'").message(
    "spec.gateway.service.nodePort: needs type NodePort or LoadBalancer; set the type or remove nodePort"
))]
pub struct ServiceSpec {
    /// Type.
    #[serde(default, rename = "type")]
    pub type_: ServiceType,
    /// Port.
    #[serde(default = "default_service_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Port on every node, for types NodePort and LoadBalancer; left out, the cluster chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<i32>,
    /// Annotations, for example of a cloud's load balancer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub annotations: BTreeMap<String, String>,
}

/// Type of the gateway's Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ServiceType {
    /// Inside the cluster only.
    #[default]
    ClusterIP,
    /// A port on every node.
    NodePort,
    /// A load balancer of the cloud.
    LoadBalancer,
}

impl ServiceType {
    /// The name in the Service.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}

/// An Ingress to the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngressSpec {
    /// Host name.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Ingress class; the cluster's default class when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// Secret with the TLS certificate; left out, plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub tls_secret_name: Option<String>,
    /// Annotations, for example of the ingress controller or of cert-manager.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub annotations: BTreeMap<String, String>,
}

/// When the gateway drops typing and presence. Messages and calls are never dropped.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(cel, validation = Rule::new("self.lowWatermark < self.highWatermark").message(
    "spec.gateway.shedding.lowWatermark: must be below highWatermark, or shedding would flap; lower it or raise highWatermark"
))]
pub struct SheddingSpec {
    /// Ready jobs of the high queue above which typing and presence are dropped.
    #[serde(default = "default_high_watermark")]
    #[schemars(range(min = 2, max = 10_000_000))]
    pub high_watermark: i32,
    /// Ready jobs of the high queue below which they are taken again.
    #[serde(default = "default_low_watermark")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub low_watermark: i32,
}

/// What the gateway does with a send while the broker is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum BrokerOutage {
    /// It is processed directly, durably, by the processor's own code.
    #[default]
    Direct,
    /// It is refused with an error that says to try again.
    Reject,
}

impl BrokerOutage {
    /// The value of the gateway's environment variable.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "Direct",
            Self::Reject => "Reject",
        }
    }
}

fn default_drain_timeout_seconds() -> i32 {
    20
}

fn default_cors_origin() -> String {
    "*".to_owned()
}

fn default_service_port() -> i32 {
    80
}

fn default_high_watermark() -> i32 {
    10_000
}

fn default_low_watermark() -> i32 {
    5_000
}

impl Default for GatewaySpec {
    fn default() -> Self {
        super::all_defaults()
    }
}

impl Default for ServiceSpec {
    fn default() -> Self {
        super::all_defaults()
    }
}

impl Default for SheddingSpec {
    fn default() -> Self {
        super::all_defaults()
    }
}
