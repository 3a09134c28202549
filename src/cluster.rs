//! The cluster: a watch cache, passes over classes, and the loop that runs them.

pub mod api;
pub mod board;
pub mod breaker;
pub mod class;
pub mod class_api;
pub mod classes;
pub mod connect;
pub mod crd;
mod discovery;
pub mod error;
pub mod events;
pub mod execute;
pub mod facts;
pub mod gate;
pub mod gateways;
pub mod kept_names;
pub mod leader;
mod memory;
pub mod permission;
pub mod queue;
pub mod reconcile;
pub mod removal;
mod requests;
mod rewrite;
pub mod tell_loads;
pub mod watch;
pub mod watch_gateways;
