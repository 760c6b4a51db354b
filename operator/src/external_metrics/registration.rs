//! Making the API known to the cluster: the certificate, and the `APIService` that points to this operator.
//!
//! Only one server can own the API group in a cluster. Where somebody else does, theirs is left alone, and the ChatClusters'
//! autoscalers read what that server offers.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::{
    APIService, APIServiceSpec, ServiceReference,
};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use std::collections::BTreeMap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::access::FrontProxy;
use super::certificates::{CertificateError, Certificates};
use super::server::Serving;
use super::{GROUP, VERSION};
use crate::build::{MANAGED_BY, MANAGER};
use crate::leader::Leadership;
use crate::managed_fields::FIELD_MANAGER;
use crate::resolve::ExternalMetricsOwner;

/// How often everything is looked at.
const PERIOD: Duration = Duration::from_secs(5);

/// Name under which the API server knows the API.
const API_SERVICE: &str = "v1beta1.external.metrics.k8s.io";

/// Where this operator serves the API.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Namespace of the operator.
    pub namespace: String,
    /// Its Service.
    pub service: String,
    /// The Service's port.
    pub port: i32,
    /// Secret with the certificate.
    pub secret: String,
    /// A ClusterRole that comes and goes with the operator, so that the APIService goes with it too: one that points nowhere
    /// would keep namespaces from being deleted.
    pub owner: Option<String>,
    serving: watch::Sender<Serving>,
    api_owner: watch::Sender<ExternalMetricsOwner>,
}

/// Something could not be read, written or made.
#[derive(Debug, thiserror::Error)]
enum RegistrationError {
    #[error(transparent)]
    Kube(#[from] kube::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl Registration {
    /// A registration that has not been tried yet.
    #[must_use]
    pub fn new(namespace: &str, service: &str, port: i32, owner: Option<String>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            service: service.to_owned(),
            port,
            secret: format!("{service}-metrics-api"),
            owner,
            serving: watch::Sender::new(Serving::default()),
            api_owner: watch::Sender::new(ExternalMetricsOwner::Nobody),
        }
    }

    pub(super) fn serving(&self) -> watch::Receiver<Serving> {
        self.serving.subscribe()
    }

    /// Who owns the API.
    #[must_use]
    pub fn api_owner(&self) -> watch::Receiver<ExternalMetricsOwner> {
        self.api_owner.subscribe()
    }

    fn host(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Serving").finish_non_exhaustive()
    }
}

