use std::collections::BTreeSet;

use super::expansions::{Expansions, NamespaceSeen};
use super::*;
use crate::engine::defaults::Defaults;
use crate::engine::diagnostic::Severity;
use crate::engine::facts::{Facts, GatewayApi};
use crate::engine::unit::Unit;
use crate::files::reload::{Loader, Reload};
use crate::files::snapshot::Snapshot;

fn load(text: &str) -> Arc<Defaults> {
    match Loader::default().load(&Snapshot::of([("10-t.yaml".to_owned(), text.as_bytes().to_vec())])) {
        Reload::Accepted { defaults, .. } => defaults,
        other => panic!("{text}: {other:?}"),
    }
}

/// A template of this name and selector, whose class has these parts.
fn template(name: &str, selector: &str, metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: classkeeper.dev/v1alpha1\nkind: GatewayClassTemplate\nmetadata: {{name: {name}}}\n\
         forEach: {{namespaces: {{selector: {selector}}}}}\ntemplate:\n  metadata: {metadata}\n  spec: {spec}\n---\n"
    )
}

fn one(metadata: &str, spec: &str) -> Arc<Template> {
    load(&template("t", "{}", metadata, spec)).templates().next().unwrap().clone()
}

fn facts() -> Arc<Facts> {
    let gateway_api = GatewayApi { channel: "standard".into(), ..GatewayApi::default() };
    Arc::new(Facts { kubernetes: "1.37.2".into(), gateway_api, ..Facts::default() })
}

