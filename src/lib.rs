//! classkeeper keeps default GatewayClasses.

pub mod cluster;
pub mod engine;
pub mod files;
pub mod metrics;
