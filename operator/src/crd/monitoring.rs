//! What watches a chat: monitors for the Prometheus operator, a collector for traces.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Monitors for the Prometheus operator, and traces. The endpoints are there in any case, and pods carry the usual
/// `prometheus.io/scrape` annotations.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringSpec {
    /// Whether a PodMonitor is made.
    #[serde(default)]
    pub mode: MonitorMode,
    /// How often to scrape, in seconds.
    #[serde(default = "default_interval_seconds")]
    #[schemars(range(min = 1, max = 300))]
    pub interval_seconds: i32,
    /// Labels by which a Prometheus finds the monitors.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub labels: BTreeMap<String, String>,
    /// Where gateways and processors export traces to; by default nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<TracingSpec>,
}

/// Traces of events and requests, from the client to the sockets that hear of them, over OTLP/HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TracingSpec {
    /// Base URL of a collector, for example `http://otel-collector.monitoring:4318`.
    #[schemars(length(max = 512), regex(pattern = r"^https?://[^\s/]+(/[^\s]*)?$"))]
    pub endpoint: String,
    /// How many of 100 traces are recorded that a client did not decide upon.
    #[serde(default = "default_sample_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub sample_percent: i32,
}

/// Whether monitors are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum MonitorMode {
    /// When the cluster knows the Prometheus operator's resources.
    #[default]
    Auto,
    /// Never.
    Disabled,
}

fn default_sample_percent() -> i32 {
    10
}

fn default_interval_seconds() -> i32 {
    15
}

impl Default for MonitoringSpec {
    fn default() -> Self {
        super::all_defaults()
    }
}
