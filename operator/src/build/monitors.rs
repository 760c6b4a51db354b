//! The Prometheus operator's `PodMonitor`, where the cluster knows such objects.

use serde_json::{Value, json};

use super::labels::{self, Component};
use super::metadata;
use crate::crd::MonitorMode;
use crate::validate::Plan;

/// One monitor for all pods that have metrics.
pub(super) fn build(plan: &Plan) -> Option<Value> {
    let spec = &plan.spec.monitoring;
    let wanted = spec.mode == MonitorMode::Auto && plan.resolved.capabilities.prometheus_operator;
    if !wanted {
        return None;
    }
    let mut metadata = metadata::owned(plan, Component::Shared, plan.name.clone());
    let mut all = spec.labels.clone();
    all.extend(labels::all(plan, Component::Shared));
    metadata.labels = Some(all);
    let interval = format!("{}s", spec.interval_seconds);
    let endpoint = |port: &str| {
        json!({
            "port": port,
            "path": "/metrics",
            "interval": interval,
            "relabelings": [
                {"sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_instance"], "targetLabel": "cluster"},
                {"sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_component"], "targetLabel": "component"},
            ],
        })
    };
    Some(json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": {
                "app.kubernetes.io/name": "chatcluster",
                labels::INSTANCE: plan.name,
            }},
            // The gateway's port is called http, everybody else's metrics.
            "podMetricsEndpoints": [endpoint("http"), endpoint("metrics")],
        },
    }))
}
