//! From a document to its class, or to what is wrong with it.
//!
//! Three steps, of which each reports all it finds: which kind of document it is ([`kind`]), whether it follows that
//! kind's schema ([`translate`] makes findings of the validator's errors), and the rules that no schema can express
//! ([`rules`], [`condition`], [`template`]). What a template gives for a namespace goes through the same steps ([`expanded`]).

mod condition;
mod kind;
mod place;
mod rules;
pub(in crate::engine) mod suggest;
mod template;
mod translate;
mod wording;

use std::sync::{Arc, LazyLock};

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::defaults::{DefaultClass, Origin};
use super::diagnostic::text::Findings;
use super::diagnostic::{Code, Finding};
use super::document::json::{Tree, TreeNode};
use super::document::{Document, Found, Node, Span};
use super::manifest::{self, Kind};
use super::schema;
use super::template::Template;
use super::when::Conditions;
pub(in crate::engine) use place::place;
use rules::Standing;

/// What a document is about.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The kind of the document.
    pub kind: Kind,
    /// The name: known also if something else is wrong with the document.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// What the document says; `None` if it has an error.
    pub described: Option<Described>,
}

/// What a document says.
#[derive(Clone, Debug)]
pub enum Described {
    /// A class.
    Class(Arc<DefaultClass>),
    /// A class for each namespace that matches.
    Template(Arc<Template>),
}

/// Validates a document of a file, whose conditions are compiled once. `None` if it doesn't even have a name.
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
    match kind {
        Kind::DefaultGatewayClass | Kind::GatewayClass => rules::check(kind, standing, root, root, findings),
        Kind::GatewayClassTemplate => {
            rules::check(kind, standing, root, root.get("template").unwrap_or(root), findings)
        }
    }
    condition::check(kind, root, conditions, findings);
    let texts = match kind {
        Kind::DefaultGatewayClass | Kind::GatewayClass => template::Texts::new(),
        Kind::GatewayClassTemplate => template::check(root, findings),
    };
    let name = root.get("metadata")?.get("name")?;
    let (name, name_span) = (Arc::<str>::from(name.as_str()?), name.span);
    if findings.errors() > errors {
        return Some(Candidate { kind, name, name_span, described: None });
    }
    let origin = Origin { file: findings.file.name.clone(), line: findings.file.line(root.span.start) };
    let described = match kind {
        Kind::DefaultGatewayClass | Kind::GatewayClass => {
            manifest::class(kind, root, origin, conditions).map(|class| Described::Class(Arc::new(class)))
        }
        Kind::GatewayClassTemplate => template::read(root, origin, texts, conditions, findings.file)
            .map(|template| Described::Template(Arc::new(template))),
    };
    match described {
        Ok(described) => Some(Candidate { kind, name, name_span, described: Some(described) }),
        // The schema and the types differ, which the property tests look for.
        Err(error) => {
            let message = format!("this {} can't be read: {error}", kind.noun());
            findings.push(Finding::error(Code::InvalidValue, name_span, message));
            Some(Candidate { kind, name, name_span, described: None })
        }
    }
}

/// Validates what a template gives for a namespace: a class's `metadata` and `spec`. `None` if it has an error.
pub(in crate::engine) fn expanded(
    document: &Node<'_>,
    template: &Template,
    findings: &mut Findings<'_, '_>,
) -> Option<DefaultClass> {
    let definition = &*EXPANDED;
    let mut standing = Standing::FollowsSchema;
    if !definition.validator.is_valid(TreeNode::Value(document)) {
        standing = Standing::BreaksSchema;
        translate::translate(definition, document, findings);
    }
    rules::check(Kind::GatewayClassTemplate, standing, document, document, findings);
    if findings.errors() > 0 {
        return None;
    }
    match manifest::expanded(document, &template.policy, template.when.as_ref(), &template.origin) {
        Ok(class) => Some(class),
        Err(error) => {
            let message = format!("this class can't be read: {error}");
            findings.push(Finding::error(Code::InvalidValue, document.span, message));
            None
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
static GATEWAY_CLASS_TEMPLATE: LazyLock<Definition> = LazyLock::new(|| Definition::new(Kind::GatewayClassTemplate));
/// What a template gives.
static EXPANDED: LazyLock<Definition> =
    LazyLock::new(|| Definition::of_schema(schema::expanded(), "an expanded class"));

impl Definition {
    fn of(kind: Kind) -> &'static Self {
        match kind {
            Kind::DefaultGatewayClass => &DEFAULT_GATEWAY_CLASS,
            Kind::GatewayClass => &GATEWAY_CLASS,
            Kind::GatewayClassTemplate => &GATEWAY_CLASS_TEMPLATE,
        }
    }

    fn new(kind: Kind) -> Self {
        Self::of_schema(schema::definition(kind), kind.as_str())
    }

    fn of_schema(schema: Value, name: &str) -> Self {
        let options = jsonschema::options_for::<Tree>()
            .with_draft(Draft::Draft7)
            // Linear in the length of the text, whatever the pattern.
            .with_pattern_options(PatternOptions::regex());
        match options.build(&schema) {
            Ok(validator) => Self { schema, validator },
            Err(error) => panic!("the schema of {name} is no JSON Schema: {error}"),
        }
    }
}
