//! The autoscalers: one HorizontalPodAutoscaler a component, or KEDA's `ScaledObject`, which makes one.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, ExternalMetricSource, HPAScalingPolicy, HPAScalingRules,
    HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec,
    MetricIdentifier, MetricSpec, MetricTarget,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use serde_json::{Value, json};

use super::labels::Component;
use super::metadata;
use crate::crd::{GatewayAutoscaling, ProcessorAutoscaling, ScaleBehavior, ScaleRules};
use crate::external_metrics::Metric;
use crate::readings::LogicalQueue;
use crate::validate::{MetricsSource, Plan, Scaling};

/// How often KEDA asks, in seconds.
const KEDA_POLLING_SECONDS: i32 = 5;

/// What one component is scaled on.
struct Target {
    metric: Metric,
    amount: i32,
    /// For each pod, or for all pods together.
    per_pod: bool,
}

/// One component's scaling.
struct Bounds<'a> {
    min: i32,
    max: i32,
    targets: Vec<Target>,
    behavior: &'a ScaleBehavior,
    source: MetricsSource,
    fallback: Option<(i32, i32)>,
}

fn processors(plan: &Plan) -> Option<Bounds<'_>> {
    let Scaling::Auto(autoscaling, source) = &plan.processor_scaling else {
        return None;
    };
    let ProcessorAutoscaling {
        min_replicas,
        max_replicas,
        target_backlog_per_replica,
        target_drain_seconds,
        provider: _,
        stale_after_seconds,
        fallback,
        behavior,
    } = autoscaling;
    Some(Bounds {
        min: *min_replicas,
        max: *max_replicas,
        targets: vec![
            Target {
                metric: Metric::Backlog,
                amount: *target_backlog_per_replica,
                per_pod: true,
            },
            Target {
                metric: Metric::DrainSeconds,
                amount: *target_drain_seconds,
                per_pod: false,
            },
        ],
        behavior,
        source: *source,
        fallback: fallback
            .replicas
            .map(|replicas| (replicas, *stale_after_seconds)),
    })
}

fn gateways(plan: &Plan) -> Option<Bounds<'_>> {
    let Scaling::Auto(autoscaling, source) = &plan.gateway_scaling else {
        return None;
    };
    let GatewayAutoscaling {
        min_replicas,
        max_replicas,
        target_connections_per_replica,
        provider: _,
        behavior,
    } = autoscaling;
    Some(Bounds {
        min: *min_replicas,
        max: *max_replicas,
        targets: vec![Target {
            metric: Metric::Connections,
            amount: *target_connections_per_replica,
            per_pod: true,
        }],
        behavior,
        source: *source,
        fallback: None,
    })
}

fn bounds(plan: &Plan, component: Component) -> Option<Bounds<'_>> {
    match component {
        Component::Processor => processors(plan),
        _ => gateways(plan),
    }
}

/// The autoscaler that reads the external metrics API, whoever serves it.
pub(super) fn horizontal(plan: &Plan, component: Component) -> Option<HorizontalPodAutoscaler> {
    let bounds = bounds(plan, component).filter(|bounds| bounds.source != MetricsSource::Keda)?;
    Some(HorizontalPodAutoscaler {
        metadata: metadata::owned(plan, component, plan.child(component.as_str())),
        spec: HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name: plan.child(component.as_str()),
            },
            min_replicas: Some(bounds.min),
            max_replicas: bounds.max,
            metrics: Some(
                bounds
                    .targets
                    .iter()
                    .map(|target| external(plan, target))
                    .collect(),
            ),
            behavior: Some(HorizontalPodAutoscalerBehavior {
                scale_up: Some(rules(&bounds.behavior.scale_up)),
                scale_down: Some(rules(&bounds.behavior.scale_down)),
            }),
        },
        ..HorizontalPodAutoscaler::default()
    })
}

fn external(plan: &Plan, target: &Target) -> MetricSpec {
    let queues = LabelSelectorRequirement {
        key: "queue".to_owned(),
        operator: "In".to_owned(),
        values: Some(
            LogicalQueue::WORK
                .map(|queue| queue.name().to_owned())
                .to_vec(),
        ),
    };
    let amount = Quantity(crate::crd::Quantity(target.amount.to_string()).canonical());
    MetricSpec {
        type_: "External".to_owned(),
        external: Some(ExternalMetricSource {
            metric: MetricIdentifier {
                name: target.metric.name().to_owned(),
                selector: Some(LabelSelector {
                    match_labels: Some([("cluster".to_owned(), plan.name.clone())].into()),
                    match_expressions: (target.metric != Metric::Connections).then(|| vec![queues]),
                }),
            },
            target: match target.per_pod {
                true => MetricTarget {
                    type_: "AverageValue".to_owned(),
                    average_value: Some(amount),
                    ..MetricTarget::default()
                },
                false => MetricTarget {
                    type_: "Value".to_owned(),
                    value: Some(amount),
                    ..MetricTarget::default()
                },
            },
        }),
        ..MetricSpec::default()
    }
}

fn rules(rules: &ScaleRules) -> HPAScalingRules {
    HPAScalingRules {
        stabilization_window_seconds: Some(rules.stabilization_window_seconds),
        select_policy: Some("Max".to_owned()),
        policies: Some(vec![HPAScalingPolicy {
            type_: "Pods".to_owned(),
            value: rules.replicas_per_period,
            period_seconds: rules.period_seconds,
        }]),
        ..HPAScalingRules::default()
    }
}

/// KEDA's form of the same, which asks the operator for the same values.
pub(super) fn keda(plan: &Plan, component: Component) -> Option<Value> {
    let bounds = bounds(plan, component)
        .filter(|bounds| bounds.source == MetricsSource::Keda && plan.resolved.capabilities.keda)?;
    let triggers: Vec<_> = bounds
        .targets
        .iter()
        .map(|target| {
            json!({
                "type": "metrics-api",
                "metricType": if target.per_pod { "AverageValue" } else { "Value" },
                "metadata": {
                    "targetValue": target.amount.to_string(),
                    "url": format!("{}/scaling/{}/{}/{}", plan.resolved.operator_url, plan.namespace, plan.name, target.metric.name()),
                    "valueLocation": "value",
                },
            })
        })
        .collect();
    let mut spec = json!({
        "scaleTargetRef": {"name": plan.child(component.as_str())},
        "minReplicaCount": bounds.min,
        "maxReplicaCount": bounds.max,
        "pollingInterval": KEDA_POLLING_SECONDS,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {
            "scaleUp": rules(&bounds.behavior.scale_up),
            "scaleDown": rules(&bounds.behavior.scale_down),
        }}},
        "triggers": triggers,
    });
    if let Some((replicas, stale_after_seconds)) = bounds.fallback {
        spec["fallback"] = json!({
            "failureThreshold": (stale_after_seconds / KEDA_POLLING_SECONDS).max(1),
            "replicas": replicas,
        });
    }
    Some(json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata::owned(plan, component, plan.child(component.as_str())),
        "spec": spec,
    }))
}
