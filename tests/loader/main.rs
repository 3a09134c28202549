//! From files to classes, without a cluster.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod agreement;
mod conditions;
mod fixtures;
mod json;
mod schema;
mod templates;
mod tree;
