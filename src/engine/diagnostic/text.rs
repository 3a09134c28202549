//! The text of a file and the findings about it: from byte offsets to lines, columns and excerpts.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use memchr::memchr2;

use super::{Code, Diagnostic, Excerpt, Finding, Place, Related, Severity};
use crate::engine::document::Span;

/// More findings about one file than this are counted, not shown.
const FINDINGS_AT_MOST: usize = 500;
/// Messages and suggestions longer than this, in characters, are cut: they may quote what stands in the file.
const MESSAGE_AT_MOST: usize = 600;
/// Lines longer than this, in characters, are cut.
const LINE_AT_MOST: usize = 120;
/// How much of a cut line is shown before the mark, in characters.
const BEFORE_THE_MARK: usize = 40;

/// A file's text.
#[derive(Debug)]
pub struct FileText<'t> {
    /// The file's name, without its directory.
    pub name: Arc<str>,
    /// The text, without byte order mark.
    pub text: &'t str,
    lines: OnceCell<Vec<u32>>,
    shared: OnceCell<Arc<str>>,
}

impl<'t> FileText<'t> {
    /// The text of a file. Its byte order mark, if any, is not counted as a column.
    #[must_use]
    pub fn new(name: Arc<str>, text: &'t str) -> Self {
        Self {
            name,
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            lines: OnceCell::new(),
            shared: OnceCell::new(),
        }
    }

