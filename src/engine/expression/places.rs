//! Where the parts of an expression stand in its text.
//!
//! The parser numbers the parts of what it reads, but tells their places only together with an error. So a text with
//! something wrong in it is read again, with an error at its end: the numbers are the same.

use std::ops::Range;
use std::sync::Arc;

use kube_cel::cel::common::ast::SourceInfo;
use kube_cel::cel::parser::Parser;

use super::Problem;

/// What is wrong with a numbered part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The part; `None` for the whole.
    pub(super) part: Option<u64>,
    /// What is wrong.
    pub(super) message: String,
    /// What to write instead.
    pub(super) suggestion: Option<String>,
}

impl Fault {
    pub(super) fn new(part: u64, message: impl Into<String>) -> Self {
        Self { part: Some(part), message: message.into(), suggestion: None }
    }

    pub(super) fn of_the_whole(message: impl Into<String>) -> Self {
        Self { part: None, message: message.into(), suggestion: None }
    }
}

/// Finds the places of faults, and orders the faults by them.
pub(super) fn locate(text: &str, faults: Vec<Fault>) -> Vec<Problem> {
    let places = places(text);
    let whole = 0..text.trim_end().len();
    let mut problems: Vec<_> = faults
        .into_iter()
        .map(|Fault { part, message, suggestion }| {
            let place = part.zip(places.as_ref()).and_then(|(part, places)| places.offset_for(part));
            let range = place.and_then(|place| range(text, place)).unwrap_or_else(|| whole.clone());
            Problem { range, message, suggestion }
        })
        .collect();
    problems.sort_by_key(|problem| problem.range.start);
    problems
}

fn places(text: &str) -> Option<Arc<SourceInfo>> {
    // A new line, because the text may end with a comment; @ stands in no expression.
    let errors = Parser::new().parse(&format!("{text}\n@")).err()?;
    errors.errors.into_iter().find_map(|error| error.source_info)
}

/// The part to point at, from the first and last byte of a part's token. The token of a field is the dot before its
/// name, and that of a call the bracket behind the name.
fn range(text: &str, (first, last): (u32, u32)) -> Option<Range<usize>> {
    let token = first as usize..last as usize + 1;
    let is_name = |next: char| next.is_ascii_alphanumeric() || next == '_';
    let found = match text.get(token.clone())? {
        "." => {
            let behind = &text[token.end..];
            let start = token.end + (behind.len() - behind.trim_start().len());
            let name = &text[start..];
            start..start + name.find(|next| !is_name(next)).unwrap_or(name.len())
        }
        "(" => {
            let before = text[..token.start].trim_end();
            let start = before
                .rfind(|next| !is_name(next))
                .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
            start..before.len()
        }
        _ => return Some(token),
    };
    Some(if found.is_empty() { token } else { found })
}
