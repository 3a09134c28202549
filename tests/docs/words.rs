//! Every word that the program may say of a class, a unit, a finding or an Event has its row in `docs/operating.md`, and no
//! row is about a word that it doesn't say any more.

use std::collections::BTreeSet;

use classkeeper::cluster::events::Happening;
use classkeeper::engine::diagnostic::Code;
use classkeeper::engine::outcome::{Outcome, Reason, UnitAction};
use serde_json::Value;

use crate::page::Page;

/// The words in the first cells of the tables below a heading. No cell of a row is empty.
fn words_below(page: &Page, heading: &str) -> BTreeSet<String> {
    let mut lines = page.prose().skip_while(|(_, line)| *line != heading);
    assert!(lines.next().is_some(), "{}: no heading {heading}", page.path);
    let section = lines.take_while(|(_, line)| !line.starts_with('#'));
    let mut words = BTreeSet::new();
    for (number, line) in section {
        let Some(row) = line.strip_prefix("| `") else { continue };
        let cells: Vec<_> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
        let place = page.place(number);
        assert!(cells.len() >= 2 && cells.iter().all(|cell| !cell.is_empty()), "{place}: an empty cell");
        // A word that stands with one outcome only may be told for several at once.
        for word in cells[0].trim_end_matches('`').split("`, `") {
            assert!(words.insert(word.to_owned()), "{place}: {word} is told twice");
        }
    }
    words
}

fn names<T>(all: impl IntoIterator<Item = T>, name: impl Fn(T) -> &'static str) -> BTreeSet<String> {
    all.into_iter().map(|one| name(one).to_owned()).collect()
}

#[test]
fn every_word_of_the_program_is_told() {
    let page = Page::read("docs/operating.md");
    let all = [
        ("## Classes by outcome", names(Outcome::ALL, Outcome::as_str)),
        ("### By reason", names(Reason::ALL, Reason::as_str)),
        ("## Units by action", names(UnitAction::ALL, UnitAction::as_str)),
        ("## Findings by code", names(Code::ALL, Code::as_str)),
        ("## Events", names(Happening::ALL, Happening::as_str)),
    ];
    for (heading, words) in all {
        assert_eq!(words_below(&page, heading), words, "{}: {heading}", page.path);
    }
}

/// A name for people is the name in JSON.
#[test]
fn names_are_the_same_everywhere() {
    let outcomes = Outcome::ALL.map(|word| (serde_json::to_value(word), word.as_str()));
    let reasons = Reason::ALL.map(|word| (serde_json::to_value(word), word.as_str()));
    let actions = UnitAction::ALL.map(|word| (serde_json::to_value(word), word.as_str()));
    let codes = Code::ALL.map(|word| (serde_json::to_value(word), word.as_str()));
    for (json, name) in outcomes.into_iter().chain(reasons).chain(actions).chain(codes) {
        assert_eq!(json.unwrap(), Value::from(name));
    }
}
