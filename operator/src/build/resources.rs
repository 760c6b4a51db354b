//! CPU and memory: what the spec says, and each component's own default for the rest.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

use crate::crd::{Quantity, ResourceAmounts, Resources};

/// A component's defaults. There is no CPU limit: throttling costs latency, and requests already share the CPU fairly.
#[derive(Clone, Copy)]
pub(super) struct Defaults {
    pub(super) cpu: &'static str,
    pub(super) memory: &'static str,
    pub(super) memory_limit: &'static str,
}

pub(super) const GATEWAY: Defaults = Defaults {
    cpu: "50m",
    memory: "64Mi",
    memory_limit: "512Mi",
};
pub(super) const PROCESSOR: Defaults = Defaults {
    cpu: "50m",
    memory: "64Mi",
    memory_limit: "384Mi",
};
pub(super) const POSTGRES: Defaults = Defaults {
    cpu: "50m",
    memory: "128Mi",
    memory_limit: "512Mi",
};
pub(super) const RABBITMQ: Defaults = Defaults {
    cpu: "100m",
    memory: "256Mi",
    memory_limit: "1Gi",
};
pub(super) const REDIS: Defaults = Defaults {
    cpu: "20m",
    memory: "32Mi",
    memory_limit: "256Mi",
};

pub(super) fn build(chosen: Option<&Resources>, defaults: Defaults) -> ResourceRequirements {
    let requests = chosen.and_then(|resources| resources.requests.as_ref());
    let limits = chosen.and_then(|resources| resources.limits.as_ref());
    let memory_limit = limit_of(limits, defaults);
    let memory_request = match requests.and_then(|amounts| amounts.memory.clone()) {
        Some(request) => request,
        // A limit below the default request lowers the request too.
        None if memory_limit.to_units() < Quantity::from(defaults.memory).to_units() => {
            memory_limit.clone()
        }
        None => defaults.memory.into(),
    };
    let cpu_limit = limits.and_then(|amounts| amounts.cpu.clone());
    let cpu_request = match (requests.and_then(|amounts| amounts.cpu.clone()), &cpu_limit) {
        (Some(request), _) => request,
        (None, Some(limit)) if limit.to_units() < Quantity::from(defaults.cpu).to_units() => {
            limit.clone()
        }
        (None, _) => defaults.cpu.into(),
    };
    let mut limit_amounts =
        BTreeMap::from([("memory".to_owned(), ApiQuantity(memory_limit.canonical()))]);
    if let Some(cpu) = cpu_limit {
        limit_amounts.insert("cpu".to_owned(), ApiQuantity(cpu.canonical()));
    }
    ResourceRequirements {
        requests: Some(BTreeMap::from([
            ("cpu".to_owned(), ApiQuantity(cpu_request.canonical())),
            ("memory".to_owned(), ApiQuantity(memory_request.canonical())),
        ])),
        limits: Some(limit_amounts),
        ..ResourceRequirements::default()
    }
}

fn limit_of(limits: Option<&ResourceAmounts>, defaults: Defaults) -> Quantity {
    limits
        .and_then(|amounts| amounts.memory.clone())
        .unwrap_or_else(|| defaults.memory_limit.into())
}

/// The memory limit in MiB, from which a backend's own settings are sized; never below 64, so that those stay sane.
#[must_use]
pub fn memory_limit_mebibytes(requirements: &ResourceRequirements) -> u64 {
    requirements
        .limits
        .as_ref()
        .and_then(|limits| limits.get("memory"))
        .map_or(0, |limit| Quantity::from(limit.0.as_str()).to_mebibytes())
        .max(64)
}
