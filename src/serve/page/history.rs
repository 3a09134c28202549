//! What happened lately, as rows.

use std::sync::Arc;

use super::configuration::source_words;
use super::shell::Shell;
use super::tone::Tone;
use super::words::{Moment, Shown};
use crate::cluster::journal::{Entry, Subject};

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) struct Happened {
    pub(super) moment: Moment,
    pub(super) what: &'static str,
    pub(super) tone: Tone,
    /// Which source it happened to; empty for a class.
    pub(super) source: String,
    pub(super) note: String,
}

/// These entries as rows.
pub(super) fn rows(entries: &[Arc<Entry>], shell: &Shell) -> Vec<Happened> {
    let row = |entry: &Arc<Entry>| Happened {
        moment: shell.moment(entry.time),
        what: entry.what.as_str(),
        tone: entry.what.into(),
        source: match &entry.subject {
            Subject::Class(_) => String::new(),
            Subject::Source(id) => source_words(id),
        },
        note: Shown(&entry.note).to_string(),
    };
    entries.iter().map(row).collect()
}
