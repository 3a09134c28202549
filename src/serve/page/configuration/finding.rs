//! A finding with the lines that it is about, the part that is meant marked.

use crate::engine::diagnostic::{Diagnostic, Place, Related};
use crate::files::configuration::Configuration;
use crate::serve::page::configuration::source_words;
use crate::serve::page::tone::Tone;
use crate::serve::page::words::Shown;

/// A finding.
pub(super) struct Finding {
    pub(super) severity: String,
    pub(super) tone: Tone,
    pub(super) message: String,
    pub(super) place: String,
    /// Which source it was found in.
    pub(super) source: String,
    pub(super) code: &'static str,
    pub(super) lines: Vec<Line>,
    pub(super) help: Option<String>,
}

/// A line of a file.
pub(super) struct Line {
    pub(super) label: String,
    pub(super) number: u32,
    pub(super) before: String,
    pub(super) marked: String,
    pub(super) after: String,
    /// What it has to do with the finding, if it isn't what the finding is about.
    pub(super) note: String,
}

impl Finding {
    /// So many of all, each source's errors and warnings and then those about single namespaces.
    pub(super) fn all(configuration: &Configuration, at_most: usize) -> Vec<Self> {
        let of_sources = configuration
            .sources
            .iter()
            .flat_map(|source| source.findings.iter().map(|finding| Self::of(finding, source_words(&source.id))));
        let of_namespaces = configuration.templates.findings.iter();
        let of_namespaces = of_namespaces
            .map(|finding| Self::of(&finding.diagnostic, format!("for the namespace {}", finding.namespace)));
        of_sources.chain(of_namespaces).take(at_most).collect()
    }

    fn of(finding: &Diagnostic, source: String) -> Self {
        let related = finding.related.iter().filter_map(|Related { place, label }| Line::of(place, label));
        Self {
            severity: finding.severity.to_string(),
            tone: finding.severity.into(),
            message: Shown(&finding.message).to_string(),
            place: Shown(&finding.place.to_string()).to_string(),
            source,
            code: finding.code.as_str(),
            lines: Line::of(&finding.place, "").into_iter().chain(related).collect(),
            help: finding.suggestion.as_deref().map(|help| Shown(help).to_string()),
        }
    }
}

impl Line {
    /// The line of a place; `None` if the file as a whole is meant.
    fn of(place: &Place, note: &str) -> Option<Self> {
        let excerpt = place.excerpt.as_ref()?;
        let (before, rest) = excerpt.text.split_at_checked(excerpt.mark.start)?;
        let (marked, after) = rest.split_at_checked(excerpt.mark.len())?;
        let shown = |text| Shown(text).to_string();
        Some(Self {
            label: format!("Line {} of {}", place.line, Shown(&place.file)),
            number: place.line,
            before: shown(before),
            // A place between two characters is still to be seen.
            marked: if marked.is_empty() { "‸".to_owned() } else { shown(marked) },
            after: shown(after),
            note: note.to_owned(),
        })
    }
}
