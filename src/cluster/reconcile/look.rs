//! Which classes are looked at again when something changed that concerns many of them: new defaults, the cluster's
//! kinds, leadership, time.

use std::sync::Arc;
use std::time::Instant;

use super::Loop;
use crate::engine::author::Author;
use crate::engine::live::Live;
use crate::engine::protection::{Word, is_held_by};
use crate::engine::source::Leaving;

impl Loop {
    /// Asks for a pass over every class that may need one.
    pub(super) fn look_at_everything(&mut self) {
        self.look_again();
        self.look_for_leavers();
        self.look_for_held();
    }

    /// Asks for a pass over every class that the files name.
    pub(super) fn look_again(&mut self) {
        let defaults = self.board.lock().defaults.clone().unwrap_or_default();
        let now = Instant::now();
        for default in defaults.iter() {
            self.queue.push(&default.name, now);
        }
    }

    /// Asks for a pass over every class whose default has a condition.
    pub(super) fn look_at_conditions(&mut self) {
        let defaults = self.board.lock().defaults.clone().unwrap_or_default();
        let now = Instant::now();
        for default in defaults.iter().filter(|default| default.when.is_some()) {
            self.queue.push(&default.name, now);
        }
    }

    /// Whether we own anything of a class, be it only its finalizer.
    pub(super) fn concerns_us(&self, live: &Live) -> bool {
        self.installation.applies_to(live) || is_held_by(live, self.installation.platform())
    }

    /// Asks for a pass over each class that is ours and that no default names; and over each that a tenant's default
    /// names and that was applied for somebody else, since it may be free by now.
    pub(super) fn look_for_leavers(&mut self) {
        let now = Instant::now();
        if !self.removal.is_open(now) {
            return;
        }
        let names: Vec<_> = {
            let state = self.board.lock();
            let Some(defaults) = &state.defaults else { return };
            let may_go = |live: &Live| self.word_on(live, now) == Word::Gone || self.leaver(live, now).is_some();
            let is_due = |live: &&Arc<Live>| match defaults.get(&live.name).map(|default| &default.author) {
                None => self.concerns_us(live) && may_go(live),
                Some(Author::Platform) => false,
                Some(author) => self.installation.authors_of(live).any(|holder| holder != *author),
            };
            state.cache.iter().filter(is_due).map(|live| live.name.clone()).collect()
        };
        self.push_all(&names);
    }

    /// What the files mean that don't describe a class.
    pub(super) fn word_on(&self, live: &Live, now: Instant) -> Word<'static> {
        if self.removal.holds(&live.name) {
            return Word::NotYetKnown;
        }
        let mut authors = self.installation.authors_of(live).peekable();
        let may_leave = |author: &Author| self.removal.leaving(author, now).is_some();
        let is_gone = match authors.peek() {
            Some(_) => authors.all(|author| may_leave(&author)),
            None => may_leave(&Author::Platform),
        };
        if is_gone { Word::Gone } else { Word::NotYetKnown }
    }

    /// For whom a class was applied that may be left now.
    pub(super) fn leaver(&self, live: &Live, now: Instant) -> Option<(Author, Leaving)> {
        if self.removal.holds(&live.name) {
            return None;
        }
        let leaving = |author: Author| self.removal.leaving(&author, now).map(|leaving| (author, leaving));
        self.installation.authors_of(live).find_map(leaving)
    }

    /// Asks for a pass over each class that our finalizer is on, whatever is known of the defaults.
    pub(super) fn look_for_held(&mut self) {
        let is_held = |live: &&Arc<Live>| is_held_by(live, self.installation.platform());
        let held: Vec<_> = self.board.lock().cache.iter().filter(is_held).map(|live| live.name.clone()).collect();
        if !held.is_empty() {
            self.need_gateways();
        }
        self.push_all(&held);
    }

    fn push_all(&mut self, names: &[Arc<str>]) {
        let now = Instant::now();
        for name in names {
            self.queue.push(name, now);
        }
    }
}
