//! The files: read as one consistent snapshot, watched, reloaded, the last good content kept; and what all sources
//! together ask for.

pub mod assemble;
pub mod configuration;
pub mod follow;
pub mod reload;
pub mod snapshot;
pub mod sources;
pub mod watch;
pub mod worker;
pub mod yaml;
