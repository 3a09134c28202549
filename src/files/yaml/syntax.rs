//! The YAML scanner's errors in words for the person who wrote the file.

use serde_saphyr::granit_parser::{ErrorKind, ScanError};

use crate::engine::diagnostic::text::FileText;
use crate::engine::diagnostic::{Code, Finding};
use crate::engine::document::Span;

/// The finding for a text that the scanner refuses.
pub(super) fn finding(error: &ScanError, file: &FileText<'_>) -> Finding {
    let at = error.marker().byte_offset().unwrap_or(file.text.len()).min(file.text.len());
    let rest = &file.text[file.text.floor_char_boundary(at)..];
    let length = rest.chars().next().filter(|first| !matches!(first, '\n' | '\r')).map_or(0, char::len_utf8);
    let span = span(at, at + length);
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(span),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => {
            // The scanner stops before the white space that has it.
            let tab = at + rest.find('\t').unwrap_or_default();
            Finding::error(Code::Syntax, self::span(tab, tab + 1), "YAML can't be indented with tabs")
                .suggest("use spaces")
        }
        ErrorKind::UnknownAnchor => Finding::error(Code::Syntax, span, "this alias has no anchor before it")
            .suggest("quote a text that begins with *"),
        ErrorKind::MappingValueNotAllowed => {
            Finding::error(Code::Syntax, span, "a map can't begin here: this `:` follows a value that is complete")
                .suggest("quote a text that contains `: `, or check the indentation")
        }
        ErrorKind::SimpleKeyExpected => Finding::error(Code::Syntax, span, "this line is no `key: value`")
            .suggest("write a colon and a space after the key, or check the indentation"),
        ErrorKind::ExpectedBlockMappingKey => {
            Finding::error(Code::Syntax, span, "a key of the map was expected here").suggest("check the indentation")
        }
        ErrorKind::UnclosedQuotedScalar => Finding::error(Code::Syntax, span, "a quote is opened and never closed"),
        ErrorKind::UnclosedFlowCollection { open } => {
            Finding::error(Code::Syntax, span, format!("a `{open}` is opened and never closed"))
        }
        ErrorKind::UnexpectedCharacter { character: character @ ('@' | '`' | '%') } => {
            Finding::error(Code::Syntax, span, format!("a text can't begin with `{character}` without quotes"))
                .suggest("quote it")
        }
        // The kinds are the crate's, and it may add some: the others keep its words.
        other => Finding::error(Code::Syntax, span, format!("this isn't YAML: {other}")),
    }
}

/// The finding for values nested beyond the limit.
pub(super) fn too_deep(span: Span) -> Finding {
    Finding::error(Code::TooDeep, span, format!("values are nested more than {} levels deep", super::DEPTH_AT_MOST))
}

/// The first character that YAML allows in no file (YAML 1.2.2, section 5.1, `c-printable`).
pub(super) fn forbidden_character(text: &str) -> Option<Finding> {
    let is_suspect = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f | 0xc2 | 0xef);
    let mut from = 0;
    // Few bytes of real files are suspect, so the search by characters below is rare.
    while let Some(found) = text.as_bytes()[from..].iter().position(is_suspect) {
        let at = from + found;
        let character = text[at..].chars().next()?;
        let is_forbidden = match character {
            '\t' | '\n' | '\r' | '\u{85}' => false,
            '\u{fffe}' | '\u{ffff}' => true,
            other => other.is_control(),
        };
        if is_forbidden {
            let message = match character {
                '\0' => "a NUL character stands in the file".to_owned(),
                other => format!("the control character U+{:04X} stands in the file", u32::from(other)),
            };
            let escape =
                format!("remove it, or write it as an escape in double quotes: \"\\u{:04X}\"", u32::from(character));
            let span = span(at, at + character.len_utf8());
            return Some(Finding::error(Code::Syntax, span, message).suggest(escape));
        }
        from = at + character.len_utf8();
    }
    None
}

/// A span of byte offsets; files are far smaller than `u32::MAX`.
pub(super) fn span(start: usize, end: usize) -> Span {
    let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    Span { start: clamp(start), end: clamp(end) }
}
