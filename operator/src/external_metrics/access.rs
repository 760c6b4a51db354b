//! Who asks, and whether they may: decided by the cluster, as every aggregated API server does it.
//!
//! A caller is known by the headers that the API server's aggregation layer sets, but only when the connection itself shows
//! that layer's client certificate; or by a bearer token, which the API server reviews. Whether the caller may read is asked
//! with a SubjectAccessReview. Answers are kept for some seconds, because an autoscaler asks the same thing all the time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Client};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{GROUP, VERSION};

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(10);
/// Most answers that are kept.
const MOST_KEPT: usize = 1000;

/// Group of everybody who is known by name.
const AUTHENTICATED: &str = "system:authenticated";
/// Group of nobody in particular.
const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Nobody in particular.
const ANONYMOUS: &str = "system:anonymous";

/// Whom the aggregation layer vouches for, and how it shows who it is itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FrontProxy {
    /// Certificates that sign the layer's own.
    pub(super) ca_pem: String,
    /// Names that its certificate may have; empty for any.
    pub(super) allowed_names: Vec<String>,
    username_headers: Vec<String>,
    group_headers: Vec<String>,
}

impl FrontProxy {
    /// Reads what the API server publishes about itself.
    pub(super) async fn read(client: &Client) -> Result<Self, kube::Error> {
        let published = Api::<ConfigMap>::namespaced(client.clone(), "kube-system")
            .get("extension-apiserver-authentication")
            .await?
            .data
            .unwrap_or_default();
        let list = |key: &str| -> Vec<String> {
            published
                .get(key)
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default()
        };
        Ok(Self {
            ca_pem: published
                .get("requestheader-client-ca-file")
                .cloned()
                .unwrap_or_default(),
            allowed_names: list("requestheader-allowed-names"),
            username_headers: list("requestheader-username-headers"),
            group_headers: list("requestheader-group-headers"),
        })
    }

