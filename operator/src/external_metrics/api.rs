//! The routes of the API.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use k8s_openapi::jiff::{Timestamp, Unit};
use serde::Deserialize;
use serde_json::{Value as Document, json};
use tokio::time::Instant;

use super::selector::Selector;
use super::server::ApiState;
use super::values::{Metric, values};
use super::{GROUP, VERSION};
use crate::build::Component;
use crate::readings::ready;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListQuery {
    #[serde(default)]
    label_selector: String,
}

pub(super) fn router(state: Arc<ApiState>) -> Router {
    let base = format!("/apis/{GROUP}/{VERSION}");
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/apis", get(apis))
        .route(&format!("/apis/{GROUP}"), get(|| async { Json(group()) }))
        .route(&base, get(|| async { Json(resources()) }))
        .route(
            &format!("{base}/namespaces/{{namespace}}/{{metric}}"),
            get(list),
        )
        .fallback(|| async {
            status(
                StatusCode::NOT_FOUND,
                "NotFound",
                "there is no such resource",
            )
        })
        .with_state(state)
}

async fn list(
    State(state): State<Arc<ApiState>>,
    Path((namespace, metric)): Path<(String, String)>,
    Query(query): Query<ListQuery>,
) -> Response {
    let Some(metric) = Metric::named(&metric) else {
        return status(StatusCode::NOT_FOUND, "NotFound", "there is no such metric");
    };
    let selector = match Selector::parse(&query.label_selector) {
        Ok(selector) => selector,
        Err(error) => return status(StatusCode::BAD_REQUEST, "BadRequest", &error.to_string()),
    };
    let now = Instant::now();
    let time = Timestamp::now();
    let time = time.round(Unit::Second).unwrap_or(time).to_string();
    let mut items = Vec::new();
    for (key, guarded) in state.clusters.in_namespace(&namespace) {
        let (Ok(cluster), Some(reading)) = (&guarded.0, state.readings.of(&key)) else {
            continue;
        };
        let processors = ready(&state.children.pods_of(&key), Component::Processor);
        for found in values(metric, &key.name, &cluster.spec, &reading, processors, now) {
            if selector.matches(&found.labels) {
                items.push(json!({
                    "metricName": metric.name(),
                    "metricLabels": found.labels,
                    "timestamp": time,
                    "value": quantity(found.value),
                }));
            }
        }
    }
    Json(json!({
        "kind": "ExternalMetricValueList",
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "metadata": {},
        "items": items,
    }))
    .into_response()
}

/// Thousandths, unless the value is whole.
fn quantity(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{:.0}m", value * 1000.0)
    }
}

/// What is asked for by the aggregation layer, which wants the groups and their resources in one answer.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

async fn apis(headers: HeaderMap) -> Response {
    let wants_aggregated = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(is_aggregated);
    match wants_aggregated {
        true => ([(CONTENT_TYPE, AGGREGATED)], aggregated().to_string()).into_response(),
        false => Json(groups()).into_response(),
    }
}

/// Whether one of the accepted formats is [`AGGREGATED`], with its parameters in whatever order.
fn is_aggregated(accepted: &str) -> bool {
    let given: Vec<_> = accepted.split(';').map(str::trim).collect();
    AGGREGATED.split(';').all(|wanted| given.contains(&wanted))
}

fn aggregated() -> Document {
    let kind = json!({"group": "", "version": "", "kind": "ExternalMetricValueList"});
    let resources: Vec<_> = Metric::ALL
        .into_iter()
        .map(|metric| {
            json!({
                "resource": metric.name(), "singularResource": "", "scope": "Namespaced",
                "responseKind": kind, "verbs": ["get"],
            })
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": [{"metadata": {"name": GROUP}, "versions": [{"version": VERSION, "resources": resources}]}],
    })
}

fn groups() -> Document {
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group()]})
}

fn group() -> Document {
    let version = json!({"groupVersion": format!("{GROUP}/{VERSION}"), "version": VERSION});
    json!({
        "kind": "APIGroup", "apiVersion": "v1", "name": GROUP,
        "versions": [version], "preferredVersion": version,
    })
}

fn resources() -> Document {
    let resources: Vec<_> = Metric::ALL
        .into_iter()
        .map(|metric| {
            json!({
                "name": metric.name(), "singularName": "", "namespaced": true,
                "kind": "ExternalMetricValueList", "verbs": ["get"],
            })
        })
        .collect();
    json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": format!("{GROUP}/{VERSION}"), "resources": resources,
    })
}

/// A failure as Kubernetes' clients understand it.
pub(super) fn status(code: StatusCode, reason: &str, message: &str) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": reason, "message": message, "code": code.as_u16(),
    });
    (code, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::{is_aggregated, quantity};

    #[test]
    fn aggregated_discovery_is_given_only_to_who_understands_it() {
        assert!(is_aggregated(
            "application/json; as=APIGroupDiscoveryList; v=v2; g=apidiscovery.k8s.io"
        ));
        for other in [
            "*/*",
            "application/json",
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        ] {
            assert!(!is_aggregated(other), "{other}");
        }
    }

    #[test]
    fn quantities_are_whole_or_thousandths() {
        assert_eq!(quantity(12.0), "12");
        assert_eq!(quantity(0.0), "0");
        assert_eq!(quantity(1.5), "1500m");
    }
}
