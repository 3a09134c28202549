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
    /// The uids of the classes that went last. The answer to a request that was on its way meanwhile may still have one:
    /// whoever takes the last finalizer off is answered by the class that is gone with it.
    gone: VecDeque<Box<str>>,
}

/// How many uids of classes that went are kept: more than requests can be under way.
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
                remember(&mut self.gone, &uid);
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
        if self.gone.contains(&live.uid) {
            return;
        }
        let (name, version) = (live.name.clone(), live.resource_version.clone());
        match self.store(live.clone()) {
            // The same state, and yet more of it perhaps: right after the CRD got a field, the watch shows it without, and
            // the request was answered by the new schema.
            Effect::None => {
                if let Some(known) = self.classes.get_mut(&name)
                    && (&known.uid, &known.resource_version) == (&live.uid, &version)
                {
                    *known = live;
                }
            }
            Effect::Class(_) | Effect::All => {
                self.unconfirmed.insert(name, version);
            }
        }
    }

    /// Takes in the server's answer that this class isn't there any more.
    pub fn answer_gone(&mut self, name: &str, uid: &str) {
        remember(&mut self.gone, uid);
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

    /// Keeps a class unless a newer state of it is known; says whether that is news.
    fn store(&mut self, live: Arc<Live>) -> Effect {
        let name = live.name.clone();
        match self.classes.get(&name) {
            Some(known) if known.resource_version == live.resource_version && known.uid == live.uid => Effect::None,
            Some(known) if live.resource_version.is_older_than(&known.resource_version) => Effect::None,
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
                remember(gone, &live.uid);
            }
            stays
        });
    }
}

fn remember(gone: &mut VecDeque<Box<str>>, uid: &str) {
    if gone.len() == GONE_AT_MOST {
        gone.pop_front();
    }
    gone.push_back(uid.into());
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::{Map, json};

    use super::*;

    fn class(uid: &str, version: u32) -> Arc<Live> {
        let metadata = json!({"name": "a", "uid": uid, "resourceVersion": version.to_string()});
        let metadata: ObjectMeta = serde_json::from_value(metadata).unwrap();
        Arc::new(Live::new(metadata, Map::new()).unwrap())
    }

    fn synced(live: Arc<Live>) -> ClassCache {
        let mut cache = ClassCache::default();
        for seen in [Seen::Listing(ServedVersion::V1), Seen::Item(live), Seen::Listed] {
            cache.see(seen);
        }
        cache
    }

    #[test]
    fn an_answer_that_comes_after_the_deletion_brings_nothing_back() {
        let mut cache = synced(class("first", 1));
        let deletion = Seen::Deleted { name: "a".into(), uid: "first".into(), version: "3".into() };
        assert_eq!(cache.see(deletion), Effect::Class("a".into()));
        // To the request that took the last finalizer off.
        cache.answer(class("first", 2));
        assert!(cache.get("a").is_none());
        cache.answer(class("second", 4));
        assert!(cache.get("a").is_some(), "the next one of its name is another class");
    }

    #[test]
    fn nor_does_one_that_comes_after_a_list_without_it() {
        let mut cache = synced(class("first", 1));
        cache.see(Seen::Listing(ServedVersion::V1));
        assert_eq!(cache.see(Seen::Listed), Effect::All);
        cache.answer(class("first", 2));
        assert!(cache.get("a").is_none());
    }

    #[test]
    fn of_one_version_the_answer_is_believed_and_not_the_watch() {
        let of_schema = |description: Option<&str>| {
            let metadata = json!({"name": "a", "uid": "first", "resourceVersion": "2"});
            let metadata: ObjectMeta = serde_json::from_value(metadata).unwrap();
            let spec = description.map(|text| ("spec".to_owned(), json!({"description": text})));
            Arc::new(Live::new(metadata, spec.into_iter().collect()).unwrap())
        };
        let (old, new) = (of_schema(None), of_schema(Some("a")));
        let mut cache = synced(class("first", 1));
        cache.see(Seen::Changed(old.clone()));
        cache.answer(new.clone());
        assert_eq!(cache.get("a"), Some(&new));
        assert_eq!(cache.see(Seen::Changed(old)), Effect::None);
        assert_eq!(cache.get("a"), Some(&new));
    }

    fn named(name: &str, version: u32) -> Arc<Live> {
        let metadata = json!({"name": name, "uid": name, "resourceVersion": version.to_string()});
        let metadata: ObjectMeta = serde_json::from_value(metadata).unwrap();
        Arc::new(Live::new(metadata, Map::new()).unwrap())
    }

    fn see(cache: &mut ClassCache, items: &[(&str, u32)]) {
        for (name, version) in items {
            cache.see(Seen::Item(named(name, *version)));
        }
    }

    fn names(cache: &ClassCache) -> Vec<&str> {
        let mut names: Vec<_> = cache.iter().map(|live| &*live.name).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_list_during_writes_loses_nothing() {
        let mut cache = ClassCache::default();
        cache.see(Seen::Listing(ServedVersion::V1));
        cache.see(Seen::Listed);
        // Answered before the list, and not in it: it was made before the write.
        cache.answer(named("before", 12));
        cache.see(Seen::Listing(ServedVersion::V1));
        see(&mut cache, &[("a", 5)]);
        // Answered during the list, before its own item comes.
        cache.answer(named("b", 14));
        see(&mut cache, &[("b", 6), ("c", 7)]);
        cache.answer(named("during", 15));
        cache.see(Seen::Listed);
        assert_eq!(names(&cache), ["a", "b", "before", "c", "during"]);
        cache.see(Seen::Changed(named("before", 12)));
        // What was confirmed and isn't in the next list is gone; and what comes then is there, whatever was believed.
        cache.see(Seen::Listing(ServedVersion::V1));
        see(&mut cache, &[("a", 5), ("b", 14), ("c", 7), ("during", 15)]);
        cache.see(Seen::Listed);
        assert_eq!(names(&cache), ["a", "b", "c", "during"]);
        cache.see(Seen::Changed(named("before", 20)));
        assert_eq!(names(&cache), ["a", "b", "before", "c", "during"]);
    }

    #[test]
    fn a_list_that_begins_again_counts_from_there_and_a_change_during_a_list_is_no_beginning() {
        let mut cache = ClassCache::default();
        cache.see(Seen::Listing(ServedVersion::V1));
        see(&mut cache, &[("a", 5), ("went", 6), ("a", 5), ("b", 7), ("b", 9)]);
        cache.see(Seen::Listed);
        assert_eq!(names(&cache), ["a", "b"]);
    }

    #[test]
    fn an_answer_that_a_class_is_gone_removes_that_one_only() {
        let mut cache = synced(class("first", 1));
        cache.answer_gone("a", "another");
        assert!(cache.get("a").is_some());
        cache.answer_gone("a", "first");
        assert!(cache.get("a").is_none());
    }

    #[test]
    fn an_old_deletion_says_nothing_about_the_class_made_since() {
        let mut cache = synced(class("first", 1));
        cache.answer(class("second", 5));
        let deletion = Seen::Deleted { name: "a".into(), uid: "first".into(), version: "3".into() };
        assert_eq!(cache.see(deletion), Effect::None);
        assert_eq!(&*cache.get("a").unwrap().uid, "second");
    }
}
