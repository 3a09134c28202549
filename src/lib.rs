//! classkeeper keeps default GatewayClasses.

pub mod cluster;
pub mod commands;
pub mod engine;
pub mod files;
pub mod metrics;
pub mod serve;
