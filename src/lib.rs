//! classkeeper keeps default GatewayClasses.

pub mod engine;
