//! What a scalar is, by its style and tag, and which tags mean anything.

use std::borrow::Cow;

use serde_saphyr::granit_parser::{ScalarStyle, Tag};

use super::compose::{At, Composer};
use super::scalar::{self, Scalar};
use crate::engine::diagnostic::{Code, Finding, quoted};
use crate::engine::document::{Content, Span};

impl<'t> Composer<'_, '_, 't> {
    /// The value of a scalar. With a tag that means nothing it's taken for a string.
    pub(super) fn scalar(&mut self, text: Cow<'t, str>, style: ScalarStyle, tag: Option<&Tag>, at: At) -> Content<'t> {
        let span = at.span;
        let resolved = match tag.map(Tag::core_suffix) {
            None if style == ScalarStyle::Plain => scalar::resolve(&text),
            None | Some(Some("str")) => Scalar::String,
            // `!` alone makes a string of anything (YAML 1.2.2, section 6.9.1).
            Some(None) if tag.is_some_and(|tag| matches!(tag.parts(), ("", "!") | ("!", ""))) => Scalar::String,
            Some(Some(core @ ("null" | "bool" | "int" | "float"))) => self.tagged(&text, core, span),
            Some(_) => {
                self.unknown_tag(tag, at);
                Scalar::String
            }
        };
        match resolved {
            Scalar::Null => Content::Null,
            Scalar::Bool(value) => Content::Bool(value),
            Scalar::Number(number) => Content::Number(number),
            Scalar::String => Content::String(text),
            Scalar::NotFinite => {
                let message = format!("{text} is a number that no field can hold");
                self.findings.push(
                    Finding::error(Code::InvalidValue, span, message)
                        .suggest(format!("quote it if a text is meant: \"{text}\"")),
                );
                Content::String(text)
            }
        }
    }

    fn tagged(&mut self, text: &str, core: &str, span: Span) -> Scalar {
        let resolved = scalar::resolve(text);
        let fits = match &resolved {
            Scalar::Null => core == "null",
            Scalar::Bool(_) => core == "bool",
            Scalar::Number(number) => core == "float" || (core == "int" && !number.is_f64()),
            // This has its own finding.
            Scalar::NotFinite => true,
            Scalar::String => false,
        };
        if fits {
            return resolved;
        }
        self.findings.push(Finding::error(Code::WrongType, span, format!("{} is no !!{core}", quoted(text))));
        Scalar::String
    }

    /// A list may have the tag `!!seq` and a map `!!map`, which they are anyway.
    pub(super) fn check_collection_tag(&mut self, tag: Option<&Tag>, expected: &str, at: At) {
        if tag.is_some_and(|tag| tag.core_suffix() != Some(expected)) {
            self.unknown_tag(tag, at);
        }
    }

    fn unknown_tag(&mut self, tag: Option<&Tag>, at: At) {
        let span = at.tag.unwrap_or(at.span);
        let message = format!("the tag {} means nothing here", tag.map(Tag::original).unwrap_or_default());
        self.findings.push(Finding::error(Code::Unsupported, span, message).suggest("leave the tag out"));
    }
}
