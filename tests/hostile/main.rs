//! Hostile input: whatever stands in the files, and wherever they come from.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod directory;
mod editors;
mod memory;
mod random;
mod seeds;
mod suite;
mod targets;
mod text;
