//! The Kubernetes operator: turns a `ChatCluster` into a running chat and keeps it so.
//!
//! One reconciliation has five steps, two of them pure: [`resolve`] reads, [`validate`] checks and decides, [`build`]
//! makes the objects, [`apply`] brings them about, [`status`] says how it stands.

pub mod apply;
pub mod build;
pub mod children;
pub mod clusters;
pub mod config;
pub mod controller;
pub mod crd;
pub mod credentials;
pub mod discovery;
pub mod display;
pub mod events;
pub mod external_metrics;
pub mod health;
pub mod kinds;
pub mod leader;
pub mod managed_fields;
pub mod manifest;
pub mod memory;
pub mod metrics;
pub mod readings;
pub mod resolve;
pub mod run;
pub mod status;
pub mod validate;
pub mod wakes;
