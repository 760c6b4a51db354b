//! The wanted objects in the order in which they are applied.

use std::fmt;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use serde::Serialize;
use serde_json::Value;

use super::ApplyError;
use crate::build::{Desired, Gateway, Postgres, Processors, RabbitMq, Redis};
use crate::children::ChildKey;
use crate::kinds::Kind;
use crate::managed_fields::hash_of_wanted;

/// One wanted object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its kind and name.
    pub key: ChildKey,
    /// What it says, as JSON text: taken apart it would be twenty times as large, for as long as its ChatCluster is worked on.
    pub body: Box<str>,
    /// A hash of that.
    pub wanted: u64,
    /// Whether it says how many pods there are.
    pub sets_replicas: bool,
}

impl fmt::Display for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.key.kind.as_str(), self.key.name)
    }
}

/// All wanted objects, by the step that applies them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Objects {
    /// What pods refer to: a pod that is started before them would wait for the kubelet's next try.
    pub settings: Vec<Object>,
    /// The backends, and what limits disruption.
    pub backends: Vec<Object>,
    /// The migration, once the database answers.
    pub migration: Vec<Object>,
    /// Gateways and processors, once the migration is done.
    pub rollout: Vec<Object>,
}

impl Objects {
    /// Takes everything apart. There is no `..` here, so that an object can't be forgotten.
    ///
    /// # Errors
    /// [`ApplyError::Encode`], which Kubernetes' own types don't give rise to.
    pub fn of(desired: Desired) -> Result<Self, ApplyError> {
        let Desired {
            service_account,
            credentials,
            postgres,
            rabbitmq,
            redis,
            files,
            migration,
            gateway,
            processors,
            network_policy,
            monitor,
        } = desired;
        let mut objects = Self::default();
        let Self {
            settings,
            backends,
            migration: migrations,
            rollout,
        } = &mut objects;
        settings.push(object(Kind::ServiceAccount, &service_account)?);
        settings.push(object(Kind::Secret, &credentials)?);
        if let Some(policy) = network_policy {
            settings.push(object(Kind::NetworkPolicy, &policy)?);
        }
        if let Some(Postgres {
            config,
            service,
            stateful_set,
        }) = postgres
        {
            settings.push(object(Kind::ConfigMap, &config)?);
            settings.push(object(Kind::Service, &service)?);
            backends.push(object(Kind::StatefulSet, &stateful_set)?);
        }
        if let Some(RabbitMq {
            config,
            service,
            nodes,
            stateful_set,
            disruption_budget,
        }) = rabbitmq
        {
            settings.push(object(Kind::ConfigMap, &config)?);
            settings.push(object(Kind::Service, &service)?);
            settings.push(object(Kind::Service, &nodes)?);
            backends.push(object(Kind::StatefulSet, &stateful_set)?);
            if let Some(disruption_budget) = disruption_budget {
                backends.push(object(Kind::PodDisruptionBudget, &disruption_budget)?);
            }
        }
        if let Some(Redis {
            config,
            service,
            stateful_set,
        }) = redis
        {
            settings.push(object(Kind::ConfigMap, &config)?);
            settings.push(object(Kind::Service, &service)?);
            backends.push(object(Kind::StatefulSet, &stateful_set)?);
        }
        if let Some(files) = files {
            settings.push(object(Kind::PersistentVolumeClaim, &files)?);
        }
        migrations.push(object(Kind::Job, &migration)?);
        let Gateway {
            deployment,
            service,
            disruption_budget,
            ingress,
            autoscaler,
            scaled_object,
        } = gateway;
        settings.push(object(Kind::Service, &service)?);
        if let Some(ingress) = ingress {
            settings.push(object(Kind::Ingress, &ingress)?);
        }
        backends.push(object(Kind::PodDisruptionBudget, &disruption_budget)?);
        rollout.push(object(Kind::Deployment, &deployment)?);
        scalers(rollout, autoscaler, scaled_object)?;
        let Processors {
            deployment,
            disruption_budget,
            autoscaler,
            scaled_object,
        } = processors;
        backends.push(object(Kind::PodDisruptionBudget, &disruption_budget)?);
        rollout.push(object(Kind::Deployment, &deployment)?);
        scalers(rollout, autoscaler, scaled_object)?;
        if let Some(monitor) = monitor {
            settings.push(object(Kind::PodMonitor, &monitor)?);
        }
        Ok(objects)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Object> {
        [
            &self.settings,
            &self.backends,
            &self.migration,
            &self.rollout,
        ]
        .into_iter()
        .flatten()
    }
}

fn scalers(
    objects: &mut Vec<Object>,
    autoscaler: Option<HorizontalPodAutoscaler>,
    scaled_object: Option<Value>,
) -> Result<(), ApplyError> {
    if let Some(autoscaler) = autoscaler {
        objects.push(object(Kind::HorizontalPodAutoscaler, &autoscaler)?);
    }
    if let Some(scaled_object) = scaled_object {
        objects.push(object(Kind::ScaledObject, &scaled_object)?);
    }
    Ok(())
}

fn object(kind: Kind, typed: &impl Serialize) -> Result<Object, ApplyError> {
    let body = serde_json::to_value(typed).map_err(|source| ApplyError::Encode {
        kind: kind.as_str(),
        source,
    })?;
    let name = body
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(Object {
        key: ChildKey::new(kind, name),
        wanted: hash_of_wanted(&body),
        sets_replicas: body.pointer("/spec/replicas").is_some(),
        body: body.to_string().into_boxed_str(),
    })
}
