use std::collections::BTreeMap;

use super::*;
use crate::engine::assembly::Holders;
use crate::engine::author::Author;
use crate::engine::source::LoadState;
use crate::engine::template::namespace::Namespace;
use crate::files::snapshot::Snapshot;
use crate::files::sources::{News, Settled, Sources};

const TEMPLATE: &str = "
apiVersion: classkeeper.dev/v1alpha1
kind: GatewayClassTemplate
metadata: {name: per-team}
forEach: {namespaces: {selector: {matchLabels: {tenant: 'true'}}}}
template:
  metadata: {name: '${namespace.name}-edge'}
  spec: {controllerName: example.com/controller, description: \"${namespace.labels['title']}\"}
---
";
const TENANT: &str = "
apiVersion: classkeeper.dev/v1alpha1
kind: Tenant
metadata: {name: a}
namespaces: [a]
allow: {names: ['a-*'], controllerNames: ['example.com/*']}
---
";

fn class(name: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: {name}}}\n\
         spec: {{controllerName: example.com/controller}}\n---\n"
    )
}

fn read(text: &str) -> News {
    let snapshot = Snapshot::of([("a.yaml".to_owned(), text.as_bytes().to_vec())]);
    News::Read { id: SourceId::Directory, uid: None, snapshot }
}

fn namespace(name: &str, title: &str) -> Namespace {
    Namespace::new(name, [("tenant", "true"), ("title", title)], [], &Keys::default())
}

fn listed(namespaces: Vec<Namespace>) -> Vec<News> {
    let items = namespaces.into_iter().map(NamespaceSeen::Item);
    let list = std::iter::once(NamespaceSeen::Listing(Keys::default())).chain(items).chain([NamespaceSeen::Listed]);
    list.map(News::Namespace).collect()
}

fn changed(namespace: Namespace) -> [News; 1] {
    [News::Namespace(NamespaceSeen::Changed(namespace))]
}

fn take_in(sources: &mut Sources, news: impl IntoIterator<Item = News>) -> Settled {
    sources.take_in(news, &|_| Holders::Known(Vec::new()))
}

fn names(settled: &Settled) -> Vec<&str> {
    settled.configuration.defaults.iter().flat_map(|defaults| defaults.iter().map(|class| &*class.name)).collect()
}

fn progress(settled: &Settled) -> Progress {
    settled.configuration.templates.progress
}

/// Sources in which everything is known.
fn known(text: &str, namespaces: Vec<Namespace>) -> (Sources, Settled) {
    let mut sources = Sources::new([SourceId::Directory]);
    take_in(&mut sources, [read(text), News::Cluster(Arc::default())]);
    let settled = take_in(&mut sources, listed(namespaces));
    (sources, settled)
}

#[test]
fn what_templates_give_is_in_force_beside_what_is_written() {
    let mut sources = Sources::new([SourceId::Directory]);
    let settled = take_in(&mut sources, [read(&(class("plain") + TEMPLATE))]);
    assert_eq!((names(&settled), progress(&settled)), (vec!["plain"], Progress::Waiting));
    assert_eq!(settled.annotations, Some(Keys::default()), "namespaces are to be watched");
    take_in(&mut sources, [News::Cluster(Arc::default())]);
    let settled = take_in(&mut sources, listed(vec![namespace("a", "A")]));
    assert_eq!((names(&settled), progress(&settled)), (vec!["a-edge", "plain"], Progress::Complete));
    assert_eq!(settled.configuration.defaults.as_ref().unwrap().get("a-edge").unwrap().author, Author::Platform);
    let settled = take_in(&mut sources, changed(namespace("b", "B")));
    assert_eq!(names(&settled), ["a-edge", "b-edge", "plain"]);
    let before = settled.configuration.defaults.clone().unwrap();
    let settled = take_in(&mut sources, changed(namespace("b", "B")));
    assert!(Arc::ptr_eq(&before, settled.configuration.defaults.as_ref().unwrap()), "nothing changed");
    let settled = take_in(&mut sources, [read(&class("plain"))]);
    assert_eq!((names(&settled), settled.annotations.is_none()), (vec!["plain"], true));
}

#[test]
fn a_name_of_a_template_is_the_platform_s_and_a_tenant_is_told() {
    let (mut sources, _) = known(&(TENANT.to_owned() + TEMPLATE), vec![namespace("a", "A")]);
    let name: crate::engine::source::ConfigMapName = "a/defaults".parse().unwrap();
    let data = BTreeMap::from([("a.yaml".to_owned(), class("a-edge"))]);
    let snapshot = Snapshot::of_config_map("a", "defaults", data, BTreeMap::new());
    let settled = take_in(&mut sources, [News::Labelled { name, uid: None, snapshot }]);
    let source = &settled.configuration.sources[1];
    assert_eq!(source.state, LoadState::Rejected);
    assert_eq!(source.findings[0].message, "the class \"a-edge\" is held by the platform, at a.yaml:9");
    assert_eq!(names(&settled), ["a-edge"]);
    // It is free once the namespace is gone.
    let settled = take_in(&mut sources, [News::Namespace(NamespaceSeen::Deleted("a".into()))]);
    assert_eq!(settled.configuration.sources[1].state, LoadState::Accepted);
    let author = &settled.configuration.defaults.as_ref().unwrap().get("a-edge").unwrap().author;
    assert_eq!(*author, Author::Tenant("a".into()));
}

