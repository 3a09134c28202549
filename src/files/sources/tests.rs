//! All sources together: tenants that come, change and go, their boundaries, and what stays in force meanwhile.

use std::collections::BTreeMap;

use super::*;
use crate::engine::source::{LoadState, SourceState};

fn class(name: &str, description: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata:\n  name: {name}\nspec:\n  \
         controllerName: example.com/controller\n  description: {description}\n---\n"
    )
}

fn tenant(name: &str, namespace: &str, names: &str) -> String {
    format!(
        "apiVersion: classkeeper.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: {name}}}\nnamespaces: [{namespace}]\n\
         allow: {{names: [\"{names}\"], controllerNames: [\"example.com/*\"]}}\n---\n"
    )
}

fn read(text: &str) -> News {
    let snapshot = Snapshot::of([("a.yaml".to_owned(), text.as_bytes().to_vec())]);
    News::Read { id: SourceId::Directory, uid: None, snapshot }
}

fn name(text: &str) -> ConfigMapName {
    text.parse().unwrap()
}

fn labelled(map: &str, text: &str) -> News {
    let name = name(map);
    let data = BTreeMap::from([("a.yaml".to_owned(), text.to_owned())]);
    let snapshot = Snapshot::of_config_map(&name.namespace, &name.name, data, BTreeMap::new());
    News::Labelled { name, uid: None, snapshot }
}

struct Told {
    sources: Sources,
}

impl Told {
    fn new() -> Self {
        Self { sources: Sources::new([SourceId::Directory]) }
    }

    fn take_in(&mut self, news: impl IntoIterator<Item = News>) -> Settled {
        self.sources.take_in(news, &|_| Holders::Known(Vec::new()))
    }
}

fn names(settled: &Settled) -> Vec<&str> {
    settled.configuration.defaults.iter().flat_map(|defaults| defaults.iter().map(|class| &*class.name)).collect()
}

fn state<'s>(settled: &'s Settled, shown: &str) -> &'s SourceState {
    settled.configuration.sources.iter().find(|source| source.id.to_string() == shown).unwrap()
}

fn messages(source: &SourceState) -> Vec<String> {
    source.findings.iter().map(|finding| format!("{}: {}", finding.place, finding.message)).collect()
}

#[test]
fn a_tenant_s_config_map_is_read_whether_it_or_the_tenant_is_known_first() {
    let tenants = tenant("a", "ns-a", "a-*");
    let mut told = Told::new();
    let settled = told.take_in([read(&tenants)]);
    assert_eq!(settled.namespaces, BTreeSet::from(["ns-a".into()]));
    let settled = told.take_in([labelled("ns-a/m", &class("a-1", "x"))]);
    assert_eq!(names(&settled), ["a-1"]);
    let author = settled.configuration.defaults.as_ref().unwrap().get("a-1").unwrap().author.clone();
    assert_eq!(author, Author::Tenant("a".into()));
    let mut told = Told::new();
    let settled = told.take_in([labelled("ns-a/m", &class("a-1", "x")), read(&tenants)]);
    assert_eq!(names(&settled), ["a-1"], "in one go");
}

#[test]
fn one_source_s_mistake_is_its_own() {
    let mut told = Told::new();
    told.take_in([read(&(tenant("a", "ns-a", "a-*") + &tenant("b", "ns-b", "b-*") + &class("p", "x")))]);
    told.take_in([labelled("ns-a/m", &class("a-1", "x")), labelled("ns-b/m", &class("b-1", "x"))]);
    let settled = told.take_in([labelled("ns-a/m", "["), labelled("ns-b/m", &class("b-2", "x"))]);
    assert_eq!(names(&settled), ["a-1", "b-2", "p"], "the last good content stays");
    assert_eq!(state(&settled, "configmap ns-a/m").state, LoadState::Rejected);
    assert_eq!(state(&settled, "configmap ns-b/m").state, LoadState::Accepted);
    assert_eq!(settled.configuration.state, LoadState::Rejected);
    let places: Vec<_> = settled.configuration.findings.iter().map(|finding| finding.place.to_string()).collect();
    assert_eq!(places, ["configmap ns-a/m/a.yaml:1:1"]);
    assert_eq!(settled.changes.len(), 2);
    // Equal content is no news.
    assert!(told.take_in([labelled("ns-a/m", "[")]).changes.is_empty());
}

#[test]
fn a_tenant_s_files_hold_no_tenants() {
    let mut told = Told::new();
    told.take_in([read(&tenant("a", "ns-a", "a-*"))]);
    let settled = told.take_in([labelled("ns-a/m", &tenant("b", "ns-b", "*"))]);
    let source = state(&settled, "configmap ns-a/m");
    assert_eq!(messages(source), ["configmap ns-a/m/a.yaml:2:7: a Tenant stands in the platform's own files only"]);
    assert_eq!(settled.namespaces, BTreeSet::from(["ns-a".into()]));
}

#[test]
fn a_boundary_that_changes_is_held_against_what_was_read_before() {
    let mut told = Told::new();
    told.take_in([read(&tenant("a", "ns-a", "a-*")), labelled("ns-a/m", &(class("a-1", "x") + &class("a-2", "x")))]);
    let settled = told.take_in([read(&tenant("a", "ns-a", "a-1"))]);
    assert_eq!(names(&settled), ["a-1"], "what isn't allowed any more isn't in force any more");
    let source = state(&settled, "configmap ns-a/m");
    assert_eq!(source.state, LoadState::Rejected);
    assert_eq!(
        messages(source),
        ["configmap ns-a/m/a.yaml:12:9: the class is named \"a-2\", which the tenant a isn't allowed"]
    );
    let settled = told.take_in([read(&tenant("a", "ns-a", "a-*"))]);
    assert_eq!(names(&settled), ["a-1", "a-2"], "and is again when it is allowed again");
    assert_eq!(state(&settled, "configmap ns-a/m").state, LoadState::Accepted);
}

