//! From the schema validator's errors to findings: where exactly, what is wrong in plain words, what to write instead.

use std::collections::BTreeMap;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::Definition;
use super::suggest::{closest, did_you_mean};
use super::wording::spelled_path;
use crate::engine::diagnostic::text::{FileText, Findings};
use crate::engine::diagnostic::{Code, Finding, Severity, quoted};
use crate::engine::document::json::TreeNode;
use crate::engine::document::{Content, Found, Node};

/// Of more unknown fields than this, nobody guesses what was meant.
const GUESSES_AT_MOST: usize = 100;

/// Reports all errors of a document; how many.
pub(super) fn translate(definition: &Definition, root: &Node<'_>, findings: &mut Findings<'_, '_>) -> usize {
    let errors: Vec<_> = definition.validator.iter_errors(TreeNode::Value(root)).collect();
    // A value that breaks several rules gets one finding, about the most basic of them: a number isn't also too short.
    let mut problems: BTreeMap<(&str, Option<&str>), Problem<'_>> = BTreeMap::new();
    for error in &errors {
        for problem in Problem::of(error) {
            let known = problems.entry((error.instance_path().as_str(), problem.key)).or_insert(problem);
            if problem.basic < known.basic {
                *known = problem;
            }
        }
    }
    // Who misspells a field doesn't miss it as well.
    let misspelt: Vec<_> = problems
        .iter()
        .filter(|(_, problem)| matches!(problem.error.kind(), ValidationErrorKind::AdditionalProperties { .. }))
        .take(GUESSES_AT_MOST)
        .filter_map(|((place, key), problem)| {
            let meant = closest((*key)?, known_fields(parent(&definition.schema, problem.error)))?;
            Some((*place, Some(meant)))
        })
        .collect();
    problems.retain(|place, problem| {
        !(matches!(problem.error.kind(), ValidationErrorKind::Required { .. }) && misspelt.contains(place))
    });
    let count = problems.len();
    let translator = Translator { schema: &definition.schema, root, file: findings.file };
    for problem in problems.into_values() {
        findings.push_with(Severity::Error, || translator.finding(&problem));
    }
    count
}

/// One thing that is wrong.
#[derive(Clone, Copy)]
struct Problem<'e> {
    error: &'e ValidationError<'e>,
    /// The key of the map at the error's place that it is about; `None` if it is about the value there.
    key: Option<&'e str>,
    basic: Basic,
}

/// How basic a rule is: what breaks one makes those after it pointless.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Basic {
    Type,
    Length,
    Form,
}

impl<'e> Problem<'e> {
    fn of(error: &'e ValidationError<'e>) -> Vec<Self> {
        let about = |key, basic| Self { error, key, basic };
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                unexpected.iter().map(|key| about(Some(key), Basic::Type)).collect()
            }
            ValidationErrorKind::Required { property } => vec![about(property.as_str(), Basic::Type)],
            ValidationErrorKind::PropertyNames { error: inner } => vec![about(inner.instance().as_str(), Basic::Form)],
            ValidationErrorKind::Type { .. } => vec![about(None, Basic::Type)],
            ValidationErrorKind::MinLength { .. } | ValidationErrorKind::MaxLength { .. } => {
                vec![about(None, Basic::Length)]
            }
            // The kinds are the crate's: those that our schema has no use for are told in its words.
            _ => vec![about(None, Basic::Form)],
        }
    }
}

struct Translator<'a> {
    schema: &'a Value,
    root: &'a Node<'a>,
    file: &'a FileText<'a>,
}

