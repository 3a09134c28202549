//! Tests of the watch cache: events and answers in every order in which they may come.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value, json};

use super::*;

fn live(name: &str, uid: &str, version: u32, fields: Map<String, Value>) -> Arc<Live> {
    let metadata = json!({"name": name, "uid": uid, "resourceVersion": version.to_string()});
    let metadata: ObjectMeta = serde_json::from_value(metadata).unwrap();
    Arc::new(Live::new(metadata, fields).unwrap())
}

fn class(uid: &str, version: u32) -> Arc<Live> {
    live("a", uid, version, Map::new())
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
    let described = Map::from_iter([("spec".to_owned(), json!({"description": "a"}))]);
    let (old, new) = (class("first", 2), live("a", "first", 2, described));
    let mut cache = synced(class("first", 1));
    cache.see(Seen::Changed(old.clone()));
    cache.answer(new.clone());
    assert_eq!(cache.get("a"), Some(&new));
    assert_eq!(cache.see(Seen::Changed(old)), Effect::None);
    assert_eq!(cache.get("a"), Some(&new));
}

fn named(name: &str, version: u32) -> Arc<Live> {
    live(name, name, version, Map::new())
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
    // Of before the deletion, and late.
    assert_eq!(cache.see(Seen::Changed(class("first", 2))), Effect::None);
    assert!(cache.get("a").is_none());
    cache.see(Seen::Changed(class("second", 4)));
    assert!(cache.get("a").is_some(), "the next one of its name is another class");
}

#[test]
fn an_old_deletion_says_nothing_about_the_class_made_since() {
    let mut cache = synced(class("first", 1));
    cache.answer(class("second", 5));
    let deletion = Seen::Deleted { name: "a".into(), uid: "first".into(), version: "3".into() };
    assert_eq!(cache.see(deletion), Effect::None);
    assert_eq!(&*cache.get("a").unwrap().uid, "second");
}