    /// The caller that the layer names. `certificate_name` is the common name of a certificate that was verified.
    fn caller(&self, certificate_name: Option<&str>, headers: &HeaderMap) -> Option<Caller> {
        let name = certificate_name?;
        if !self.allowed_names.is_empty()
            && !self.allowed_names.iter().any(|allowed| allowed == name)
        {
            return None;
        }
        let user = self
            .username_headers
            .iter()
            .find_map(|header| headers.get(header)?.to_str().ok())?;
        let groups = self
            .group_headers
            .iter()
            .flat_map(|header| headers.get_all(header))
            .filter_map(|value| value.to_str().ok().map(str::to_owned))
            .collect();
        Some(Caller {
            user: user.to_owned(),
            groups,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Caller {
    user: String,
    groups: Vec<String>,
}

impl Caller {
    /// With the group of all who are known by name, which each API server adds by itself. The aggregation layer's own
    /// requests for discovery name a user without groups; refused, the API counts as stale, and the controller that
    /// deletes namespaces does not finish any while one API is.
    fn known(mut self) -> Self {
        let has_standing = |group: &String| group == AUTHENTICATED || group == UNAUTHENTICATED;
        if self.user != ANONYMOUS && !self.groups.iter().any(has_standing) {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        self
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    path: String,
}

impl Asked {
    pub(super) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The namespace and the metric, where a metric is asked for.
    fn metric(&self) -> Option<(&str, &str)> {
        self.path
            .strip_prefix(&format!("/apis/{GROUP}/{VERSION}/namespaces/"))?
            .split_once('/')
    }
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// Nobody known asks.
    #[error("Unauthorized")]
    Unauthenticated,
    /// The caller may not.
    #[error("{0} may not read this")]
    Forbidden(String),
    /// The API server could not be asked.
    #[error("the API server could not be asked who may read this")]
    Unknown(#[source] Box<kube::Error>),
}

/// Asks the API server and keeps its answers.
pub(super) struct Access {
    client: Client,
    callers: Kept<[u8; 32], Option<Caller>>,
    verdicts: Kept<(Caller, Asked), bool>,
}

impl Access {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            callers: Kept::default(),
            verdicts: Kept::default(),
        }
    }

    pub(super) async fn check(
        &self,
        front_proxy: &FrontProxy,
        certificate_name: Option<&str>,
        headers: &HeaderMap,
        asked: Asked,
    ) -> Result<(), Refusal> {
        let caller = match front_proxy.caller(certificate_name, headers) {
            Some(caller) => caller,
            None => self
                .token_holder(headers)
                .await?
                .ok_or(Refusal::Unauthenticated)?,
        };
        let key = (caller.known(), asked);
        let allowed = match self.verdicts.get(&key) {
            Some(allowed) => allowed,
            None => {
                let allowed = self.review(&key.0, &key.1).await?;
                self.verdicts.put(key.clone(), allowed);
                allowed
            }
        };
        match allowed {
            true => Ok(()),
            false => Err(Refusal::Forbidden(key.0.user)),
        }
    }

    async fn token_holder(&self, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        let token = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let Some(token) = token else { return Ok(None) };
        // The token itself is not kept.
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self.callers.get(&key) {
            return Ok(known);
        }
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: token.to_owned(),
                ..TokenReviewSpec::default()
            },
            ..TokenReview::default()
        };
        let status = Api::<TokenReview>::all(self.client.clone())
            .create(&PostParams::default(), &review)
            .await
            .map_err(|error| Refusal::Unknown(Box::new(error)))?
            .status
            .unwrap_or_default();
        let caller = status
            .user
            .filter(|_| status.authenticated == Some(true))
            .and_then(|user| {
                Some(Caller {
                    user: user.username?,
                    groups: user.groups.unwrap_or_default(),
                })
            });
        self.callers.put(key, caller.clone());
        Ok(caller)
    }

    async fn review(&self, caller: &Caller, asked: &Asked) -> Result<bool, Refusal> {
        let (resource, path) = match asked.metric() {
            Some((namespace, metric)) => (
                Some(ResourceAttributes {
                    group: Some(GROUP.to_owned()),
                    version: Some(VERSION.to_owned()),
                    resource: Some(metric.to_owned()),
                    namespace: Some(namespace.to_owned()),
                    verb: Some("get".to_owned()),
                    ..ResourceAttributes::default()
                }),
                None,
            ),
            None => (
                None,
                Some(NonResourceAttributes {
                    path: Some(asked.path.clone()),
                    verb: Some("get".to_owned()),
                }),
            ),
        };
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(caller.user.clone()),
                groups: Some(caller.groups.clone()),
                resource_attributes: resource,
                non_resource_attributes: path,
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviewed = Api::<SubjectAccessReview>::all(self.client.clone())
            .create(&PostParams::default(), &review)
            .await
            .map_err(|error| Refusal::Unknown(Box::new(error)))?;
        Ok(reviewed.status.is_some_and(|status| status.allowed))
    }
}

/// Answers with the time at which they were given.
struct Kept<K, V>(Mutex<HashMap<K, (V, Instant)>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: std::hash::Hash + Eq, V: Clone> Kept<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key)
            .filter(|(_, since)| since.elapsed() < KEPT_FOR)
            .map(|(value, _)| value.clone())
    }

    fn put(&self, key: K, value: V) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, (_, since)| since.elapsed() < KEPT_FOR);
        }
        // Callers with ever new tokens can't make it grow.
        if kept.len() < MOST_KEPT {
            kept.insert(key, (value, Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front_proxy() -> FrontProxy {
        FrontProxy {
            ca_pem: String::new(),
            allowed_names: vec!["front-proxy-client".to_owned()],
            username_headers: vec!["X-Remote-User".to_owned()],
            group_headers: vec!["X-Remote-Group".to_owned()],
        }
    }

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-remote-user", "system:admin".parse().expect("a value"));
        headers.append("x-remote-group", "system:masters".parse().expect("a value"));
        headers
    }

    #[test]
    fn headers_count_only_with_the_certificate_of_the_aggregation_layer() {
        assert_eq!(front_proxy().caller(None, &headers()), None);
        assert_eq!(front_proxy().caller(Some("somebody"), &headers()), None);
        let caller = front_proxy()
            .caller(Some("front-proxy-client"), &headers())
            .expect("a caller");
        assert_eq!(caller.user, "system:admin");
        assert_eq!(caller.groups, ["system:masters"]);
    }

    #[test]
    fn whoever_is_known_by_name_is_authenticated_and_nobody_is_not() {
        let groups = |user: &str, groups: &[&str]| {
            let caller = Caller {
                user: user.to_owned(),
                groups: groups.iter().map(|&group| group.to_owned()).collect(),
            };
            caller.known().groups
        };
        assert_eq!(groups("system:kube-aggregator", &[]), [AUTHENTICATED]);
        assert_eq!(groups("eve", &["a"]), ["a", AUTHENTICATED]);
        assert_eq!(groups("eve", &[AUTHENTICATED]), [AUTHENTICATED]);
        assert_eq!(groups(ANONYMOUS, &[UNAUTHENTICATED]), [UNAUTHENTICATED]);
        assert_eq!(groups(ANONYMOUS, &[]), [""; 0]);
    }

    #[test]
    fn a_metric_is_asked_for_by_its_namespace_and_name() {
        let asked =
            Asked::new("/apis/external.metrics.k8s.io/v1beta1/namespaces/chat/chat_queue_backlog");
        assert_eq!(asked.metric(), Some(("chat", "chat_queue_backlog")));
        assert_eq!(Asked::new("/apis").metric(), None);
    }
}
