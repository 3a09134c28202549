//! What is composed of a text: values, places, and the bounds.

use serde_json::json;

use super::*;
use crate::engine::diagnostic::text::FileText;
use crate::engine::diagnostic::{Code, Diagnostic};
use crate::engine::document::{Content, Node};

fn parse_with<'t>(file: &FileText<'t>, budget: Budget) -> (Vec<Document<'t>>, Vec<Diagnostic>) {
    let mut findings = Findings::new(file);
    let documents = parse(&mut findings, budget);
    (documents, findings.into_list())
}

/// The values of a text without mistakes.
fn values(text: &str) -> Vec<serde_json::Value> {
    let file = FileText::new("a.yaml".into(), text);
    let (documents, findings) = parse_with(&file, Budget::default());
    assert_eq!(findings, [], "{text}");
    documents.iter().map(|document| document.root.to_value()).collect()
}

fn codes(text: &str, budget: Budget) -> (usize, Vec<Code>) {
    let file = FileText::new("a.yaml".into(), text);
    let (documents, findings) = parse_with(&file, budget);
    (documents.len(), findings.iter().map(|finding| finding.code).collect())
}

#[test]
fn documents_come_in_order_and_empty_ones_not_at_all() {
    assert_eq!(values(""), [json!(null); 0]);
    assert_eq!(values("# comment\n---\n---\n# more\n...\n---\n"), [json!(null); 0]);
    assert_eq!(
        values("a: 1\n---\n\n---\n[x]\n...\n---\n~\n--- text\n"),
        [json!({"a": 1}), json!(["x"]), json!(null), json!("text")]
    );
    assert_eq!(values("%YAML 1.2\n---\na: b\n"), [json!({"a": "b"})]);
}

#[test]
fn scalars_are_read_by_style_and_tag() {
    assert_eq!(
        values(
            "{a: 1, b: '1', c: \"\\u0031\", d: !!str 1, e: ! 1, f: !!int '1', g: !!float 1, h: !!null '', i: !!bool 'true'}"
        ),
        [json!({"a": 1, "b": "1", "c": "1", "d": "1", "e": "1", "f": 1, "g": 1, "h": null, "i": true})]
    );
    assert_eq!(values("a: !!map {b: !!seq [c]}\n"), [json!({"a": {"b": ["c"]}})]);
    assert_eq!(values("a: |\n  x\n   y\nb: >-\n  x\n  y\n"), [json!({"a": "x\n y\n", "b": "x y"})]);
    assert_eq!(values("!<tag:yaml.org,2002:str> 7"), [json!("7")]);
}

#[test]
fn aliases_belong_to_their_document() {
    assert_eq!(
        values("a: &x [1]\nb: *x\n---\na: &x 2\nb: *x\nc: &x 3\nd: *x\n"),
        [json!({"a": [1], "b": [1]}), json!({"a": 2, "b": 2, "c": 3, "d": 3}),]
    );
    assert_eq!(codes("a: &x 1\n---\nb: *x\n", Budget::default()), (1, vec![Code::Syntax]));
    assert_eq!(codes("a: &x [*x]\n", Budget::default()), (0, vec![Code::Syntax]));
}

#[test]
fn merge_keys_fill_what_the_map_itself_leaves_open() {
    let text = "base: &base {a: 1, b: 2}\nother: &other {b: 3, c: 4}\none: {b: 0, <<: *base}\ntwo: {<<: [*base, *other]}\n\
                quoted: {\"<<\": *base}\nempty: {<<: []}\n";
    let value = &values(text)[0];
    assert_eq!(value["one"], json!({"a": 1, "b": 0}));
    assert_eq!(value["two"], json!({"a": 1, "b": 2, "c": 4}));
    assert_eq!(value["quoted"], json!({"<<": {"a": 1, "b": 2}}));
    assert_eq!(value["empty"], json!({}));
    assert_eq!(codes("a: {<<: {b: 1, b: 2}, b: 3}\n", Budget::default()), (1, vec![Code::DuplicateKey]));
}

