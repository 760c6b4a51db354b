//! The external metrics API that HorizontalPodAutoscalers read: served by the operator itself, so that a ChatCluster needs no
//! other monitoring to scale.
//!
//! Every replica of the operator serves it from its own readings. The API server's aggregation layer is the usual caller;
//! who may ask what is decided by the cluster's own authentication and authorisation ([`access`]).

mod access;
mod api;
mod certificates;
mod registration;
mod selector;
mod server;
mod values;

pub use certificates::CertificateError;
pub use registration::{Registration, run as register};
pub use server::{ApiState, serve};
pub use values::{Metric, work};

/// The API group.
pub const GROUP: &str = "external.metrics.k8s.io";
/// Its version.
pub const VERSION: &str = "v1beta1";
