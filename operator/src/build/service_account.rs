//! The pods' identity: no rights, no token.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::labels::Component;
use super::metadata;
use crate::validate::Plan;

pub(super) fn build(plan: &Plan) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata::owned(plan, Component::Shared, name(plan)),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

pub(super) fn name(plan: &Plan) -> String {
    plan.name.clone()
}
