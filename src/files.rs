//! The files.

pub mod watch;