#[test]
fn a_namespace_that_gets_another_tenant_is_that_one_s() {
    let mut told = Told::new();
    told.take_in([read(&tenant("a", "ns", "*")), labelled("ns/m", &class("x", "x")), News::Listed("ns".into())]);
    let settled = told.take_in([read(&tenant("b", "ns", "*"))]);
    let author = settled.configuration.defaults.as_ref().unwrap().get("x").unwrap().author.clone();
    assert_eq!(author, Author::Tenant("b".into()));
    let tenants: Vec<_> = settled.configuration.tenants.iter().map(|tenant| (&*tenant.name, tenant.listing)).collect();
    assert_eq!(tenants, [("b", Listing::Complete)]);
    let settled = told.take_in([read(&class("p", "x"))]);
    assert_eq!(names(&settled), ["p"]);
    assert!(settled.namespaces.is_empty() && settled.configuration.tenants.is_empty());
}

#[test]
fn a_lost_label_leaves_in_force_what_is_and_a_deletion_doesn_t() {
    let mut told = Told::new();
    told.take_in([read(&tenant("a", "ns-a", "*")), labelled("ns-a/m", &class("x", "x")), News::Listed("ns-a".into())]);
    let settled = told.take_in([News::Unlabelled(name("ns-a/m"))]);
    assert_eq!(names(&settled), ["x"]);
    let source = state(&settled, "configmap ns-a/m");
    assert_eq!((source.state, source.findings[0].code), (LoadState::Rejected, Code::LabelLost));
    assert!(told.take_in([News::Unlabelled(name("ns-a/m"))]).changes.is_empty(), "told once");
    // The boundary changes meanwhile: the label is lost all the same.
    let settled = told.take_in([read(&tenant("a", "ns-a", "x*"))]);
    assert_eq!((names(&settled), state(&settled, "configmap ns-a/m").state), (vec!["x"], LoadState::Rejected));
    let settled = told.take_in([labelled("ns-a/m", &class("x", "x"))]);
    assert_eq!(state(&settled, "configmap ns-a/m").state, LoadState::Accepted, "put back");
    assert_eq!(settled.configuration.tenants[0].deletion, Deletion::None);
    let settled = told.take_in([News::Deleted(name("ns-a/m"))]);
    assert_eq!((names(&settled), settled.configuration.tenants[0].deletion), (vec![], Deletion::Seen));
    assert_eq!(settled.configuration.sources.len(), 1);
}

#[test]
fn what_the_platform_reads_by_name_is_no_tenant_s() {
    let mut sources = Sources::new([SourceId::Directory, SourceId::ConfigMap(name("ns-a/m"))]);
    let settled = sources.take_in([read(&tenant("a", "ns-a", "*")), labelled("ns-a/m", &class("x", "x"))], &|_| {
        Holders::Known(Vec::new())
    });
    assert_eq!(names(&settled), Vec::<&str>::new());
    assert_eq!(settled.configuration.state, LoadState::Pending, "it isn't read yet by its name");
}

#[test]
fn a_source_that_can_t_be_read_keeps_what_is_in_force_and_is_news_when_it_can() {
    let mut told = Told::new();
    told.take_in([read(&class("x", "x"))]);
    let gone = || {
        let finding = Diagnostic::of_file(Code::Unreadable, &"/defaults".into(), "it is gone");
        News::Unreadable(SourceId::Directory, finding)
    };
    let settled = told.take_in([gone()]);
    assert_eq!(
        (names(&settled), settled.configuration.state, settled.changes.len()),
        (vec!["x"], LoadState::Rejected, 1)
    );
    assert!(told.take_in([gone()]).changes.is_empty(), "told once");
    let settled = told.take_in([read(&class("x", "x"))]);
    assert_eq!((settled.configuration.state, settled.changes.len()), (LoadState::Accepted, 1));
}

#[test]
fn the_platform_s_description_of_a_class_rejects_a_tenant_s_as_long_as_it_is_there() {
    let mut told = Told::new();
    let tenants = tenant("a", "ns-a", "*");
    told.take_in([read(&tenants), labelled("ns-a/m", &(class("x", "t") + &class("y", "t")))]);
    let settled = told.take_in([read(&(tenants.clone() + &class("x", "p")))]);
    let author = |settled: &Settled, name: &str| {
        settled.configuration.defaults.as_ref().unwrap().get(name).map(|class| class.author.clone())
    };
    assert_eq!(author(&settled, "x"), Some(Author::Platform));
    assert_eq!(author(&settled, "y"), Some(Author::Tenant("a".into())), "what was in force stays, without the name");
    let source = state(&settled, "configmap ns-a/m");
    assert_eq!(messages(source), ["configmap ns-a/m/a.yaml:1:1: the class \"x\" is held by the platform, at a.yaml:7"]);
    let settled = told.take_in([read(&tenants)]);
    assert_eq!(author(&settled, "x"), Some(Author::Tenant("a".into())));
    assert_eq!(state(&settled, "configmap ns-a/m").state, LoadState::Accepted);
}
