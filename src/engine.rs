//! The engine: pure functions from files and live classes to plans. It does no IO; a test holds that.

pub mod annotations;
pub mod defaults;
pub mod field_set;
pub mod intent;
pub mod live;
pub mod managed_fields;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod unit;
