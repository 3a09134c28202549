//! The files: read as one consistent snapshot, watched, reloaded, the last good content kept.

pub mod follow;
pub mod reload;
pub mod snapshot;
pub mod watch;
pub mod yaml;
