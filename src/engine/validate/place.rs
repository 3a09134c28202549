//! Where a part of a string stands in the file.

use std::ops::Range;

use crate::engine::diagnostic::text::FileText;
use crate::engine::document::{Node, Span};

/// Where a part of a string stands in the file; `None` if the string isn't written there as it is.
///
/// However it is written, in quotes or as a block, folded or not, the characters are the same but for white space.
pub(in crate::engine) fn place(file: &FileText<'_>, node: &Node<'_>, text: &str, part: Range<usize>) -> Option<Span> {
    let written = file.slice(node.span);
    let (from, to, style) = match written.chars().next()? {
        '\'' => (1, written.len().checked_sub(1)?, Style::Single),
        '"' => (1, written.len().checked_sub(1)?, Style::Double),
        '|' | '>' => (written.find('\n')? + 1, written.len(), Style::Plain),
        _ => (0, written.len(), Style::Plain),
    };
    let body = written.get(from..to)?;
    if !visible(body, style).map(|(_, c)| c).eq(visible(text, Style::Plain).map(|(_, c)| c)) {
        return None;
    }
    let before = visible(text.get(..part.start)?, Style::Plain).count();
    let within = visible(text.get(part)?, Style::Plain).count();
    let start = visible(body, style).nth(before).map_or(body.trim_end().len(), |(at, _)| at.start);
    let end = match within {
        0 => start,
        within => visible(body, style).nth(before + within - 1).map_or(start, |(at, _)| at.end),
    };
    let offset = |at: usize| u32::try_from(from + at).ok().map(|at| node.span.start + at);
    Some(Span { start: offset(start)?, end: offset(end)? })
}

/// How a string is written.
#[derive(Clone, Copy)]
enum Style {
    /// As it is.
    Plain,
    /// In single quotes, of which two stand for one.
    Single,
    /// In double quotes, with escapes.
    Double,
}

/// The characters that aren't white space, and where they are written.
fn visible(text: &str, style: Style) -> impl Iterator<Item = (Range<usize>, char)> {
    let mut at = 0;
    let characters = std::iter::from_fn(move || {
        let (rest, start) = (&text[at..], at);
        let first = rest.chars().next()?;
        at += first.len_utf8();
        let c = match (style, first) {
            (Style::Single, '\'') if rest[1..].starts_with('\'') => {
                at += 1;
                first
            }
            (Style::Double, '\\') => {
                let escaped = rest[1..].chars().next()?;
                at += escaped.len_utf8();
                let digits = match escaped {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                let code = rest.get(2..2 + digits).filter(|code| !code.is_empty());
                at += code.map_or(0, str::len);
                match (code, escaped) {
                    (Some(code), _) => u32::from_str_radix(code, 16).ok().and_then(char::from_u32)?,
                    (None, '0') => '\0',
                    (None, 'a') => '\u{7}',
                    (None, 'b') => '\u{8}',
                    (None, 'e') => '\u{1b}',
                    // The other letters are white space.
                    (None, 't' | 'n' | 'v' | 'f' | 'r' | 'N' | '_' | 'L' | 'P') => ' ',
                    (None, other) => other,
                }
            }
            (Style::Plain | Style::Single | Style::Double, other) => other,
        };
        Some((start..at, c))
    });
    characters.filter(|(_, c)| !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::document::Content;

    /// What stands at the place of a part of a string that is written like this.
    fn placed(written: &str, text: &str, part: &str) -> Option<String> {
        let file = FileText::new("a.yaml".into(), written);
        let span = Span { start: 0, end: u32::try_from(written.len()).unwrap() };
        let node = Node { span, content: Content::String(text.into()) };
        let start = text.find(part).unwrap();
        place(&file, &node, text, start..start + part.len()).map(|span| file.slice(span).to_owned())
    }

    #[test]
    fn a_part_is_found_however_the_string_is_written() {
        for (written, text, part, found) in [
            ("ab c", "ab c", "b", "b"),
            ("'it''s ä b'", "it's ä b", "b", "b"),
            ("'it''s'", "it's", "'s", "''s"),
            (r#""\"a\" \u00e4\t\x41\U0001F6AA\e b""#, "\"a\" ä\tA🚪\u{1b} b", "b", "b"),
            (r#""a \"b\"""#, "a \"b\"", "\"b\"", r#"\"b\""#),
            ("|\n  a\n  b c\n", "a\nb c\n", "b c", "b c"),
            (">-\n  a\n  b", "a b", "b", "b"),
        ] {
            assert_eq!(placed(written, text, part).as_deref(), Some(found), "{written}");
        }
        assert_eq!(placed("*alias", "other", "o"), None);
        assert_eq!(placed(r#""\uD83D""#, "a", "a"), None);
    }
}
