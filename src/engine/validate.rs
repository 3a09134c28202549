//! From a document to its class, or to what is wrong with it.
//!
//! Three steps, of which each reports all it finds: which kind of document it is ([`kind`]), whether it follows that
//! kind's schema ([`translate`] makes findings of the validator's errors), and the rules that no schema can express
//! ([`rules`], [`condition`]).

mod condition;
mod kind;
mod rules;
pub(in crate::engine) mod suggest;
mod translate;
mod wording;

use std::sync::{Arc, LazyLock};

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::defaults::{DefaultClass, Origin};
use super::diagnostic::text::Findings;
use super::diagnostic::{Code, Finding};
use super::document::json::{Tree, TreeNode};
use super::document::{Document, Found, Span};
use super::manifest::{self, Kind};
use super::schema;
use super::when::Conditions;
use rules::Standing;

/// What a document is about.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The class's name: known also if something else is wrong with the document.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// The class; `None` if the document has an error.
    pub class: Option<Arc<DefaultClass>>,
}

/// Validates a document of a file, whose conditions are compiled once. `None` if it doesn't even name a class.
pub fn validate(
    document: &Document<'_>,
    conditions: &mut Conditions,
    findings: &mut Findings<'_, '_>,
) -> Option<Candidate> {
    let root = &document.root;
    let errors = findings.errors();
    let kind = match kind::kind(root) {
        Ok(kind) => kind,
        Err(finding) => {
            findings.push(*finding);
            return None;
        }
    };
    let definition = Definition::of(kind);
    let mut standing = Standing::FollowsSchema;
    if !definition.validator.is_valid(TreeNode::Value(root)) {
        standing = Standing::BreaksSchema;
        let reported = translate::translate(definition, root, findings);
        // A validator that refuses without saying why would let the document through.
        if reported == 0 {
            let place = Found { key_span: None, node: root }.heading();
            findings.push(Finding::error(Code::InvalidValue, place, "this document doesn't follow its schema"));
        }
    }
    rules::check(kind, standing, root, findings);
    condition::check(kind, root, conditions, findings);
    let name = root.get("metadata")?.get("name")?;
    let (name, name_span) = (Arc::<str>::from(name.as_str()?), name.span);
    if findings.errors() > errors {
        return Some(Candidate { name, name_span, class: None });
    }
    let origin = Origin { file: findings.file.name.clone(), line: findings.file.line(root.span.start) };
    match manifest::class(kind, root, origin, conditions) {
        Ok(class) => Some(Candidate { name: class.name.clone(), name_span, class: Some(Arc::new(class)) }),
        // The schema and the types differ, which the property tests look for.
        Err(error) => {
            findings.push(Finding::error(Code::InvalidValue, name_span, format!("this class can't be read: {error}")));
            Some(Candidate { name, name_span, class: None })
        }
    }
}

/// A kind's schema, and the validator made from it.
struct Definition {
    schema: Value,
    validator: Validator<Tree>,
}

static DEFAULT_GATEWAY_CLASS: LazyLock<Definition> = LazyLock::new(|| Definition::new(Kind::DefaultGatewayClass));
static GATEWAY_CLASS: LazyLock<Definition> = LazyLock::new(|| Definition::new(Kind::GatewayClass));

impl Definition {
    fn of(kind: Kind) -> &'static Self {
        match kind {
            Kind::DefaultGatewayClass => &DEFAULT_GATEWAY_CLASS,
            Kind::GatewayClass => &GATEWAY_CLASS,
        }
    }

    fn new(kind: Kind) -> Self {
        let schema = schema::definition(kind);
        let options = jsonschema::options_for::<Tree>()
            .with_draft(Draft::Draft7)
            // Linear in the length of the text, whatever the pattern.
            .with_pattern_options(PatternOptions::regex());
        match options.build(&schema) {
            Ok(validator) => Self { schema, validator },
            Err(error) => panic!("the schema of {} is no JSON Schema: {error}", kind.as_str()),
        }
    }
}
