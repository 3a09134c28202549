//! The engine: pure functions from files and live classes to plans. It does no IO; a test holds that.

pub mod defaults;
pub mod policy;
pub mod unit;
