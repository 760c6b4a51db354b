//! Tokens: who signs them and how long they live.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretRef;

/// Tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthSpec {
    /// Secret with the key that signs access tokens (HS256, at least 32 bytes); left out, one is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_secret_ref: Option<SecretRef>,
    /// Lifetime of access tokens, for example `15m`, `12h`, `7d`.
    #[serde(default = "default_access_ttl")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,5}(s|m|h|d)$"))]
    pub access_ttl: String,
    /// Lifetime of refresh tokens.
    #[serde(default = "default_refresh_ttl")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,5}(s|m|h|d)$"))]
    pub refresh_ttl: String,
}

fn default_access_ttl() -> String {
    "7d".to_owned()
}

fn default_refresh_ttl() -> String {
    "30d".to_owned()
}

impl Default for AuthSpec {
    fn default() -> Self {
        super::all_defaults()
    }
}