/// Keeps the registration until `stop`. Only the leader writes.
pub async fn run(
    client: Client,
    registration: Registration,
    leadership: Leadership,
    stop: CancellationToken,
) {
    let mut present: Option<(Certificates, FrontProxy)> = None;
    let mut last_failure = String::new();
    loop {
        let failure = match step(&client, &registration, &leadership, &mut present).await {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        // Told once, and not every few seconds.
        if failure != last_failure && !failure.is_empty() {
            tracing::warn!(error = failure, "The metrics API can't be registered.");
        }
        last_failure = failure;
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn step(
    client: &Client,
    registration: &Registration,
    leadership: &Leadership,
    present: &mut Option<(Certificates, FrontProxy)>,
) -> Result<(), RegistrationError> {
    let certificates = certificates(client, registration, leadership).await?;
    let front_proxy = FrontProxy::read(client).await?;
    if let Some(certificates) = certificates {
        let owner = register(client, registration, leadership, &certificates).await?;
        registration.api_owner.send_if_modified(|known| {
            let changed = *known != owner;
            *known = owner;
            changed
        });
        // After the API server has been told whom to trust.
        let found = Some((certificates, front_proxy));
        if *present != found {
            if let Some((certificates, front_proxy)) = &found {
                registration
                    .serving
                    .send_replace(Serving::new(certificates, front_proxy.clone())?);
            }
            *present = found;
        }
    }
    Ok(())
}

/// The certificates of the Secret, which the leader makes and renews.
async fn certificates(
    client: &Client,
    registration: &Registration,
    leadership: &Leadership,
) -> Result<Option<Certificates>, RegistrationError> {
    let api = Api::<Secret>::namespaced(client.clone(), &registration.namespace);
    let stored = api.get_opt(&registration.secret).await?;
    let kept = stored.as_ref().and_then(Certificates::from_secret);
    let host = registration.host();
    if kept.as_ref().is_some_and(|kept| kept.are_good_for(&host)) || !leadership.is_current() {
        return Ok(kept);
    }
    let made = Certificates::make(&host, kept.as_ref())?;
    let version = stored.and_then(|secret| secret.metadata.resource_version);
    let secret = made.to_secret(&registration.secret, version.clone());
    match version {
        Some(_) => {
            api.replace(&registration.secret, &PostParams::default(), &secret)
                .await?
        }
        None => api.create(&PostParams::default(), &secret).await?,
    };
    tracing::info!(host, "The metrics API has a new certificate.");
    Ok(Some(made))
}

async fn register(
    client: &Client,
    registration: &Registration,
    leadership: &Leadership,
    certificates: &Certificates,
) -> Result<ExternalMetricsOwner, RegistrationError> {
    let api = Api::<APIService>::all(client.clone());
    let stored = api.get_opt(API_SERVICE).await?;
    let owner = owner_of(stored.as_ref(), registration);
    if !matches!(
        owner,
        ExternalMetricsOwner::Nobody | ExternalMetricsOwner::Operator
    ) {
        return Ok(owner);
    }
    let trusted = stored
        .as_ref()
        .and_then(|stored| stored.spec.as_ref()?.ca_bundle.as_ref())
        .is_some_and(|bundle| bundle.0 == certificates.ca_bundle_pem.as_bytes());
    if !trusted && leadership.is_current() {
        let wanted = api_service(client, registration, certificates).await?;
        api.patch(
            API_SERVICE,
            &PatchParams::apply(FIELD_MANAGER).force(),
            &Patch::Apply(&wanted),
        )
        .await?;
        return Ok(ExternalMetricsOwner::Operator);
    }
    Ok(owner)
}

fn owner_of(stored: Option<&APIService>, registration: &Registration) -> ExternalMetricsOwner {
    let Some(stored) = stored else {
        return ExternalMetricsOwner::Nobody;
    };
    let service = stored.spec.as_ref().and_then(|spec| spec.service.as_ref());
    let name = service
        .and_then(|service| service.name.as_deref())
        .unwrap_or_default();
    let namespace = service
        .and_then(|service| service.namespace.as_deref())
        .unwrap_or_default();
    if name == registration.service && namespace == registration.namespace {
        ExternalMetricsOwner::Operator
    } else if name.starts_with("keda-") {
        ExternalMetricsOwner::Keda
    } else {
        ExternalMetricsOwner::Other
    }
}

async fn api_service(
    client: &Client,
    registration: &Registration,
    certificates: &Certificates,
) -> Result<APIService, RegistrationError> {
    let owner = match &registration.owner {
        Some(name) => Api::<ClusterRole>::all(client.clone())
            .get_opt(name)
            .await?
            .and_then(|role| role.metadata.uid)
            .map(|uid| OwnerReference {
                api_version: "rbac.authorization.k8s.io/v1".to_owned(),
                kind: "ClusterRole".to_owned(),
                name: name.clone(),
                uid,
                ..OwnerReference::default()
            }),
        None => None,
    };
    Ok(APIService {
        metadata: ObjectMeta {
            name: Some(API_SERVICE.to_owned()),
            labels: Some(BTreeMap::from([(
                MANAGED_BY.to_owned(),
                MANAGER.to_owned(),
            )])),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(APIServiceSpec {
            group: Some(GROUP.to_owned()),
            version: Some(VERSION.to_owned()),
            group_priority_minimum: 100,
            version_priority: 100,
            service: Some(ServiceReference {
                name: Some(registration.service.clone()),
                namespace: Some(registration.namespace.clone()),
                port: Some(registration.port),
            }),
            ca_bundle: Some(ByteString(certificates.ca_bundle_pem.clone().into_bytes())),
            ..APIServiceSpec::default()
        }),
        ..APIService::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_that_points_elsewhere_belongs_to_somebody_else() {
        let registration = Registration::new("system", "operator", 443, None);
        let pointing_to = |name: &str, namespace: &str| APIService {
            spec: Some(APIServiceSpec {
                service: Some(ServiceReference {
                    name: Some(name.to_owned()),
                    namespace: Some(namespace.to_owned()),
                    port: None,
                }),
                ..APIServiceSpec::default()
            }),
            ..APIService::default()
        };
        assert_eq!(owner_of(None, &registration), ExternalMetricsOwner::Nobody);
        for (name, namespace, owner) in [
            ("operator", "system", ExternalMetricsOwner::Operator),
            ("operator", "other", ExternalMetricsOwner::Other),
            (
                "keda-operator-metrics-apiserver",
                "keda",
                ExternalMetricsOwner::Keda,
            ),
            (
                "prometheus-adapter",
                "monitoring",
                ExternalMetricsOwner::Other,
            ),
        ] {
            assert_eq!(
                owner_of(Some(&pointing_to(name, namespace)), &registration),
                owner,
                "{name}"
            );
        }
    }
}
