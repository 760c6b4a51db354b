//! Labels: by them pods find their Services, and the operator finds what it made.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::validate::Plan;

/// Label with the name of the ChatCluster.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Label with the component.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// Label with the operator's name, by which it watches.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGER: &str = "chatcluster-operator";

/// A part of a ChatCluster that has objects of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// What all parts share.
    Shared,
    /// The gateways.
    Gateway,
    /// The processors.
    Processor,
    /// The migration.
    Migration,
    /// The database.
    Postgres,
    /// The broker.
    RabbitMq,
    /// Redis.
    Redis,
}

impl Component {
    /// The value of the label, and the suffix of names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Gateway => "gateway",
            Self::Processor => "processor",
            Self::Migration => "migration",
            Self::Postgres => "postgres",
            Self::RabbitMq => "rabbitmq",
            Self::Redis => "redis",
        }
    }
}

/// Labels that select the pods of a component. They can never change: selectors are immutable.
pub(super) fn selector(plan: &Plan, component: Component) -> BTreeMap<String, String> {
    BTreeMap::from([
        (
            "app.kubernetes.io/name".to_owned(),
            "chatcluster".to_owned(),
        ),
        (INSTANCE.to_owned(), plan.name.clone()),
        (COMPONENT.to_owned(), component.as_str().to_owned()),
    ])
}

/// Labels of every object.
pub(super) fn all(plan: &Plan, component: Component) -> BTreeMap<String, String> {
    let mut labels = selector(plan, component);
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}

pub(super) fn label_selector(plan: &Plan, component: Component) -> LabelSelector {
    LabelSelector {
        match_labels: Some(selector(plan, component)),
        ..LabelSelector::default()
    }
}

/// Selects the pods of any of some components.
pub(super) fn selector_of_any(plan: &Plan, components: &[Component]) -> LabelSelector {
    let mut common = selector(plan, Component::Shared);
    common.remove(COMPONENT);
    LabelSelector {
        match_labels: Some(common),
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: COMPONENT.to_owned(),
            operator: "In".to_owned(),
            values: Some(
                components
                    .iter()
                    .map(|component| component.as_str().to_owned())
                    .collect(),
            ),
        }]),
    }
}
