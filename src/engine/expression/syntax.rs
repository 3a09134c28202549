//! Parses, and says in plain words what is no CEL.

use std::ops::Range;

use kube_cel::cel;
use kube_cel::cel::parser::{ParseError, Parser};

use super::Problem;
use crate::engine::diagnostic::quoted;

/// Parses a text.
pub(super) fn parse(text: &str) -> Result<cel::IdedExpr, Problem> {
    Parser::new().parse(text).map_err(|errors| {
        let errors = errors.errors;
        // Of several errors, all but the first are mostly what came of it; and what it says of an incomplete part comes
        // of a missing or unexpected token.
        let is_of_a_token = |error: &&ParseError| error.msg.starts_with("Syntax error");
        match errors.iter().find(is_of_a_token).or(errors.first()) {
            Some(error) => explain(text, offset(text, error.pos), &error.msg),
            None => Problem::new(0..text.len(), "this is no CEL expression"),
        }
    })
}

/// The byte at a line and column, both counted from 1.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let count = |number: isize| usize::try_from(number - 1).unwrap_or_default();
    let start: usize = text.split_inclusive('\n').take(count(line)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(count(column)).map_or(rest.len(), |(at, _)| at)
}

/// The word or the character at a byte.
fn word(text: &str, at: usize) -> Range<usize> {
    let rest = text.get(at..).unwrap_or_default();
    let letters = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
    at..at + letters.max(rest.chars().next().map_or(0, char::len_utf8))
}

fn explain(text: &str, at: usize, message: &str) -> Problem {
    let range = word(text, at);
    let found = &text[range.clone()];
    let plain = |message: &str| Problem::new(range.clone(), message);
    if message.contains("invalid argument to has()") {
        return plain("has() takes a field such as cluster.gatewayAPI");
    }
    if message.contains("must be a simple name") {
        return plain("the first argument must be a new name for the item");
    }
    for (needle, words) in [
        ("unsupported syntax", "optional values such as a.?b and [?a] are not supported"),
        ("invalid int literal", "this number is too large"),
        ("invalid uint literal", "this number is too large"),
        ("invalid double literal", "this number is too large"),
        ("invalid string literal", "this string has an escape or a quote that means nothing"),
    ] {
        if message.contains(needle) {
            return plain(words);
        }
    }
    if found.is_empty() {
        return plain("the expression ends too early");
    }
    if found.starts_with(['\'', '"']) && message.contains("token recognition") {
        return plain("this string has an escape that means nothing").suggest(r"write \\ for one \");
    }
    let problem = plain(&format!("unexpected {}", quoted(found)));
    match found.to_ascii_lowercase().as_str() {
        "and" => problem.suggest("did you mean &&?"),
        "or" => problem.suggest("did you mean ||?"),
        _ => problem,
    }
}
