//! The engine: pure functions from files and live classes to plans. It does no IO; a test holds that.

pub mod annotations;
pub mod assembly;
pub mod author;
pub mod defaults;
pub mod diagnostic;
pub mod document;
pub mod edit;
pub mod expression;
pub mod facts;
pub mod field_set;
pub mod intent;
pub mod live;
pub mod managed_fields;
pub mod manifest;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod protection;
pub mod schema;
pub mod source;
pub mod tenancy;
pub mod unit;
pub mod validate;
pub mod when;
