//! What several processes of ChatCluster must agree on, and nothing else.
//!
//! No I/O, no async, no dependency on another crate of the workspace: the operator renders names and
//! variables from here, the gateway and the processor read them, and so they can't drift apart.

pub mod content;
pub mod duration;
pub mod env;
pub mod error;
pub mod event;
pub mod fanout;
pub mod ids;
pub mod job;
pub mod limits;
pub mod names;
pub mod partition;
pub mod ports;
pub mod protocol;
pub mod signing;
pub mod time;
