//! The published schema and the loader say the same of a document, but for the rules that no schema can express.
//!
//! The schema is taken from the committed file, so that a rule that is lost in the types is missed here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use classkeeper::engine::diagnostic::{Code, Diagnostic, Severity};
use classkeeper::engine::schema::{ID, schema_text};
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;
use jsonschema::Validator;
use serde_json::{Value, json};

pub(crate) static PUBLISHED: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../schema/defaults.v1alpha1.json")).unwrap());
pub(crate) static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| jsonschema::draft7::new(&PUBLISHED).unwrap());

/// What the loader refuses though the schema accepts it: what this version doesn't support, and the rules that
/// `engine::validate::rules` lists.
pub(crate) const NOT_IN_THE_SCHEMA: [Code; 5] =
    [Code::Unsupported, Code::Contradiction, Code::TooLarge, Code::InvalidExpression, Code::InvalidSelector];

/// The errors of the loader about a document, written as JSON.
pub(crate) fn errors(document: &Value) -> Vec<Diagnostic> {
    match Loader::default().load(&Snapshot::of([("a.json".to_owned(), document.to_string().into_bytes())])) {
        Reload::Accepted { findings, .. } => {
            assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
            Vec::new()
        }
        Reload::Rejected { findings } => {
            findings.into_iter().filter(|finding| finding.severity == Severity::Error).collect()
        }
        Reload::Unchanged => panic!("unchanged at the first load"),
    }
}

pub(crate) fn keywords(document: &Value) -> Vec<String> {
    VALIDATOR.iter_errors(document).map(|error| error.kind().keyword().to_owned()).collect()
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/defaults.v1alpha1.json");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, schema_text()).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == schema_text(), "UPDATE_SNAPSHOTS=1 cargo test writes {path:?} anew");
    assert!(path.ends_with(ID.rsplit_once('/').unwrap().1));
    assert!(jsonschema::draft7::meta::is_valid(&PUBLISHED));
}

/// An editor shows them.
#[test]
fn every_field_has_a_description() {
    fn check(schema: &Value, path: &str, seen: &mut usize) {
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{field}");
            if schema["doNotSuggest"] != true {
                assert!(schema["description"].as_str().is_some_and(|text| text.len() > 10), "{path}");
                *seen += 1;
            }
            check(schema, &path, seen);
        }
    }
    let mut seen = 0;
    for (kind, definition) in PUBLISHED["definitions"].as_object().unwrap() {
        check(definition, kind, &mut seen);
    }
    assert!(seen > 30, "{seen}");
}

/// A valid document of a kind in which every field is set.
fn full_document(kind: &str) -> Value {
    let api_version = &PUBLISHED["definitions"][kind]["properties"]["apiVersion"]["enum"][0];
    if kind == "GatewayClassTemplate" {
        let class = full_document("DefaultGatewayClass");
        let mut template = json!({"metadata": class["metadata"], "spec": class["spec"]});
        template["metadata"]["name"] = json!("${namespace.name}");
        let requirements = json!([{"key": "example.com/tier", "operator": "In", "values": ["gold"]}]);
        let selector = json!({"matchLabels": {"example.com/team": "a"}, "matchExpressions": requirements});
        return json!({
            "apiVersion": api_version, "kind": kind, "metadata": {"name": "per-team"},
            "forEach": {"namespaces": {"selector": selector}},
            "template": template, "policy": class["policy"], "when": class["when"],
        });
    }
    if kind == "Tenant" {
        return json!({
            "apiVersion": "classkeeper.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "team-a"},
            "namespaces": ["team-a"],
            "allow": {
                "names": ["team-a-*"], "controllerNames": ["example.com/*"], "parametersNamespaces": ["", "team-a"],
                "parametersKinds": ["example.com/Parameters"], "policies": ["Force"],
            },
        });
    }
    let mut document = json!({
        "apiVersion": PUBLISHED["definitions"][kind]["properties"]["apiVersion"]["enum"][0],
        "kind": kind,
        "metadata": {"name": "edge", "labels": {"team": "a"}, "annotations": {"example.com/note": "b"}},
        "spec": {
            "controllerName": "example.com/controller",
            "description": "text",
            "parametersRef": {"group": "example.com", "kind": "Parameters", "name": "edge", "namespace": "platform"},
        },
    });
    if kind == "DefaultGatewayClass" {
        document["policy"] = json!({
            "mode": "Apply", "conflicts": "Yield", "enforce": ["spec.description"], "createOnly": ["metadata.labels['team']"],
            "adoptFrom": [], "onRemove": "Release", "onDelete": "Recreate", "onReplace": "Block", "protect": false,
        });
        document["when"] = json!("cluster.serves('v1', 'Pod')");
    }
    document
}

