//! What the variables of expressions are at one moment, and evaluating.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use kube_cel::KubeCelExt;
use kube_cel::cel::extractors::This;
use kube_cel::cel::{Context, ExecutionError, Value};
use regex::bytes::{Regex, RegexBuilder};

use super::Expression;
use crate::engine::facts::Facts;
use crate::engine::template::namespace::{Entries, Namespace};

/// The greatest size of a compiled pattern, in bytes.
const PATTERN_AT_MOST: usize = 32 << 10;
/// Words of the library longer than this, in characters, are cut: they may quote whole values.
const WORDS_AT_MOST: usize = 300;

/// What the variables of expressions are at one moment. Made once, it serves any number of evaluations.
pub struct Scope<'a>(Context<'a>);

/// Why an expression has no value, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvaluationError(String);

impl EvaluationError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl Scope<'static> {
    /// `cluster`, as the facts are.
    #[must_use]
    pub fn of_cluster(facts: &Arc<Facts>) -> Self {
        let mut context = Context::default().with_all();
        context.add_function("matches", matches);
        context.add_variable_from_value("cluster", cluster(facts));
        let facts = facts.clone();
        context.add_function("cluster.serves", move |api_version: Arc<String>, kind: Arc<String>| {
            facts.kinds.serves(&api_version, &kind)
        });
        Self(context)
    }
}

impl Scope<'_> {
    /// The same, and `namespace`.
    #[must_use]
    pub fn and_namespace(&self, namespace: &Namespace) -> Scope<'_> {
        let mut context = self.0.new_inner_scope();
        context.add_variable_from_value("namespace", value_of(namespace));
        Scope(context)
    }

    /// The value of an expression.
    pub fn evaluate(&self, expression: &Expression) -> Result<Value, EvaluationError> {
        Value::resolve(&expression.tree, &self.0).map_err(|error| EvaluationError(explain(&error)))
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// The value of `cluster`, as `declared::cluster` has it.
fn cluster(facts: &Facts) -> Value {
    let map = |fields: Vec<(&'static str, Value)>| Value::from(fields.into_iter().collect::<HashMap<_, _>>());
    let api = &facts.gateway_api;
    let served: Vec<_> = api.served_versions.iter().map(|version| Value::from(&**version)).collect();
    let gateway_api = map(vec![
        ("bundleVersion", Value::from(&*api.bundle_version)),
        ("channel", Value::from(&*api.channel)),
        ("servedVersions", Value::from(served)),
    ]);
    map(vec![("kubernetes", map(vec![("version", Value::from(&*facts.kubernetes))])), ("gatewayAPI", gateway_api)])
}

/// The value of `namespace`, as `declared::namespace` has it.
fn value_of(namespace: &Namespace) -> Value {
    let map = |entries: &Entries| {
        let entries = entries.iter().map(|(key, value)| (key.to_owned(), Value::from(value)));
        Value::from(entries.collect::<HashMap<_, _>>())
    };
    let fields = [
        ("name", Value::from(&*namespace.name)),
        ("labels", map(&namespace.labels)),
        ("annotations", map(&namespace.annotations)),
    ];
    Value::from(HashMap::from(fields))
}

/// A pattern, or what is wrong with it.
///
/// As in RE2, whose syntax CEL takes, `\w` and `\d` are ASCII: with all letters of Unicode they take a hundred times as
/// long to compile. Its `.` is then a byte rather than a character.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).unicode(false).size_limit(PATTERN_AT_MOST).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "this pattern is too large".to_owned(),
        regex::Error::Syntax(words) => {
            let reason = words.lines().last().unwrap_or_default();
            format!("this is no regular expression: {}", reason.trim_start_matches("error: "))
        }
        _ => "this is no regular expression".to_owned(),
    })
}

/// `matches`, with a limit on the pattern, which the library's own doesn't have.
#[expect(clippy::needless_pass_by_value, reason = "the library hands over values")]
fn matches(This(text): This<Arc<String>>, pattern: Arc<String>) -> Result<bool, ExecutionError> {
    match regex(&pattern) {
        Ok(regex) => Ok(regex.is_match(text.as_bytes())),
        Err(message) => Err(ExecutionError::function_error("matches", message)),
    }
}

fn explain(error: &ExecutionError) -> String {
    let words = match error {
        ExecutionError::FunctionError { function, message } => format!("{function}: {message}"),
        ExecutionError::NoSuchKey(key) => format!("there is no key {key}"),
        ExecutionError::IndexOutOfBounds(_) => "the list has no such item".to_owned(),
        ExecutionError::NoSuchOverload => "an operator stands between values it isn't for".to_owned(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "divides by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number becomes too large".to_owned(),
        ExecutionError::UnexpectedType { .. } | ExecutionError::UnsupportedTargetType { .. } => {
            "a function is called with a value it isn't for".to_owned()
        }
        // The library's words for what the check doesn't let through.
        other => other.to_string(),
    };
    match words.char_indices().nth(WORDS_AT_MOST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}
