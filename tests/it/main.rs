//! The program against a real API server, as its users run it.

#![allow(unreachable_pub, reason = "a test has no users")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod admission;
mod adopting;
mod commands;
mod conditions;
mod crd;
mod fights;
mod helm;
mod http;
mod invariants;
mod keep;
mod laws;
mod leading;
mod leaving;
mod ownership;
mod page;
mod permissions;
mod plugin;
mod policies;
mod program;
mod protection;
mod proxy;
mod reload;
mod scenario;
mod sources;
mod teams;
mod telling;
mod templates;
mod tenants;
mod terminal;
mod versions;
mod webhook;
mod yields;
