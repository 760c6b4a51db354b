//! What all routes share: the router, the listener, extractors, errors.

pub(crate) mod byte_range;
pub(crate) mod caller;
pub(crate) mod client_ip;
pub(crate) mod cors;
pub(crate) mod download;
pub(crate) mod envelope;
pub(crate) mod extract;
pub(crate) mod lingering_body;
pub(crate) mod listener;
pub(crate) mod problem;
pub(crate) mod router;
