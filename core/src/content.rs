//! What may stand in content, titles, names and the like: sanitising, emptiness, links (the wire contract, §1.7).

mod elements;
pub mod sanitize;
pub mod spam;
