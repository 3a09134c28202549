//! The cluster: a watch cache, passes over classes, and the loop that runs them.

pub mod api;
pub mod board;
pub mod class;
pub mod classes;
pub mod error;
pub mod execute;
pub mod queue;
pub mod reconcile;
mod requests;
pub mod watch;