/// A document with one value, at the JSON pointer, replaced, added or (`None`) removed.
fn with(document: &Value, pointer: &str, value: Option<Value>) -> Value {
    let mut document = document.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match (document.pointer_mut(parent).unwrap(), value) {
        (Value::Object(fields), Some(value)) => {
            fields.insert(key.replace("~1", "/"), value);
        }
        (Value::Object(fields), None) => {
            fields.remove(key).unwrap();
        }
        (Value::Array(items), Some(value)) => {
            let index: usize = key.parse().unwrap();
            items.splice(index..items.len().min(index + 1), [value]);
        }
        (other, value) => panic!("{pointer}: {other} {value:?}"),
    }
    document
}

/// Documents that break one constraint of a schema each, and no other.
struct Violations {
    document: Value,
    found: Vec<Violation>,
}

struct Violation {
    what: String,
    /// The schema's keyword.
    keyword: &'static str,
    /// The code of the finding.
    code: Code,
    document: Value,
}

impl Violations {
    /// Sets each of the values at a place.
    fn set(&mut self, keyword: &'static str, code: Code, pointer: &str, values: impl IntoIterator<Item = Value>) {
        for value in values {
            let what = format!("{keyword}: {value} as {pointer}");
            self.found.push(Violation { what, keyword, code, document: with(&self.document, pointer, Some(value)) });
        }
    }

    /// Breaks each constraint of a schema.
    fn of(&mut self, schema: &Value, pointer: &str) {
        let keywords = schema.as_object().unwrap();
        let text = |length: &Value, more: usize| "a".repeat(usize::try_from(length.as_u64().unwrap()).unwrap() + more);
        if keywords.contains_key("not") {
            // No value is right: null is refused, and the others are no null.
            self.set("not", Code::ForbiddenField, pointer, [json!(null)]);
            self.set("type", Code::ForbiddenField, pointer, [json!("a"), json!([]), json!(["a"])]);
            return;
        }
        for (keyword, value) in keywords {
            match &**keyword {
                // The document's kind decides what schema it follows; an enum refuses what has another type as well.
                "type" if pointer.is_empty() || keywords.contains_key("enum") => {}
                "enum" if pointer == "/kind" || pointer == "/apiVersion" => {}
                // What is empty doesn't match.
                "minLength" if keywords.contains_key("pattern") => {}
                "type" => {
                    let all = [json!(null), json!(true), json!(7), json!("text"), json!([]), json!({})];
                    let names = ["null", "boolean", "number", "string", "array", "object"].map(Value::from);
                    let allowed = value.as_array().map_or(std::slice::from_ref(value), |kinds| kinds);
                    let wrong = all.into_iter().zip(names).filter(|(_, name)| !allowed.contains(name));
                    self.set("type", Code::WrongType, pointer, wrong.map(|(value, _)| value));
                }
                "enum" => self.set("enum", Code::InvalidValue, pointer, [json!("Nonsense"), json!("")]),
                "minLength" => self.set("minLength", Code::InvalidValue, pointer, [json!("")]),
                "maxLength" if pointer.ends_with("controllerName") || pointer.contains("parametersKinds") => {
                    let path = text(value, 0).replacen("aa", "a/", 1);
                    self.set("maxLength", Code::InvalidValue, pointer, [json!(path + "a")]);
                }
                "maxLength" => {
                    self.set("maxLength", Code::InvalidValue, pointer, [1, 1000].map(|more| json!(text(value, more))));
                }
                "pattern" => {
                    self.set("pattern", Code::InvalidValue, pointer, ["-", "a b", "ä/b", "a/b\n"].map(Value::from));
                }
                "uniqueItems" => {
                    let item = self.document.pointer(&format!("{pointer}/0")).cloned().unwrap_or("helm".into());
                    self.set("uniqueItems", Code::InvalidValue, pointer, [json!([item, item])]);
                }
                "minItems" => self.set("minItems", Code::InvalidValue, pointer, [json!([])]),
                "items" => self.of(value, &format!("{pointer}/0")),
                "properties" => {
                    for (field, schema) in value.as_object().unwrap() {
                        self.of(schema, &format!("{pointer}/{field}"));
                    }
                }
                "required" => {
                    for field in value.as_array().unwrap() {
                        let what = format!("{pointer}/{}", field.as_str().unwrap());
                        let document = with(&self.document, &what, None);
                        self.found.push(Violation { what, keyword: "required", code: Code::MissingField, document });
                    }
                }
                "additionalProperties" if *value == false => {
                    let unknown = format!("{pointer}/unknown");
                    self.set("additionalProperties", Code::UnknownField, &unknown, [json!("a")]);
                }
                "additionalProperties" => self.of(value, &format!("{pointer}/example")),
                "propertyNames" => self.keys(value, pointer),
                "if" => assert!(keywords.contains_key("else"), "{pointer}"),
                // Where an expression may stand, the limits hold for what has none.
                "else" => self.of(value, pointer),
                "default"
                | "description"
                | "enumDescriptions"
                | "errorMessage"
                | "examples"
                | "patternErrorMessage"
                | "deprecationMessage"
                | "doNotSuggest"
                | "title" => {}
                other => panic!("{pointer}: this test knows no violation of {other}"),
            }
        }
    }