#[test]
fn a_class_that_the_platform_wrote_is_preferred_and_the_namespace_is_told() {
    let (mut sources, settled) = known(&(class("a-edge") + TEMPLATE), vec![namespace("a", "A"), namespace("b", "B")]);
    let origin =
        |settled: &Settled| settled.configuration.defaults.as_ref().unwrap().get("a-edge").unwrap().origin.line;
    assert_eq!((names(&settled), origin(&settled)), (vec!["a-edge", "b-edge"], 1));
    assert_eq!(settled.configuration.sources[0].state, LoadState::Accepted, "the source is in order");
    let told: Vec<_> = settled.configuration.templates.findings.iter().map(|found| &*found.namespace).collect();
    assert_eq!(told, ["a"]);
    let settled = take_in(&mut sources, [read(TEMPLATE)]);
    assert_eq!((names(&settled), origin(&settled)), (vec!["a-edge", "b-edge"], 2));
    assert!(settled.configuration.templates.findings.is_empty());
}

#[test]
fn a_class_stays_as_it_was_while_its_namespace_is_wrong_and_is_held_if_that_isn_t_known() {
    let wrong = || Namespace::new("a", [("tenant", "true")], [], &Keys::default());
    let (mut sources, _) = known(TEMPLATE, vec![namespace("a", "A")]);
    let settled = take_in(&mut sources, changed(wrong()));
    assert_eq!((names(&settled), settled.configuration.templates.findings.len()), (vec!["a-edge"], 1));
    assert!(settled.configuration.templates.held.is_empty());
    let (mut sources, settled) = known(TEMPLATE, vec![wrong()]);
    assert!(names(&settled).is_empty());
    assert!(settled.configuration.templates.held.contains("a-edge"));
    let settled = take_in(&mut sources, [News::Namespace(NamespaceSeen::Deleted("a".into()))]);
    assert!(settled.configuration.templates.held.is_empty());
}

#[test]
fn why_namespaces_are_not_known_is_told_until_they_are() {
    let mut sources = Sources::new([SourceId::Directory]);
    take_in(&mut sources, [read(TEMPLATE), News::Cluster(Arc::default())]);
    let settled = take_in(&mut sources, [News::Namespace(NamespaceSeen::Refused("no".into()))]);
    let templates = &settled.configuration.templates;
    assert_eq!((templates.progress, templates.trouble.as_deref()), (Progress::Waiting, Some("no")));
    let settled = take_in(&mut sources, listed(vec![]));
    let templates = &settled.configuration.templates;
    assert_eq!((templates.progress, templates.trouble.as_deref()), (Progress::Complete, None));
}

#[test]
fn two_sources_with_a_template_of_one_name_are_told() {
    let map: crate::engine::source::ConfigMapName = "p/m".parse().unwrap();
    let id = SourceId::ConfigMap(map);
    let mut sources = Sources::new([SourceId::Directory, id.clone()]);
    let snapshot = Snapshot::of([("b.yaml".to_owned(), TEMPLATE.as_bytes().to_vec())]);
    let settled = take_in(&mut sources, [read(TEMPLATE), News::Read { id, uid: None, snapshot }]);
    let states: Vec<_> = settled.configuration.sources.iter().map(|source| source.state).collect();
    assert_eq!(states, [LoadState::Accepted, LoadState::Rejected]);
    let message = &settled.configuration.sources[1].findings[0].message;
    assert_eq!(message, "the template \"per-team\" is described already, at a.yaml:2");
}

/// An event of one namespace makes one class anew, however many there are; the others are the very same.
#[test]
fn of_ten_thousand_namespaces_an_event_concerns_one() {
    let all = (0..10_000).map(|number| namespace(&format!("n{number:05}"), "A")).collect();
    let (mut sources, settled) = known(TEMPLATE, all);
    let before = settled.configuration.defaults.clone().unwrap();
    assert_eq!(before.len(), 10_000);
    let settled = take_in(&mut sources, changed(namespace("n05000", "B")));
    let after = settled.configuration.defaults.clone().unwrap();
    let is_other = |(a, b): &(&Arc<_>, &Arc<_>)| !Arc::ptr_eq(a, b);
    let others: Vec<_> = before.iter().zip(after.iter()).filter(is_other).map(|(_, class)| &*class.name).collect();
    assert_eq!(others, ["n05000-edge"]);
    // A burst is taken in at once.
    let burst = (0..1_000).map(|number| News::Namespace(NamespaceSeen::Deleted(format!("n{number:05}").into())));
    let settled = take_in(&mut sources, burst);
    assert_eq!(settled.configuration.defaults.unwrap().len(), 9_000);
}
