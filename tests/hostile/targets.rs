//! What reads text that others wrote, each with a function that takes any bytes and panics if what must always hold
//! doesn't. The fuzzer calls them (`fuzz/`), and `cargo test` does with the seeds and at random.
//!
//! A new one has a file here, its seeds in `seeds.rs`, a line in [`TARGETS`] and one in `fuzz/Cargo.toml`.

pub(crate) mod admission;
pub(crate) mod certificates;
pub(crate) mod expression;
pub(crate) mod loader;
pub(crate) mod managed_fields;
pub(crate) mod template;
pub(crate) mod unit;

/// A function that takes any bytes.
pub(crate) struct Target {
    /// Its name, as `cargo fuzz run` takes it.
    pub(crate) name: &'static str,
    /// Panics if what must always hold doesn't.
    pub(crate) run: fn(&[u8]),
}

/// All of them.
pub(crate) const TARGETS: [Target; 7] = [
    Target { name: "loader", run: loader::run },
    Target { name: "managed_fields", run: managed_fields::run },
    Target { name: "expression", run: expression::run },
    Target { name: "template", run: template::run },
    Target { name: "admission", run: admission::run },
    Target { name: "certificates", run: certificates::run },
    Target { name: "unit", run: unit::run },
];