    fn keys(&mut self, schema: &Value, pointer: &str) {
        let mut set = |code, key: String| {
            let pointer = format!("{pointer}/{}", key.replace('/', "~1"));
            self.set("propertyNames", code, &pointer, [json!("a")]);
        };
        for key in ["", "a b", "-a", "a-", "a/b/c", "/a", "a/", "a..b/c", "ä"] {
            set(Code::InvalidValue, key.to_owned());
        }
        for (prefix, name) in [(0, 64), (1, 64), (254, 1), (500, 500)] {
            let slash = if prefix > 0 { "/" } else { "" };
            set(Code::InvalidValue, format!("{}{slash}{}", "a".repeat(prefix), "a".repeat(name)));
        }
        let rules = schema["allOf"].as_array().unwrap();
        if pointer.ends_with("matchLabels") {
            // A label to be matched may belong to anybody.
            assert_eq!(rules.len(), 2);
            return;
        }
        for key in ["classkeeper.dev/a", "meta.helm.sh/release-name"] {
            set(Code::Reserved, key.to_owned());
        }
        assert_eq!(rules.len(), 3, "a rule about keys that this test doesn't know");
    }
}

#[test]
fn the_loader_enforces_every_constraint_of_the_schema() {
    let mut seen = BTreeSet::new();
    for kind in ["DefaultGatewayClass", "GatewayClass", "GatewayClassTemplate", "Tenant"] {
        let document = full_document(kind);
        assert!(VALIDATOR.is_valid(&document));
        assert_eq!(errors(&document), []);
        let mut violations = Violations { document, found: Vec::new() };
        violations.of(&PUBLISHED["definitions"][kind], "");
        for Violation { what, keyword, code, document } in violations.found {
            let mut broken = keywords(&document);
            broken.dedup();
            // Without its kind, the schema takes a document for our own kind.
            if what != "/kind" {
                assert_eq!(broken, [keyword], "{kind}, {what}");
            }
            let codes: Vec<_> = errors(&document).iter().map(|finding| finding.code).collect();
            let codes: Vec<_> = codes.into_iter().filter(|code| *code != Code::Unsupported).collect();
            assert_eq!(codes, [code], "{kind}, {what}");
            seen.insert(keyword);
        }
    }
    let all = [
        "type",
        "enum",
        "minLength",
        "maxLength",
        "pattern",
        "uniqueItems",
        "minItems",
        "not",
        "required",
        "additionalProperties",
        "propertyNames",
    ];
    assert_eq!(seen, BTreeSet::from(all));
}