impl Translator<'_> {
    fn finding(&self, problem: &Problem<'_>) -> Finding {
        let error = problem.error;
        let pointer = error.instance_path().as_str();
        let found = self.root.find(pointer).unwrap_or(Found { key_span: None, node: self.root });
        let path = spelled_path(pointer);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { .. } => {
                self.unknown_field(error, found, &path, problem.key.unwrap_or_default())
            }
            ValidationErrorKind::Required { .. } => {
                let missing = spelled_path(&format!("{pointer}/{}", problem.key.unwrap_or_default()));
                Finding::error(Code::MissingField, found.heading(), format!("{missing} is missing"))
            }
            ValidationErrorKind::PropertyNames { error: inner } => {
                let key = problem.key.unwrap_or_default();
                let span = found.node.entry(key).map_or_else(|| found.heading(), |entry| entry.key_span);
                let (code, keyword) = match inner.kind() {
                    ValidationErrorKind::Type { .. } => (Code::Reserved, "errorMessage"),
                    _ => (Code::InvalidValue, "patternErrorMessage"),
                };
                let message = format!("the key {} of {path} {}", quoted(key), self.words(inner, keyword));
                let finding = Finding::error(code, span, message);
                if key.contains("${") { finding.suggest("an expression can stand in a value only") } else { finding }
            }
            // A field that may have no value at all.
            ValidationErrorKind::Type { .. } | ValidationErrorKind::Not { .. }
                if self.parent(error)["errorMessage"].is_string() =>
            {
                let message = format!("{path} {}", self.words(error, "errorMessage"));
                Finding::error(Code::ForbiddenField, found.heading(), message).suggest("remove it")
            }
            ValidationErrorKind::Type { kind } => self.wrong_type(self.parent(error), kind, found, &path),
            ValidationErrorKind::Enum { .. } => Self::none_of(&Self::options(self.parent(error)), found, &path),
            ValidationErrorKind::MinLength { .. } => {
                Finding::error(Code::InvalidValue, found.value_span(), format!("{path} is empty"))
            }
            ValidationErrorKind::MaxLength { limit } => {
                let count = found.node.as_str().map_or(0, |text| text.chars().count());
                let message = format!("{path} has {count} characters; at most {limit} are allowed");
                Finding::error(Code::InvalidValue, found.value_span(), message)
            }
            ValidationErrorKind::MinItems { .. } => {
                Finding::error(Code::InvalidValue, found.heading(), format!("{path} is empty"))
            }
            ValidationErrorKind::Pattern { .. } => {
                let text = quoted(found.node.as_str().unwrap_or_default());
                let message = format!("{path} {text} {}", self.words(error, "patternErrorMessage"));
                Finding::error(Code::InvalidValue, found.value_span(), message)
            }
            ValidationErrorKind::UniqueItems => Self::repeated_item(found, &path),
            // As above: the crate's words for what our schema doesn't use.
            _ => Finding::error(Code::InvalidValue, found.value_span(), format!("{path}: {error}")),
        }
    }

    fn unknown_field(&self, error: &ValidationError<'_>, found: Found<'_, '_>, path: &str, field: &str) -> Finding {
        let span = found.node.entry(field).map_or_else(|| found.heading(), |entry| entry.key_span);
        let message = match path {
            "" => format!("unknown field {}", quoted(field)),
            path => format!("unknown field {} in {path}", quoted(field)),
        };
        let mut finding = Finding::error(Code::UnknownField, span, message);
        finding.suggestion = did_you_mean(field, known_fields(self.parent(error))).or_else(|| self.elsewhere(field));
        finding
    }

    /// A field that stands in the wrong map.
    fn elsewhere(&self, field: &str) -> Option<String> {
        ["metadata", "spec", "policy", "template"].into_iter().find_map(|parent| {
            let known = &self.schema["properties"][parent]["properties"][field];
            (known.is_object() && known["doNotSuggest"] != true).then(|| format!("did you mean {parent}.{field}?"))
        })
    }

    fn wrong_type(&self, schema: &Value, kind: &TypeKind, found: Found<'_, '_>, path: &str) -> Finding {
        let expected = match kind {
            TypeKind::Single(kind) => *kind,
            TypeKind::Multiple(kinds) => kinds.iter().find(|kind| *kind != JsonType::Null).unwrap_or(JsonType::Object),
        };
        let expected_words = match expected {
            JsonType::Null => "nothing",
            JsonType::Boolean => "true or false",
            JsonType::Integer => "a whole number",
            JsonType::Number => "a number",
            JsonType::String => "a string",
            JsonType::Array => "a list",
            JsonType::Object => "a map",
        };
        let message = format!("{path}: expected {expected_words}, found {}", found.node.describe());
        let mut finding = Finding::error(Code::WrongType, found.value_span(), message);
        let written = self.file.slice(found.node.span);
        finding.suggestion = match (&found.node.content, expected) {
            (_, JsonType::String) if !Self::options(schema).is_empty() => {
                Some(format!("write one of {}", Self::options(schema).join(", ")))
            }
            (Content::Bool(_) | Content::Number(_), JsonType::String) => Some(format!("quote it: \"{written}\"")),
            (Content::String(text), JsonType::Boolean) if matches!(&**text, "true" | "false") => {
                Some(format!("remove the quotes: {text}"))
            }
            (Content::String(_), JsonType::Array) if !written.contains('\n') => {
                Some(format!("write a list: [{written}]"))
            }
            (Content::Null, _) => Some("give it a value or remove it".to_owned()),
            _ => None,
        };
        finding
    }

    /// The texts that a schema allows, if it lists them.
    fn options(schema: &Value) -> Vec<&str> {
        schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn none_of(options: &[&str], found: Found<'_, '_>, path: &str) -> Finding {
        let text = found.node.as_str().unwrap_or_default();
        let message = format!("{path} {} is none of {}", quoted(text), options.join(", "));
        let mut finding = Finding::error(Code::InvalidValue, found.value_span(), message);
        finding.suggestion = did_you_mean(text, options.iter().copied());
        finding
    }

    fn repeated_item(found: Found<'_, '_>, path: &str) -> Finding {
        let mut known = BTreeMap::new();
        for item in found.node.items() {
            let Some(text) = item.as_str() else { continue };
            if let Some(first) = known.insert(text, item.span) {
                let message = format!("{path} names {} twice", quoted(text));
                return Finding::error(Code::InvalidValue, item.span, message).relate(first, "first here");
            }
        }
        Finding::error(Code::InvalidValue, found.heading(), format!("{path} has an item twice"))
    }

    /// The words that the schema has for a rule.
    fn words(&self, error: &ValidationError<'_>, keyword: &str) -> &str {
        self.parent(error)[keyword].as_str().unwrap_or("is not valid")
    }

    fn parent(&self, error: &ValidationError<'_>) -> &Value {
        parent(self.schema, error)
    }
}

/// The schema that holds the rule of an error.
fn parent<'s>(schema: &'s Value, error: &ValidationError<'_>) -> &'s Value {
    let path = error.schema_path().as_str();
    path.rsplit_once('/').and_then(|(parent, _)| schema.pointer(parent)).unwrap_or(&Value::Null)
}

/// The fields of a schema that may be set.
fn known_fields(schema: &Value) -> impl Iterator<Item = &str> {
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields.filter(|(_, schema)| schema["doNotSuggest"] != true).map(|(name, _)| &**name)
}
