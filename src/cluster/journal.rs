//! The journal: what happened lately, as this replica saw it. The page shows it.
//!
//! Our rights allow us to write Events, not to read them, and a replica that tells none still has a history. So it is kept
//! here, within bounds: it begins with the program and is over with it. Names of units stand in it, never their values.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::jiff::Timestamp;

use super::events::Happening;
use crate::engine::outcome::Outcome;
use crate::engine::source::SourceId;

/// What happened, and is kept: over all classes and sources, about 50 KiB.
pub const KEPT_AT_MOST: usize = 256;
/// Of a note, in bytes.
const NOTE_AT_MOST: usize = 240;

/// What happened lately.
#[derive(Debug)]
pub struct Journal {
    since: Timestamp,
    entries: Mutex<VecDeque<Arc<Entry>>>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// To what.
    pub subject: Subject,
    /// What.
    pub what: What,
    /// More, for people: names of units, never values.
    pub note: Box<str>,
}

/// What it happened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The class of this name.
    Class(Arc<str>),
    /// A source of defaults.
    Source(SourceId),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Something that an Event tells as well.
    Told(Happening),
    /// The class is reported otherwise from now on, and nothing was written to it.
    Became(Outcome),
}

impl What {
    /// Its name: an Event's reason, or an outcome.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Told(happening) => happening.as_str(),
            Self::Became(outcome) => outcome.as_str(),
        }
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self { since: Timestamp::now(), entries: Mutex::default() }
    }
}

impl Journal {
    /// Since when it is kept.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Notes what happened just now; the oldest entry makes room.
    pub fn note(&self, subject: Subject, what: What, note: &str) {
        let end = note.floor_char_boundary(NOTE_AT_MOST);
        let note = if end < note.len() { format!("{}…", &note[..end]).into() } else { note.into() };
        let mut entries = self.lock();
        if entries.len() == KEPT_AT_MOST {
            entries.pop_front();
        }
        entries.push_back(Arc::new(Entry { time: Timestamp::now(), subject, what, note }));
    }

    /// What is kept of a class, the newest first.
    #[must_use]
    pub fn of_class(&self, name: &str) -> Vec<Arc<Entry>> {
        self.newest(|entry| matches!(&entry.subject, Subject::Class(class) if **class == *name))
    }

    /// What is kept of the sources, the newest first.
    #[must_use]
    pub fn of_sources(&self) -> Vec<Arc<Entry>> {
        self.newest(|entry| matches!(entry.subject, Subject::Source(_)))
    }

    fn newest(&self, is_meant: impl Fn(&Entry) -> bool) -> Vec<Arc<Entry>> {
        self.lock().iter().rev().filter(|entry| is_meant(entry)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        // A panic elsewhere leaves whole entries behind.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str) -> Subject {
        Subject::Class(name.into())
    }

    #[test]
    fn the_newest_comes_first_and_each_class_has_its_own() {
        let journal = Journal::default();
        journal.note(class("a"), What::Told(Happening::Created), "as a.yaml:1 says");
        journal.note(class("b"), What::Became(Outcome::Paused), "");
        journal.note(class("a"), What::Told(Happening::DriftRepaired), "put back spec.description");
        journal.note(Subject::Source(SourceId::Directory), What::Told(Happening::DefaultsAccepted), "2 classes");
        let words = |entries: Vec<Arc<Entry>>| entries.iter().map(|entry| entry.what.as_str()).collect::<Vec<_>>();
        assert_eq!(words(journal.of_class("a")), ["DriftRepaired", "Created"]);
        assert_eq!(words(journal.of_class("b")), ["Paused"]);
        assert_eq!(words(journal.of_sources()), ["DefaultsAccepted"]);
    }

    #[test]
    fn it_has_bounds() {
        let journal = Journal::default();
        for round in 0..3 * KEPT_AT_MOST {
            journal.note(class("a"), What::Told(Happening::Configured), &format!("{round} {}", "ä".repeat(500)));
        }
        let entries = journal.of_class("a");
        assert_eq!(entries.len(), KEPT_AT_MOST);
        assert!(entries[0].note.starts_with(&format!("{} ä", 3 * KEPT_AT_MOST - 1)));
        assert!(entries.iter().all(|entry| entry.note.len() <= NOTE_AT_MOST + '…'.len_utf8()));
    }
}
