//! Findings about defaults files: what is wrong, where, and what to write instead.
//!
//! A [`Finding`] points into a text by its span; [`text::FileText::locate`] makes a [`Diagnostic`] of it, which holds all
//! that is shown and so outlives the text.

mod code;
mod quote;
pub mod render;
pub mod text;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub use self::code::Code;
pub use self::quote::quoted;
use super::document::Span;

/// Whether a finding rejects its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The source is rejected.
    Error,
    /// The source is accepted.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// A finding about a part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it rejects the source.
    pub severity: Severity,
    /// What it is about.
    pub code: Code,
    /// The part of the text it is about.
    pub span: Span,
    /// What is wrong, a sentence without capital and full stop.
    pub message: String,
    /// What to do about it.
    pub suggestion: Option<String>,
    /// Other parts of the same text that belong to it, each with a few words on what it is.
    pub related: Vec<(Span, &'static str)>,
}

impl Finding {
    /// A finding that rejects the source.
    #[must_use]
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        let (severity, message) = (Severity::Error, message.into());
        Self { severity, code, span, message, suggestion: None, related: Vec::new() }
    }

    /// A finding that doesn't.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// The same with another part of the text that belongs to it.
    #[must_use]
    pub fn relate(mut self, span: Span, label: &'static str) -> Self {
        self.related.push((span, label));
        self
    }
}

/// A finding about a place in a file.
///
/// Serialised as one of the `findings` of `check -o json`: severity, code, file, line, column, message, suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it rejects the source.
    pub severity: Severity,
    /// What it is about.
    pub code: Code,
    /// Where it is.
    pub place: Place,
    /// What is wrong, a sentence without capital and full stop.
    pub message: String,
    /// What to do about it.
    pub suggestion: Option<String>,
    /// Other places that belong to it, such as the first of two duplicates.
    pub related: Vec<Related>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name, without its directory.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The line itself; `None` if the file as a whole is meant.
    pub excerpt: Option<Excerpt>,
}

/// A line of a file, fit to be shown: control characters made visible, the far ends of a long line cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line's text.
    pub text: Box<str>,
    /// The part that is meant, in bytes of `text`. Empty for a place between two characters.
    pub mark: Range<usize>,
}

/// A place that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Where it is.
    pub place: Place,
    /// A few words on what it is.
    pub label: String,
}

impl Place {
    /// A file as a whole.
    #[must_use]
    pub fn of_file(file: &Arc<str>) -> Self {
        Self { file: file.clone(), line: 1, column: 1, excerpt: None }
    }
}

/// `10-kgateway.yaml:6:3`, as editors and terminals make a link of it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Diagnostic {
    /// A finding about a file as a whole, which rejects the source.
    #[must_use]
    pub fn of_file(code: Code, file: &Arc<str>, message: impl Into<String>) -> Self {
        let (severity, place, message) = (Severity::Error, Place::of_file(file), message.into());
        Self { severity, code, place, message, suggestion: None, related: Vec::new() }
    }

    /// Where it is: shown as `10-kgateway.yaml:6:3`.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What findings are ordered by: file, line, column.
    #[must_use]
    pub fn order(&self) -> (&str, u32, u32) {
        (&self.place.file, self.place.line, self.place.column)
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Diagnostic", 7)?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("code", &self.code)?;
        fields.serialize_field("file", &self.place.file)?;
        fields.serialize_field("line", &self.place.line)?;
        fields.serialize_field("column", &self.place.column)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("suggestion", &self.suggestion)?;
        fields.end()
    }
}
