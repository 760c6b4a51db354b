//! The Kubernetes operator: turns a `ChatCluster` into a running chat and keeps it so.
//!
//! One reconciliation has five steps, two of them pure: [`resolve`] reads, [`validate`] checks and decides, [`build`]
//! makes the objects, [`apply`] brings them about, [`status`] says how it stands.

pub mod build;
pub mod crd;
pub mod credentials;
pub mod resolve;
pub mod validate;