#[test]
fn every_scalar_knows_where_it_is_written() {
    fn check(node: &Node<'_>, file: &FileText<'_>, seen: &mut Vec<String>) {
        match &node.content {
            Content::String(text) => {
                let written = file.slice(node.span);
                assert_eq!(written.trim_matches(['"', '\'']), text);
                seen.push(format!("{}:{}", file.place(node.span).line, file.place(node.span).column));
            }
            Content::Sequence(items) => items.iter().for_each(|item| check(item, file, seen)),
            Content::Mapping(mapping) => {
                for entry in mapping.entries() {
                    assert_eq!(file.slice(entry.key_span).trim_matches(['"', '\'']), entry.key);
                    check(&entry.value, file, seen);
                }
            }
            Content::Null | Content::Bool(_) | Content::Number(_) => panic!("{node:?}"),
        }
    }
    let text =
        "\u{feff}ä: ö\r\n\"b\": ['c', {d: \"é\"}]\r\ne:\r\n  - f\r\n  -   g  # h\r\n---\r\ni: &i j\r\nk: !!str l\r\n";
    let file = FileText::new("a.yaml".into(), text);
    let (documents, findings) = parse_with(&file, Budget::default());
    assert_eq!(findings, []);
    let mut seen = Vec::new();
    for document in &documents {
        check(&document.root, &file, &mut seen);
    }
    assert_eq!(seen, ["1:4", "2:7", "2:16", "4:5", "5:7", "7:7", "8:10"]);
}

#[test]
fn documents_before_a_syntax_error_stay() {
    assert_eq!(codes("a: 1\n---\nb: 2\n---\nc: [\n---\nd: 4\n", Budget::default()), (2, vec![Code::Syntax]));
}

#[test]
fn a_nul_character_is_not_the_end_of_the_file() {
    assert_eq!(codes("a: 1\n\0---\nb: [\n", Budget::default()), (0, vec![Code::Syntax]));
}

#[test]
fn documents_are_bounded() {
    let budget = Budget { documents: 2, ..Budget::default() };
    assert_eq!(codes("a: 1\n---\n---\nb: 2\n", budget), (2, vec![]));
    assert_eq!(codes("a: 1\n---\nb: 2\n---\nc: 3\n---\nd: 4\n", budget), (2, vec![Code::TooManyDocuments]));
}

#[test]
fn values_are_bounded() {
    // The list, and its ten items.
    let text = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
    assert_eq!(codes(text, Budget { values: 11, ..Budget::default() }), (1, vec![]));
    assert_eq!(codes(text, Budget { values: 10, ..Budget::default() }), (0, vec![Code::TooLarge]));
    // The list, the anchor's value, its copy that is kept for the aliases, and two more copies.
    let text = "[&a [1, 2, 3], *a, *a]";
    assert_eq!(codes(text, Budget { values: 17, ..Budget::default() }), (1, vec![]));
    assert_eq!(codes(text, Budget { values: 16, ..Budget::default() }), (0, vec![Code::AliasBudget]));
    let text = format!("[&a {}, *a, *a]", "x".repeat(1600));
    assert_eq!(codes(&text, Budget { values: 405, ..Budget::default() }), (1, vec![]));
    assert_eq!(codes(&text, Budget { values: 404, ..Budget::default() }), (0, vec![Code::AliasBudget]));
    let nested = format!("{}{}{}", "&a [".repeat(60), "1, ".repeat(10_000), "]".repeat(60));
    assert_eq!(codes(&nested, Budget::default()), (0, vec![Code::AliasBudget]));
}

#[test]
fn nesting_is_bounded_also_through_aliases() {
    let nested = |levels: usize| format!("{}x{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(codes(&nested(63), Budget::default()), (1, vec![]));
    assert_eq!(codes(&nested(64), Budget::default()), (0, vec![Code::TooDeep]));
    assert_eq!(codes(&nested(10_000), Budget::default()), (0, vec![Code::TooDeep]));
    // Below the list, the anchor has 31 levels and so has its copy.
    let twice = |levels: usize| format!("- &a {}\n- {}*a{}\n", nested(30), "[".repeat(levels), "]".repeat(levels));
    assert_eq!(codes(&twice(32), Budget::default()), (1, vec![]));
    assert_eq!(codes(&twice(33), Budget::default()), (0, vec![Code::TooDeep]));
}
