//! Network policies between the parts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Network policies: the backends take connections only from the parts of the same ChatCluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicySpec {
    /// Whether they are made.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

impl Default for NetworkPolicySpec {
    fn default() -> Self {
        super::all_defaults()
    }
}
