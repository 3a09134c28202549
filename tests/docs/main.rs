//! What README.md and the pages under `docs/` say is true: console blocks are run, YAML is read by whom it is for, links
//! lead somewhere, the reference is what the schema says, and nothing that the program can say is missing.

#![allow(unreachable_pub, reason = "a test has no users")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod console;
mod links;
mod page;
mod reader;
mod reference;
mod words;
mod yaml;
