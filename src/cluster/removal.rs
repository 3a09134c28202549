//! When a class whose default is gone may be left: only once nothing else can explain that its default isn't there.

use std::time::{Duration, Instant};

use crate::files::follow::{Configuration, ConfigurationState};

/// Whether an empty source counts as one whose classes were all removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptySource {
    /// It is taken for a mistake, and removes nothing.
    RemovesNothing,
    /// It removes everything (`--allow-empty`).
    RemovesAll,
}

/// What stands in the way of leaving classes.
#[derive(Debug)]
pub struct RemovalGate {
    /// A mount may lag behind for some minutes after the start.
    opens: Instant,
    delay: Duration,
    empty: EmptySource,
    sources: Sources,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sources {
    /// A source isn't read, or refused.
    NotAccepted,
    /// Everything is accepted, and it is nothing.
    Empty,
    /// Everything is accepted.
    Accepted,
}

impl RemovalGate {
    /// A gate that opens after a delay, if the sources allow.
    #[must_use]
    pub fn new(start: Instant, delay: Duration, empty: EmptySource) -> Self {
        Self { opens: start + delay, delay, empty, sources: Sources::NotAccepted }
    }

    /// Begins the delay anew: leadership was gained, and what the last leader saw isn't known.
    pub fn restart(&mut self, now: Instant) {
        self.opens = now + self.delay;
    }

    /// Takes in how the last load ended.
    pub fn load(&mut self, configuration: &Configuration) {
        self.sources = match (configuration.state, &configuration.defaults) {
            (ConfigurationState::Accepted, Some(defaults)) if defaults.is_empty() => Sources::Empty,
            (ConfigurationState::Accepted, Some(_)) => Sources::Accepted,
            (ConfigurationState::Pending | ConfigurationState::Rejected, _) | (_, None) => Sources::NotAccepted,
        };
    }

    /// Whether classes may be left now.
    #[must_use]
    pub fn is_open(&self, now: Instant) -> bool {
        self.allows() && now >= self.opens
    }

    /// When the gate opens by itself; `None` if it is open, or doesn't open without another load.
    #[must_use]
    pub fn opens(&self, now: Instant) -> Option<Instant> {
        (self.allows() && now < self.opens).then_some(self.opens)
    }

    fn allows(&self) -> bool {
        match self.sources {
            Sources::NotAccepted => false,
            Sources::Empty => self.empty == EmptySource::RemovesAll,
            Sources::Accepted => true,
        }
    }
}