fn namespace(name: &str, labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Namespace {
    Namespace::new(name, labels.iter().copied(), annotations.iter().copied(), &Keys::All)
}

fn expand(template: &Template, namespace: &Namespace) -> Expansion {
    template.expand(namespace, &Scope::of_cluster(&facts()))
}

/// What is wrong with the class of a namespace: line, column, code, message.
fn wrong(template: &Template, namespace: &Namespace) -> Vec<(u32, u32, Code, String)> {
    let told = |found: Diagnostic| (found.place.line, found.place.column, found.code, found.message);
    expand(template, namespace).findings.into_iter().map(told).collect()
}

const CONTROLLER: &str = "{controllerName: example.com/controller}";

#[test]
fn a_class_has_what_the_expressions_give() {
    let template = one(
        r#"{name: "${namespace.name}-edge", labels: {team: '${namespace.labels["team"]}'}, annotations: {a: 'x ${namespace.annotations.note} $${y} ${cluster.gatewayAPI.channel}'}}"#,
        r#"{controllerName: "example.com/${namespace.name}", parametersRef: {group: example.com, kind: A, name: edge, namespace: "${namespace.name}"}}"#,
    );
    let made = expand(&template, &namespace("team-a", &[("team", "a")], &[("note", "b")]));
    assert_eq!(made.findings, []);
    let class = made.class.unwrap();
    assert_eq!((&*class.name, class.origin.to_string()), ("team-a-edge", "10-t.yaml:1".to_owned()));
    let units: Vec<_> = class.units.iter().map(|(unit, value)| format!("{unit} = {value}")).collect();
    assert_eq!(
        units,
        [
            r#"spec.controllerName = "example.com/team-a""#,
            r#"spec.parametersRef = {"group":"example.com","kind":"A","name":"edge","namespace":"team-a"}"#,
            r#"metadata.labels['team'] = "a""#,
            r#"metadata.annotations['a'] = "x b ${y} standard""#,
        ]
    );
}

#[test]
fn policy_marks_and_condition_are_those_of_the_template() {
    let text = template("t", "{}", "{name: \"${namespace.name}\"}", CONTROLLER);
    let text = text.replace("---\n", "policy: {onRemove: Delete, protect: true}\nwhen: 'false'\n");
    let template = load(&text).templates().next().unwrap().clone();
    let class = expand(&template, &namespace("a", &[], &[])).class.unwrap();
    assert_eq!((&*class.policy, &class.when), (&template.policy, &template.when));
    assert!(class.units.get(&Unit::annotation("classkeeper.dev/protected")).is_some());
    assert!(class.units.get(&Unit::annotation("classkeeper.dev/on-remove")).is_some());
}

#[test]
fn what_fails_is_told_with_its_expression_and_what_is_invalid_with_its_value() {
    let template = one(
        r#"{name: "${namespace.name}-edge", labels: {a: 'x-${namespace.labels.team}', b: "${namespace.labels.b}"}}"#,
        r#"{controllerName: example.com/c, description: "Edge of ${namespace.annotations['d']}"}"#,
    );
    assert_eq!(
        wrong(&template, &namespace("a", &[("b", "b")], &[])),
        [
            (6, 63, Code::FailedExpression, "there is no key team".to_owned()),
            (7, 65, Code::FailedExpression, "there is no key d".to_owned()),
        ]
    );
    let long = "ä".repeat(57);
    let large = namespace("a.b", &[("team", "a"), ("b", "b c")], &[("d", &long)]);
    assert_eq!(
        wrong(&template, &large),
        [
            (
                6,
                91,
                Code::InvalidValue,
                "metadata.labels['b'] \"b c\" must consist of letters, digits, -, _ and ., and begin and end with a letter or digit".to_owned()
            ),
            (7, 54, Code::InvalidValue, "spec.description has 65 characters; at most 64 are allowed".to_owned()),
        ]
    );
    assert_eq!(expand(&template, &large).class, None);
}

/// The rules of a file's class, each broken by a value that a namespace gives.
#[test]
fn a_class_of_a_template_holds_what_a_class_of_a_file_holds() {
    let value = "\"${namespace.annotations['v']}\"";
    let (name, controller) = ("name: \"${namespace.name}\"", "controllerName: a.b/c");
    let reference = |field: &str| {
        let fields = [("group", "a.b"), ("kind", "A"), ("name", "a"), ("namespace", "b")];
        let fields = fields.map(|(known, fixed)| format!("{known}: {}", if known == field { value } else { fixed }));
        format!("{{{controller}, parametersRef: {{{}}}}}", fields.join(", "))
    };
    let plain = format!("{{{name}}}");
    let with_label = format!("{{{name}, labels: {{a: {value}}}}}");
    let without = format!("{{{controller}}}");
    for (metadata, spec, good, bad) in [
        (&format!("{{name: {value}}}"), &without, "edge", "Edge"),
        (&format!("{{name: {value}}}"), &without, "edge", ""),
        (&format!("{{name: {value}}}"), &without, "edge", &*"x".repeat(254)),
        (&with_label, &without, "a_b", "a b"),
        (&with_label, &without, "", &*"x".repeat(64)),
        (&plain, &format!("{{controllerName: {value}}}"), "a.b/c", "a"),
        (&plain, &format!("{{{controller}, description: {value}}}"), "64", &*"x".repeat(65)),
        (&plain, &reference("group"), "", "A"),
        (&plain, &reference("kind"), "Kind", "1"),
        (&plain, &reference("name"), "a", ""),
        (&plain, &reference("namespace"), "a", "a.b"),
    ] {
        let template = one(metadata, spec);
        let made = expand(&template, &namespace("a", &[], &[("v", good)]));
        assert!(made.class.is_some(), "{metadata} {spec}: {:?}", made.findings);
        let made = expand(&template, &namespace("a", &[], &[("v", bad)]));
        assert_eq!((made.class, made.findings.len()), (None, 1), "{metadata} {spec} {bad}");
    }
}

#[test]
fn a_discouraged_name_is_a_warning_and_a_class() {
    let template = one("{name: \"${namespace.name}\"}", CONTROLLER);
    let made = expand(&template, &namespace("1st", &[], &[]));
    assert!(made.class.is_some());
    assert_eq!(made.findings.len(), 1);
    assert_eq!((made.findings[0].severity, made.findings[0].code), (Severity::Warning, Code::DiscouragedName));
}

#[test]
fn a_result_that_is_no_string_fails() {
    let template = one("{name: \"${[namespace.name, 1][1]}\"}", CONTROLLER);
    let found = wrong(&template, &namespace("a", &[], &[]));
    assert_eq!(found, [(6, 23, Code::FailedExpression, "the result is no string".to_owned())]);
}

#[test]
fn annotations_beyond_what_kubernetes_allows_are_not_evaluated() {
    let template = one("{name: \"${namespace.name}\", annotations: {a: \"${namespace.annotations.a}\"}}", CONTROLLER);
    let of = |size: usize| expand(&template, &namespace("a", &[], &[("a", &"x".repeat(size))]));
    assert!(of(namespace::BYTES_AT_MOST - 1).class.is_some(), "{:?}", of(namespace::BYTES_AT_MOST - 1).findings);
    let found = of(namespace::BYTES_AT_MOST);
    assert_eq!((found.class, found.findings[0].code), (None, Code::TooLarge));
}

#[test]
fn it_is_known_which_annotations_are_asked_for() {
    let asked = |text: &str| {
        one(&format!("{{name: \"${{namespace.name}}\", annotations: {{a: '{text}'}}}}"), CONTROLLER).annotations()
    };
    let some = |keys: &[&str]| Keys::Some(keys.iter().map(|key| Box::from(*key)).collect::<BTreeSet<_>>());
    assert_eq!(asked("${namespace.name}"), some(&[]));
    assert_eq!(asked(r#"${namespace.annotations.a + namespace.annotations["b/c"]}"#), some(&["a", "b/c"]));
    assert_eq!(
        asked(r#"${has(namespace.annotations.a) ? "x" : ("d" in namespace.annotations ? "y" : "z")}"#),
        some(&["a", "d"])
    );
    assert_eq!(asked("${namespace.annotations[namespace.name]}"), Keys::All);
    assert_eq!(asked("${string(size(namespace.annotations))}"), Keys::All);
}

/// Expansions of a cluster in which everything is known.
fn known(defaults: &Defaults, namespaces: Vec<Namespace>) -> Expansions {
    let mut all = Expansions::default();
    all.know(&facts());
    all.load(defaults.templates());
    list(&mut all, namespaces);
    all
}

fn list(all: &mut Expansions, namespaces: Vec<Namespace>) -> Vec<Arc<str>> {
    all.see(NamespaceSeen::Listing(all.needs().unwrap_or_default()));
    for namespace in namespaces {
        assert!(all.see(NamespaceSeen::Item(namespace)).is_empty());
    }
    all.see(NamespaceSeen::Listed).into_iter().collect()
}

fn names(all: &Expansions) -> Vec<&str> {
    all.classes().map(|class| &*class.name).collect()
}

fn tenant(name: &str) -> Namespace {
    namespace(name, &[("tenant", "true")], &[])
}

fn tenants() -> Arc<Defaults> {
    load(&template("t", "{matchLabels: {tenant: 'true'}}", "{name: \"${namespace.name}-edge\"}", CONTROLLER))
}

fn changed(all: &mut Expansions, seen: NamespaceSeen) -> Vec<String> {
    all.see(seen).iter().map(ToString::to_string).collect()
}

#[test]
fn namespaces_that_appear_change_labels_and_disappear_take_their_classes_along() {
    let mut all = known(&tenants(), vec![tenant("a"), namespace("other", &[], &[])]);
    assert_eq!(names(&all), ["a-edge"]);
    assert_eq!(changed(&mut all, NamespaceSeen::Changed(tenant("b"))), ["b-edge"]);
    assert_eq!(names(&all), ["a-edge", "b-edge"]);
    assert!(changed(&mut all, NamespaceSeen::Changed(tenant("b"))).is_empty(), "nothing changed");
    let more = namespace("b", &[("tenant", "true"), ("more", "x")], &[]);
    assert!(changed(&mut all, NamespaceSeen::Changed(more)).is_empty(), "the class is the same");
    assert_eq!(changed(&mut all, NamespaceSeen::Changed(namespace("b", &[], &[]))), ["b-edge"]);
    assert_eq!(names(&all), ["a-edge"]);
    assert_eq!(changed(&mut all, NamespaceSeen::Deleted("a".into())), ["a-edge"]);
    assert_eq!(names(&all), [""; 0]);
    assert!(changed(&mut all, NamespaceSeen::Deleted("other".into())).is_empty());
}

#[test]
fn a_list_that_is_repeated_replaces_what_was_known() {
    let mut all = known(&tenants(), vec![tenant("a"), tenant("b")]);
    assert_eq!(list(&mut all, vec![tenant("b"), tenant("c")]), ["a-edge".into(), "c-edge".into()]);
    assert_eq!(names(&all), ["b-edge", "c-edge"]);
}

#[test]
fn nothing_goes_and_nothing_comes_before_all_that_is_asked_for_is_known() {
    let mut all = Expansions::default();
    assert!(all.load(tenants().templates()).is_empty() && !all.is_in_sync());
    assert_eq!(all.needs(), Some(Keys::default()));
    assert!(list(&mut all, vec![tenant("a")]).is_empty() && !all.is_in_sync(), "the facts aren't known");
    assert_eq!(all.know(&facts()).len(), 1);
    assert!(all.is_in_sync());
    // The next template asks for an annotation that the namespaces were listed without.
    let next = load(&template("t", "{}", "{name: \"${namespace.annotations['n']}\"}", CONTROLLER));
    assert!(all.load(next.templates()).is_empty() && !all.is_in_sync());
    assert_eq!(names(&all), ["a-edge"]);
    assert!(!all.needs().unwrap().contains("other") && all.needs().unwrap().contains("n"));
    let named = namespace("a", &[("tenant", "true")], &[("n", "x")]);
    assert_eq!(list(&mut all, vec![named]), ["a-edge".into(), "x".into()]);
    assert!(all.is_in_sync());
    assert_eq!(names(&all), ["x"]);
    // Without templates, nothing is asked for.
    all.load([]);
    assert_eq!((all.needs(), all.is_in_sync(), names(&all).len()), (None, true, 0));
}

#[test]
fn a_load_that_changes_one_template_leaves_the_classes_of_others_alone() {
    let other = template("u", "{}", "{name: \"u-${namespace.name}\"}", CONTROLLER);
    let text = |controller: &str| other.clone() + &template("t", "{}", "{name: \"t-${namespace.name}\"}", controller);
    let mut all = known(&load(&text(CONTROLLER)), vec![tenant("a")]);
    let before = all.get("u-a").unwrap().clone();
    assert!(all.load(load(&text(CONTROLLER)).templates()).is_empty());
    let changed = all.load(load(&text("{controllerName: example.com/other}")).templates());
    assert_eq!(changed.into_iter().collect::<Vec<_>>(), ["t-a".into()]);
    assert!(Arc::ptr_eq(&before, all.get("u-a").unwrap()));
}

#[test]
fn classes_that_ask_for_the_cluster_follow_it() {
    let text =
        template("t", "{}", "{name: \"${namespace.name}\"}", "{controllerName: \"a.b/${cluster.gatewayAPI.channel}\"}");
    let mut all = known(&load(&text), vec![tenant("a")]);
    assert!(all.know(&facts()).is_empty());
    let mut other = (*facts()).clone();
    other.gateway_api.channel = "experimental".into();
    assert_eq!(all.know(&Arc::new(other)).len(), 1);
    assert_eq!(all.get("a").unwrap().units.get(&Unit::ControllerName).unwrap().as_str(), Some("a.b/experimental"));
}

#[test]
fn of_several_claims_a_file_wins_and_then_the_first_namespace_and_the_loser_is_told() {
    let label = "{name: \"${namespace.labels['class']}\"}";
    let defaults = load(&(template("t", "{}", label, CONTROLLER) + &template("s", "{}", label, CONTROLLER)));
    let labelled = |name: &str| namespace(name, &[("class", "edge")], &[]);
    let mut all = known(&defaults, vec![labelled("b"), labelled("c")]);
    let settle = |all: &mut Expansions, files: &Defaults| {
        all.settle(&BTreeSet::from(["edge".into()]), files);
        all.findings().map(|found| format!("{}: {}", found.namespace, found.diagnostic.message)).collect::<Vec<_>>()
    };
    let told =
        |namespace: &str, winner: &str| format!("{namespace}: the class \"edge\" is described already, {winner}");
    let first = "for the namespace b by the template s";
    assert_eq!(settle(&mut all, &defaults), [told("b", first), told("c", first), told("c", first)]);
    // The first namespace by name takes it over, also if it comes later.
    all.see(NamespaceSeen::Changed(labelled("a")));
    let first = "for the namespace a by the template s";
    assert_eq!(settle(&mut all, &defaults).len(), 5);
    assert!(settle(&mut all, &defaults).contains(&told("b", first)));
    let with_file = load(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: edge}\nspec: {controllerName: a.b/c}\n",
    );
    assert_eq!(settle(&mut all, &with_file).len(), 6);
    assert!(settle(&mut all, &with_file).contains(&told("a", "at 10-t.yaml:1")));
    // And what is over isn't told any more.
    for name in ["a", "b"] {
        all.see(NamespaceSeen::Deleted(name.into()));
    }
    assert_eq!(settle(&mut all, &defaults), [told("c", "for the namespace c by the template s")]);
    all.see(NamespaceSeen::Changed(namespace("c", &[("class", "other")], &[])));
    assert_eq!(all.get("edge"), None);
    assert!(settle(&mut all, &defaults).is_empty());
}
