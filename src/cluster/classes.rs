//! The watch cache: every GatewayClass as the cluster has it, as far as we know. Pure: events go in, names that
//! need a look come out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::api::ServedVersion;
use super::watch::Seen;
use crate::engine::live::{Live, ResourceVersion};

/// Every GatewayClass as the cluster has it, as far as we know.
#[derive(Debug, Default)]
pub struct ClassCache {
    classes: HashMap<Arc<str>, Arc<Live>>,
    state: CacheState,
    /// What the list under way has so far; what isn't in here at its end is gone.
    listed: HashSet<Arc<str>>,
    /// The newest version in the list under way.
    newest: Option<ResourceVersion>,
    /// The server's answers that no event has confirmed yet. A list may have been made before them.
    unconfirmed: HashMap<Arc<str>, ResourceVersion>,
    /// The classes that went last. The answer to a request that was on its way meanwhile may still have one: whoever takes
    /// the last finalizer off is answered by the class that is gone with it. And so may an event that comes late.
    gone: VecDeque<Gone>,
}

/// A class that went.
#[derive(Debug)]
struct Gone {
    uid: Box<str>,
    proof: Proof,
}

/// How it is known that a class went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// The server said so.
    Told,
    /// A list doesn't have it. The list may be older than we think: an event shows that the class is there.
    Unlisted,
}

/// How many of the classes that went are kept: more than requests can be under way.
const GONE_AT_MOST: usize = 256;

/// How far the cache can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheState {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// The cluster serves no GatewayClasses.
    KindMissing,
    /// The first list is under way.
    Listing(ServedVersion),
    /// It is what the cluster has, apart from what is on its way.
    Synced(ServedVersion),
}

/// What an event means for the classes.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// This class is to be looked at.
    Class(Arc<str>),
    /// All classes are to be looked at.
    All,
}

impl ClassCache {
    /// How far the cache can be trusted.
    #[must_use]
    pub fn state(&self) -> CacheState {
        self.state
    }

    /// A class, if it is there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Live>> {
        self.classes.get(name)
    }

    /// The same, to let go of memory that others hold as well.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Arc<Live>> {
        self.classes.get_mut(name)
    }

    /// All classes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Live>> {
        self.classes.values()
    }

    /// Takes in an event of the watch.
    pub fn see(&mut self, seen: Seen) -> Effect {
        match seen {
            Seen::KindMissing(_) => {
                self.classes.clear();
                self.unconfirmed.clear();
                self.state = CacheState::KindMissing;
                Effect::All
            }
            Seen::Listing(version) => {
                self.listed.clear();
                self.newest = None;
                // A list that is only repeated leaves what is known in force until it is complete.
                if self.state != CacheState::Synced(version) {
                    self.state = CacheState::Listing(version);
                }
                Effect::None
            }
            Seen::Item(live) => {
                let name = live.name.clone();
                let is_as_known = |known: &Arc<Live>| known.resource_version == live.resource_version;
                if !self.listed.insert(name.clone()) && self.classes.get(&name).is_some_and(is_as_known) {
                    // The server began the list again: what only the first beginning had may be gone by now. In one list
                    // a class comes twice only if it changed meanwhile.
                    self.listed = HashSet::from([name]);
                }
                if self.newest.as_ref().is_none_or(|newest| newest.is_older_than(&live.resource_version)) {
                    self.newest = Some(live.resource_version.clone());
                }
                self.confirm(&live);
                self.store(live)
            }
            Seen::Listed => {
                let CacheState::Listing(version) = self.state else {
                    self.forget_unlisted();
                    return Effect::All;
                };
                self.forget_unlisted();
                self.state = CacheState::Synced(version);
                Effect::All
            }
            Seen::Changed(live) => {
                self.confirm(&live);
                self.store(live)
            }
            Seen::Deleted { name, uid, version } => {
                // An old deletion says nothing about the class made since.
                let is_gone = |live: &Arc<Live>| live.uid == uid || live.resource_version.is_older_than(&version);
                remember(&mut self.gone, &uid, Proof::Told);
                if self.unconfirmed.get(&name).is_some_and(|answer| answer.is_older_than(&version)) {
                    self.unconfirmed.remove(&name);
                }
                if self.classes.get(&name).is_some_and(is_gone) {
                    self.classes.remove(&name);
                    return Effect::Class(name);
                }
                Effect::None
            }
        }
    }

    /// Takes in the server's answer to a write or a read of ours.
    pub fn answer(&mut self, live: Arc<Live>) {
        // It may have been on its way while the class went.
        if self.gone.iter().any(|gone| gone.uid == live.uid) {
            return;
        }
        let (name, version) = (live.name.clone(), live.resource_version.clone());
        // The same state, and yet more of it perhaps: right after the CRD got a field, the watch shows it without, and the
        // request was answered by the new schema.
        if let Some(known) = self.classes.get_mut(&name)
            && (&known.uid, &known.resource_version) == (&live.uid, &version)
        {
            *known = live;
            return;
        }
        match self.store(live) {
            Effect::None => {}
            Effect::Class(_) | Effect::All => {
                self.unconfirmed.insert(name, version);
            }
        }
    }

    /// Takes in the server's answer that this class isn't there any more.
    pub fn answer_gone(&mut self, name: &str, uid: &str) {
        remember(&mut self.gone, uid, Proof::Told);
        if self.classes.get(name).is_some_and(|known| *known.uid == *uid) {
            self.classes.remove(name);
            self.unconfirmed.remove(name);
        }
    }

    /// An event is as new as an answer, or newer.
    fn confirm(&mut self, live: &Live) {
        if self.unconfirmed.get(&live.name).is_some_and(|answer| !live.resource_version.is_older_than(answer)) {
            self.unconfirmed.remove(&live.name);
        }
    }

    /// Keeps a class unless a newer state of it is known, or that it is gone; says whether that is news.
    fn store(&mut self, live: Arc<Live>) -> Effect {
        let name = live.name.clone();
        let is_told_gone = || self.gone.iter().any(|gone| gone.proof == Proof::Told && gone.uid == live.uid);
        match self.classes.get(&name) {
            Some(known) if known.resource_version == live.resource_version && known.uid == live.uid => Effect::None,
            Some(known) if live.resource_version.is_older_than(&known.resource_version) => Effect::None,
            None if is_told_gone() => Effect::None,
            Some(_) | None => {
                self.classes.insert(name.clone(), live);
                Effect::Class(name)
            }
        }
    }

    fn forget_unlisted(&mut self) {
        let (listed, newest) = (std::mem::take(&mut self.listed), self.newest.take());
        let Self { classes, unconfirmed, gone, .. } = self;
        classes.retain(|name, live| {
            // Written after the list was made: the next events tell.
            let is_newer = |answer: &ResourceVersion| newest.as_ref().is_none_or(|newest| newest.is_older_than(answer));
            let stays = listed.contains(name) || unconfirmed.get(name).is_some_and(is_newer);
            if !stays {
                unconfirmed.remove(name);
                remember(gone, &live.uid, Proof::Unlisted);
            }
            stays
        });
    }
}

fn remember(gone: &mut VecDeque<Gone>, uid: &str, proof: Proof) {
    if gone.len() == GONE_AT_MOST {
        gone.pop_front();
    }
    gone.push_back(Gone { uid: uid.into(), proof });
}

#[cfg(test)]
mod tests;
