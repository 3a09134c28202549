//! Loads one after the other: what is reused, what is kept, what is refused.

use super::*;
use crate::engine::defaults::DefaultClass;

fn class(name: &str, description: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata:\n  name: {name}\nspec:\n  \
         controllerName: example.com/controller\n  description: {description}\n---\n"
    )
}

fn snapshot(files: &[(&str, &str)]) -> Snapshot {
    Snapshot::of(files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())))
}

fn accepted(reload: Reload) -> Arc<Defaults> {
    match reload {
        Reload::Accepted { defaults, findings } => {
            assert_eq!(findings, []);
            defaults
        }
        Reload::Rejected { findings } => panic!("rejected: {findings:?}"),
        Reload::Unchanged => panic!("unchanged"),
    }
}

fn rejected(reload: Reload) -> Vec<String> {
    match reload {
        Reload::Rejected { findings } => {
            findings.iter().map(|finding| format!("{}: {}", finding.place, finding.message)).collect()
        }
        Reload::Accepted { defaults, .. } => panic!("accepted: {defaults:?}"),
        Reload::Unchanged => panic!("unchanged"),
    }
}

fn names(defaults: &Defaults) -> Vec<&str> {
    defaults.iter().map(|class| &*class.name).collect()
}

fn get<'d>(defaults: &'d Defaults, name: &str) -> &'d Arc<DefaultClass> {
    defaults.get(name).unwrap()
}

#[test]
fn an_empty_source_is_accepted_without_classes() {
    assert!(accepted(Loader::default().load(&snapshot(&[]))).is_empty());
}

#[test]
fn the_same_content_is_unchanged_however_the_last_load_ended() {
    let mut loader = Loader::default();
    let (good, bad) = (snapshot(&[("a.yaml", &class("a", "x"))]), snapshot(&[("a.yaml", "[")]));
    accepted(loader.load(&good));
    assert!(matches!(loader.load(&good.clone()), Reload::Unchanged));
    rejected(loader.load(&bad));
    assert!(matches!(loader.load(&bad), Reload::Unchanged));
    // Repaired: what was in force all the time is accepted anew.
    accepted(loader.load(&good));
}

#[test]
fn one_error_rejects_all_and_the_last_good_defaults_stay() {
    let mut loader = Loader::default();
    assert!(loader.defaults().is_none());
    let good = accepted(loader.load(&snapshot(&[("a.yaml", &class("a", "x"))])));
    let findings = rejected(loader.load(&snapshot(&[
        ("a.yaml", &class("a", "y")),
        ("b.yaml", &class("b", "10")),
        ("c.yaml", &class("c", "z")),
    ])));
    assert_eq!(findings, ["b.yaml:7:16: spec.description: expected a string, found the number 10"]);
    assert!(Arc::ptr_eq(loader.defaults().unwrap(), &good));
}

#[test]
fn an_unchanged_file_is_neither_parsed_nor_validated_again() {
    let mut loader = Loader::default();
    let (a, b) = (class("a", "x"), class("b", "x"));
    let first = accepted(loader.load(&snapshot(&[("a.yaml", &a), ("b.yaml", &b)])));
    let loaded = loader.files["a.yaml"].clone();
    // Also not when another file is wrong in between.
    rejected(loader.load(&snapshot(&[("a.yaml", &a), ("b.yaml", "[")])));
    let second = accepted(loader.load(&snapshot(&[("a.yaml", &a), ("b.yaml", &class("b", "y")), ("c.yaml", "")])));
    assert!(Arc::ptr_eq(&loaded, &loader.files["a.yaml"]));
    assert!(Arc::ptr_eq(get(&first, "a"), get(&second, "a")));
    assert!(!Arc::ptr_eq(get(&first, "b"), get(&second, "b")));
    assert_eq!(names(&second), ["a", "b"]);
}

#[test]
fn a_renamed_file_is_told_by_its_new_name_and_a_removed_one_is_forgotten() {
    let mut loader = Loader::default();
    let (a, b) = (class("a", "x"), class("b", "x"));
    accepted(loader.load(&snapshot(&[("a.yaml", &a), ("b.yaml", &b)])));
    let defaults = accepted(loader.load(&snapshot(&[("c.yaml", &a)])));
    assert_eq!(names(&defaults), ["a"]);
    assert_eq!(get(&defaults, "a").origin.to_string(), "c.yaml:1");
    assert_eq!(loader.files.keys().map(|name| &**name).collect::<Vec<_>>(), ["c.yaml"]);
}

