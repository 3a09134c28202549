//! `when`: whether it compiles, and where in the file what is wrong with it stands.

use std::ops::Range;

use crate::engine::diagnostic::text::{FileText, Findings};
use crate::engine::diagnostic::{Code, Finding, Severity};
use crate::engine::document::{Node, Span};
use crate::engine::expression::LENGTH_AT_MOST;
use crate::engine::manifest::Kind;
use crate::engine::when::Conditions;

pub(super) fn check(kind: Kind, root: &Node<'_>, conditions: &mut Conditions, findings: &mut Findings<'_, '_>) {
    match kind {
        Kind::DefaultGatewayClass => {}
        // It has no such field.
        Kind::GatewayClass | Kind::Tenant => return,
    }
    let Some(node) = root.get("when") else { return };
    let Some(text) = node.as_str() else { return };
    // About these two, the schema has spoken.
    if text.is_empty() || text.chars().count() > LENGTH_AT_MOST as usize {
        return;
    }
    let Err(problems) = conditions.compile(text) else { return };
    for problem in &*problems {
        let file = findings.file;
        findings.push_with(Severity::Error, || {
            let span = place(file, node, text, problem.range.clone()).unwrap_or(node.span);
            let mut finding = Finding::error(Code::InvalidExpression, span, format!("when: {}", problem.message));
            finding.suggestion.clone_from(&problem.suggestion);
            finding
        });
    }
}

/// Where a part of a string stands in the file; `None` if the string is written with escapes other than those of quotes.
///
/// However it is written, in quotes or as a block, folded or not, the characters are the same but for white space.
fn place(file: &FileText<'_>, node: &Node<'_>, text: &str, part: Range<usize>) -> Option<Span> {
    let written = file.slice(node.span);
    let (from, to, escape) = match written.chars().next()? {
        '\'' => (1, written.len().checked_sub(1)?, Some('\'')),
        '"' => (1, written.len().checked_sub(1)?, Some('\\')),
        '|' | '>' => (written.find('\n')? + 1, written.len(), None),
        _ => (0, written.len(), None),
    };
    let body = written.get(from..to)?;
    if !visible(body, escape).map(|(_, c)| c).eq(visible(text, None).map(|(_, c)| c)) {
        return None;
    }
    let before = visible(text.get(..part.start)?, None).count();
    let within = visible(text.get(part)?, None).count();
    let end_of = |(at, c): (usize, char)| at + c.len_utf8();
    let start = visible(body, escape).nth(before).map_or(body.trim_end().len(), |(at, _)| at);
    let end = if within == 0 { start } else { visible(body, escape).nth(before + within - 1).map_or(start, end_of) };
    let offset = |at: usize| u32::try_from(from + at).ok().map(|at| node.span.start + at);
    Some(Span { start: offset(start)?, end: offset(end)? })
}

/// The characters that aren't white space, without the one that escapes the next.
fn visible(text: &str, escape: Option<char>) -> impl Iterator<Item = (usize, char)> {
    let mut characters = text.char_indices();
    let unescaped = std::iter::from_fn(move || match characters.next() {
        Some((_, c)) if Some(c) == escape => characters.next(),
        next => next,
    });
    unescaped.filter(|(_, c)| !c.is_whitespace())
}
