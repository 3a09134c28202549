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
        ErrorKind::MappingValueNotAllowed => Finding::error(Code::Syntax, span, "no `:` can stand here")
            .suggest("quote a text that contains `: `; else check the indentation, here and in the line above"),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            Finding::error(Code::Syntax, span, "this line is no `key: value`")
                .suggest("write a colon and a space after the key, or check the indentation")
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::UnexpectedEofFlowMapping => {
            Finding::error(Code::Syntax, span, "a `,` or `}` is missing before this")
        }
        ErrorKind::ExpectedFlowSequenceSeparator | ErrorKind::UnexpectedEofFlowSequence => {
            Finding::error(Code::Syntax, span, "a `,` or `]` is missing before this")
        }
        ErrorKind::ExpectedBlockMappingKey => {
            Finding::error(Code::Syntax, span, "a key of the map was expected here").suggest("check the indentation")
        }
        ErrorKind::UnclosedQuotedScalar => Finding::error(Code::Syntax, span, "a quote is opened and never closed"),
        ErrorKind::UnclosedFlowCollection { open } => {
            Finding::error(Code::Syntax, span, format!("a `{open}` is opened and never closed"))
        }
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => {
            // The scanner points to the beginning of the text that has it.
            let control = at + rest.find(*character).unwrap_or_default();
            unprintable(*character, self::span(control, control + character.len_utf8()))
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

/// The first NUL character of a text. To the scanner, it would be the end of the file.
pub(super) fn nul_character(text: &str) -> Option<Finding> {
    let at = text.bytes().position(|byte| byte == 0)?;
    Some(unprintable('\0', span(at, at + 1)))
}

/// The finding for a character that can't stand where it stands.
fn unprintable(character: char, span: Span) -> Finding {
    let number = u32::from(character);
    let message = match character {
        '\0' => "a NUL character stands here".to_owned(),
        _ => format!("the control character U+{number:04X} stands here"),
    };
    Finding::error(Code::Syntax, span, message)
        .suggest(format!("remove it, or write \\u{number:04X} for it between double quotes"))
}

/// A span of byte offsets; files are far smaller than `u32::MAX`.
pub(super) fn span(start: usize, end: usize) -> Span {
    let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    Span { start: clamp(start), end: clamp(end) }
}
