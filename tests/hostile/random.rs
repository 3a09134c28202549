//! The targets, called with their seeds, with seeds that were disturbed, and with anything at all.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::seeds;
use crate::targets::{TARGETS, admission, certificates, expression, loader, managed_fields, template, unit};

fn seeds_of(target: &str) -> Vec<Vec<u8>> {
    seeds::of(target, Path::new(env!("CARGO_MANIFEST_DIR")))
}

#[test]
fn every_seed_keeps_what_must_hold() {
    for target in TARGETS {
        let seeds = seeds_of(target.name);
        assert!(seeds.len() > 10, "{} has only {} seeds", target.name, seeds.len());
        for seed in seeds {
            (target.run)(&seed);
        }
    }
}

/// So that each seed is read as what it is meant to be, and doesn't end with the first byte.
#[test]
fn the_seeds_of_managed_fields_and_reviews_are_json() {
    for seed in ["managed_fields", "admission"].into_iter().flat_map(seeds_of) {
        let text = String::from_utf8_lossy(&seed);
        assert!(serde_json::from_slice::<serde_json::Value>(&seed).is_ok(), "{text}");
    }
}

#[test]
fn every_target_is_fuzzed() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    let lists = [include_str!("../../fuzz/seeds.rs"), include_str!("../../fuzz/run")];
    let page = include_str!("../../docs/fuzzing.md");
    for target in TARGETS {
        let name = format!("name = \"{}\"\npath = \"fuzz_targets/{0}.rs\"", target.name);
        assert!(manifest.contains(&name), "fuzz/Cargo.toml doesn't have {}", target.name);
        assert!(lists.iter().all(|list| list.contains(target.name)), "fuzz/seeds.rs or fuzz/run lack {}", target.name);
        assert!(page.contains(&format!("| `{}` |", target.name)), "docs/fuzzing.md doesn't have {}", target.name);
    }
}

/// What is put into a text where it doesn't belong.
fn disturbance() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &str = r#"
        : - ? [ ] { } , " ' | > & &a *a ! !!str !!binary --- ... %YAML # << : ' " \ / ( ) == && || . .. $ ${ } ~ null
        true 1 -1 1e999 .inf 0x 9223372036854775808 apiVersion: kind: GatewayClass when: cluster. spec. metadata.labels['
        '] f: k: v: i: i:0 k:{} v:"" {} [] ":{}," fieldsV1 manager 'a' r' semver( size( .matches( .map(x, ü 🚪
    "#;
    let others = [
        "kind: GatewayClass\n",
        "%YAML 1.2\n",
        "when: true\n",
        "\n",
        "\r",
        "\r\n",
        "\t",
        " ",
        "  ",
        "\n---\n",
        "\u{feff}",
        "\0",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
    ];
    let pieces: Vec<_> = PIECES.split_whitespace().chain(others).collect();
    prop_oneof![select(pieces).prop_map(|text| text.as_bytes().to_vec()), vec(any::<u8>(), 1..4)]
}

/// A seed with something put in, or taken out, here and there.
fn disturbed(target: &str) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<Index>(), 0..20_usize, disturbance()), 1..5);
    (select(seeds_of(target)), changes).prop_map(|(mut bytes, changes)| {
        for (place, removed, added) in changes {
            let at = place.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, added);
        }
        bytes
    })
}

/// Anything at all, and anything that is made of what has a meaning somewhere.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..200), vec(disturbance(), 0..60).prop_map(|parts| parts.concat())]
}

fn input(target: &str) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => disturbed(target), 1 => anything()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_loader_keeps_what_must_hold(bytes in input("loader")) {
        loader::run(&bytes);
    }

    #[test]
    fn managed_fields_keep_what_must_hold(bytes in input("managed_fields")) {
        managed_fields::run(&bytes);
    }

    #[test]
    fn expressions_keep_what_must_hold(bytes in input("expression")) {
        expression::run(&bytes);
    }

    #[test]
    fn templates_keep_what_must_hold(bytes in input("template")) {
        template::run(&bytes);
    }

    #[test]
    fn reviews_keep_what_must_hold(bytes in input("admission")) {
        admission::run(&bytes);
    }

    #[test]
    fn certificates_keep_what_must_hold(bytes in input("certificates")) {
        certificates::run(&bytes);
    }

    #[test]
    fn units_keep_what_must_hold(bytes in input("unit")) {
        unit::run(&bytes);
    }
}