#[test]
fn a_class_in_two_files_is_found_also_if_both_are_reused() {
    let mut loader = Loader::default();
    let (first, again) = (class("other", "x") + &class("a", "x"), "\n".to_owned() + &class("a", "y"));
    accepted(loader.load(&snapshot(&[("1.yaml", &first)])));
    accepted(loader.load(&snapshot(&[("2.yaml", &again)])));
    let files = [("1.yaml", &*first), ("2.yaml", &*again)];
    let expected = ["2.yaml:5:9: the class \"a\" is described already, at 1.yaml:12:9"];
    assert_eq!(rejected(loader.load(&snapshot(&files))), expected);
    // A third file changes nothing about the two.
    assert_eq!(rejected(loader.load(&snapshot(&[files[0], files[1], ("3.yaml", "")]))), expected);
}

#[test]
fn the_origin_of_a_class_is_the_line_of_its_documents_first_key() {
    let text = format!("# comment\n\n---\n{}\n\n# more\n{}", class("a", "x"), class("b", "x"));
    let defaults = accepted(Loader::default().load(&snapshot(&[("x.yaml", &text)])));
    assert_eq!(get(&defaults, "a").origin.to_string(), "x.yaml:4");
    assert_eq!(get(&defaults, "b").origin.to_string(), "x.yaml:15");
}

#[test]
fn documents_are_counted_over_all_files() {
    let mut loader = Loader::default();
    let two = class("a", "x") + &class("b", "x") + "---\n# empty ones don't count\n---\n";
    accepted(loader.load(&snapshot(&[("1.yaml", &two), ("2.yaml", &class("c", "x"))])));
    assert!(loader.too_many_documents(3).is_none());
    let finding = loader.too_many_documents(2).unwrap();
    assert_eq!((finding.code, finding.severity), (Code::TooManyDocuments, Severity::Error));
    assert_eq!(&*finding.place.file, "2.yaml");
    assert_eq!(finding.message, "with this file, there are more than 2 documents");
}

#[test]
fn findings_of_the_snapshot_reject_too() {
    let large = "#".repeat((1 << 20) + 1);
    let source = snapshot(&[("a.yaml", &class("a", "x")), ("b.yaml", &large)]);
    assert_eq!(rejected(Loader::default().load(&source)), ["b.yaml:1:1: the file is over 1 MiB"]);
}

/// What is left out of a file because of others is found when the others are repaired; and an error behind many warnings
/// is one.
#[test]
fn a_file_behind_many_findings_is_loaded_again() {
    let warnings = |name: &str| {
        let with_status = |number| class(&format!("{name}{number}"), "x").replace("metadata:", "status: {}\nmetadata:");
        (0..450).map(with_status).collect::<String>()
    };
    let texts = ["a", "b", "c", "d", "e"].map(warnings);
    let bad = warnings("f") + &class("f", "10") + &class("f1000", "20");
    let names = ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml"];
    let mut files: Vec<_> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
    files.push(("f.yaml", &bad));
    let mut loader = Loader::default();
    let found = rejected(loader.load(&snapshot(&files)));
    assert_eq!(found.len(), 2001);
    assert!(
        found[2000].starts_with("e.yaml:") && found[2000].ends_with(": 702 more findings are not shown"),
        "{found:?}"
    );
    let found = rejected(loader.load(&snapshot(&files[5..])));
    assert_eq!(found.len(), 452);
    assert_eq!(found.iter().filter(|finding| finding.contains("expected a string")).count(), 2, "{found:?}");
}

#[test]
fn what_an_edit_of_its_file_left_alone_stays_where_it_is_in_memory() {
    let mut loader = Loader::default();
    let file = |middle: &str| format!("{}{}{}", class("a", "x"), class("b", middle), class("c", "x"));
    let before = accepted(loader.load(&snapshot(&[("a.yaml", &file("one"))])));
    let after = accepted(loader.load(&snapshot(&[("a.yaml", &file("two"))])));
    let is_same = |name| Arc::ptr_eq(get(&before, name), get(&after, name));
    assert_eq!(["a", "b", "c"].map(is_same), [true, false, true]);
    assert_ne!(get(&before, "b").units, get(&after, "b").units);
}