    /// The text, to be kept: all who keep it have the same.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        self.shared.get_or_init(|| self.text.into()).clone()
    }

    /// The line of a byte, from 1.
    #[must_use]
    pub fn line(&self, offset: u32) -> u32 {
        let starts = self.lines.get_or_init(|| line_starts(self.text));
        u32::try_from(starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    /// The text of a span; empty for one that doesn't fit the text.
    #[must_use]
    pub fn slice(&self, span: Span) -> &'t str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The place of a span. Of a span over several lines, the first one is marked.
    #[must_use]
    pub fn place(&self, span: Span) -> Place {
        let line = self.line(span.start);
        let starts = self.lines.get_or_init(|| line_starts(self.text));
        let start = starts[line as usize - 1] as usize;
        let end = starts.get(line as usize).map_or(self.text.len(), |next| *next as usize);
        let whole = self.text[start..end].trim_end_matches(['\n', '\r']);
        let from = self.text.floor_char_boundary(span.start as usize).saturating_sub(start).min(whole.len());
        let to = self.text.ceil_char_boundary(span.end as usize).saturating_sub(start).clamp(from, whole.len());
        let column = u32::try_from(whole[..from].chars().count() + 1).unwrap_or(u32::MAX);
        Place { file: self.name.clone(), line, column, excerpt: Some(excerpt(whole, from..to)) }
    }

    /// The finding with its places in this file.
    #[must_use]
    pub fn locate(&self, finding: Finding) -> Diagnostic {
        let Finding { severity, code, span, mut message, mut suggestion, related } = finding;
        for text in std::iter::once(&mut message).chain(&mut suggestion) {
            // A message may quote the file, whatever stands there; a terminal must not obey it.
            if text.contains(char::is_control) {
                let plain = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
                *text = text.chars().map(plain).collect();
            }
            if let Some((end, _)) = text.char_indices().nth(MESSAGE_AT_MOST) {
                text.truncate(end);
                text.push('…');
            }
        }
        let related = related
            .into_iter()
            .map(|(span, label)| Related { place: self.place(span), label: label.to_owned() })
            .collect();
        Diagnostic { severity, code, place: self.place(span), message, suggestion, related }
    }
}

/// The findings about one file, collected.
#[derive(Debug)]
pub struct Findings<'f, 't> {
    /// The file.
    pub file: &'f FileText<'t>,
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl<'f, 't> Findings<'f, 't> {
    /// No findings yet.
    #[must_use]
    pub fn new(file: &'f FileText<'t>) -> Self {
        Self { file, list: Vec::new(), errors: 0, warnings: 0 }
    }

    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        self.push_with(finding.severity, || finding);
    }

    /// Adds a finding of this severity, which is only made if it will be shown.
    pub fn push_with(&mut self, severity: Severity, finding: impl FnOnce() -> Finding) {
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.list.len() < FINDINGS_AT_MOST {
            self.list.push(self.file.locate(finding()));
        }
    }

    /// How many errors there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// All of them, in the order they were found.
    #[must_use]
    pub fn into_list(mut self) -> Vec<Diagnostic> {
        let left_out = self.errors + self.warnings - self.list.len();
        if left_out > 0 {
            let message = format!("{left_out} more findings in this file are not shown");
            let mut rest = Diagnostic::of_file(Code::TooManyFindings, &self.file.name, message);
            if self.errors == 0 {
                rest.severity = Severity::Warning;
            }
            // After the findings that are shown, also when they are ordered.
            let last = self.list.iter().map(|finding| (finding.place.line, finding.place.column)).max();
            (rest.place.line, rest.place.column) = last.unwrap_or((1, 1));
            self.list.push(rest);
        }
        self.list
    }
}

/// YAML breaks lines at LF, CR LF and a lone CR.
fn line_starts(text: &str) -> Vec<u32> {
    let mut starts = vec![0];
    let mut rest = text.as_bytes();
    while let Some(at) = memchr2(b'\n', b'\r', rest) {
        let (line, next) = rest.split_at(at + 1);
        rest = next;
        let Ok(start) = u32::try_from(text.len() - rest.len()) else { break };
        if line[at] == b'\n' || rest.first() != Some(&b'\n') {
            starts.push(start);
        }
    }
    starts
}

fn excerpt(line: &str, mark: Range<usize>) -> Excerpt {
    let back = |from: usize, count: usize| {
        line[..from].char_indices().rev().take(count).last().map_or(from, |(index, _)| index)
    };
    let ahead = |from: usize, count: usize| line[from..].char_indices().nth(count).map(|(index, _)| from + index);
    let (from, to) = if ahead(0, LINE_AT_MOST).is_none() {
        (0, line.len())
    } else {
        let from = back(mark.start, BEFORE_THE_MARK);
        (from, ahead(from, LINE_AT_MOST).unwrap_or(line.len()))
    };
    let mut text = String::with_capacity(to - from);
    if from > 0 {
        text.push('…');
    }
    text.extend(line[from..mark.start].chars().map(visible));
    let start = text.len();
    text.extend(line[mark.start..mark.end.min(to)].chars().map(visible));
    let end = text.len();
    text.extend(line[mark.end.min(to)..to].chars().map(visible));
    if to < line.len() {
        text.push('…');
    }
    Excerpt { text: text.into(), mark: start..end }
}

/// A character that neither moves the cursor nor turns the direction of writing.
fn visible(character: char) -> char {
    match character {
        '\t' => '\t',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => '\u{fffd}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, range: Range<u32>) -> Place {
        FileText::new("a.yaml".into(), text).place(Span { start: range.start, end: range.end })
    }

    fn shown(place: &Place) -> (u32, u32, &str, &str) {
        let excerpt = place.excerpt.as_ref().unwrap();
        (place.line, place.column, &excerpt.text, &excerpt.text[excerpt.mark.clone()])
    }

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let text = "äö: x\r\nsecond\rthird\n";
        assert_eq!(shown(&place(text, 0..4)), (1, 1, "äö: x", "äö"));
        assert_eq!(shown(&place(text, 6..7)), (1, 5, "äö: x", "x"));
        assert_eq!(shown(&place(text, 9..11)), (2, 1, "second", "se"));
        assert_eq!(shown(&place(text, 16..18)), (3, 1, "third", "th"));
        assert_eq!(shown(&place(text, 22..22)), (4, 1, "", ""));
        assert_eq!(shown(&place("", 0..0)), (1, 1, "", ""));
    }

    #[test]
    fn control_characters_that_a_message_quotes_are_escaped() {
        let finding = Finding::error(Code::Syntax, Span { start: 0, end: 1 }, "a \u{1b}[31m b").suggest("\u{85}");
        let located = FileText::new("a.yaml".into(), "x").locate(finding);
        assert_eq!((&*located.message, located.suggestion.as_deref()), ("a \\u{1b}[31m b", Some("\\u{85}")));
    }

    #[test]
    fn a_byte_order_mark_is_no_column() {
        assert_eq!(shown(&place("\u{feff}a: b", 0..1)), (1, 1, "a: b", "a"));
    }

    #[test]
    fn offsets_beyond_the_text_or_inside_a_character_do_no_harm() {
        assert_eq!(shown(&place("ab", 7..9)), (1, 3, "ab", ""));
        assert_eq!(shown(&place("äb", 1..2)), (1, 1, "äb", "ä"));
        assert_eq!(shown(&place("ab\ncd", 1..5)), (1, 2, "ab", "b"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let text = format!("{}MARK{}", "ä".repeat(1000), "ö".repeat(1000));
        let place = place(&text, 2000..2004);
        let (line, column, text, mark) = shown(&place);
        assert_eq!((line, column, mark), (1, 1001, "MARK"));
        assert_eq!(text.chars().count(), LINE_AT_MOST + 2);
        assert!(text.starts_with("…ä") && text.ends_with("ö…"), "{text}");
    }

    #[test]
    fn control_characters_are_made_visible() {
        assert_eq!(shown(&place("a\0b\u{1b}[31m\u{202e}", 1..2)), (1, 2, "a\u{2400}b\u{241b}[31m\u{fffd}", "\u{2400}"));
    }
}
