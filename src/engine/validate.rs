//! From a document to its class or tenant, or to what is wrong with it.
//!
//! Three steps, of which each reports all it finds: which kind of document it is ([`kind`]), whether it follows that
//! kind's schema ([`translate`] makes findings of the validator's errors), and the rules that no schema can express
//! ([`rules`], [`condition`], [`template`], [`boundary`]). What a template gives for a namespace goes through the same steps
//! ([`expanded`]).

mod boundary;
mod condition;
mod kind;
mod place;
mod rules;
pub(crate) mod suggest;
mod template;
mod translate;
mod wording;

use std::sync::{Arc, LazyLock};

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::defaults::{DefaultClass, Described, Origin};
use super::diagnostic::text::Findings;
use super::diagnostic::{Code, Finding};
use super::document::json::{Tree, TreeNode};
use super::document::{Document, Found, Node, Span};
use super::manifest::{self, Kind, Subject};
use super::schema;
use super::template::Template;
use super::tenancy::Scope;
use super::when::Conditions;
pub(in crate::engine) use place::place;
use rules::Standing;

/// What a document is about.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What it describes.
    pub subject: Subject,
    /// The name of that: known also if something else is wrong with the document.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// The namespaces that it claims, and where they stand.
    pub namespaces: Box<[(Arc<str>, Span)]>,
    /// The class or the tenant; `None` if the document has an error.
    pub described: Option<Described>,
}

/// Validates a document of a file, whose conditions are compiled once. `None` if it doesn't even name anything.
pub fn validate(
    document: &Document<'_>,
    scope: &Scope,
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
    let class = match kind.subject() {
        Subject::Class | Subject::Tenant => root,
        Subject::Template => root.get("template").unwrap_or(root),
    };
    rules::check(kind, standing, root, class, findings);
    condition::check(kind, root, conditions, findings);
    let texts = match kind.subject() {
        Subject::Template => template::check(root, findings),
        Subject::Class | Subject::Tenant => template::Texts::new(),
    };
    boundary::check(kind, scope, root, findings);
    let name = root.get("metadata")?.get("name")?;
    let (name, name_span) = (Arc::<str>::from(name.as_str()?), name.span);
    let mut candidate = Candidate {
        subject: kind.subject(),
        name,
        name_span,
        namespaces: boundary::namespaces(kind, root),
        described: None,
    };
    if findings.errors() > errors {
        return Some(candidate);
    }
    match described(kind, scope, root, texts, conditions, findings) {
        Ok(described) => candidate.described = Some(described),
        // The schema and the types differ, which the property tests look for.
        Err(error) => {
            findings.push(Finding::error(Code::InvalidValue, name_span, format!("this can't be read: {error}")));
        }
    }
    Some(candidate)
}

/// What a document describes that has no error.
fn described(
    kind: Kind,
    scope: &Scope,
    root: &Node<'_>,
    texts: template::Texts,
    conditions: &mut Conditions,
    findings: &Findings<'_, '_>,
) -> Result<Described, serde::de::value::Error> {
    let origin = Origin { file: findings.file.name.clone(), line: findings.file.line(root.span.start) };
    let class = |class| Described::Class(Arc::new(class));
    match kind {
        Kind::DefaultGatewayClass => {
            manifest::default_gateway_class(root, scope.author(), origin, conditions).map(class)
        }
        Kind::GatewayClass => manifest::gateway_class(root, scope.author(), origin).map(class),
        Kind::Tenant => manifest::tenant(root, origin).map(|tenant| Described::Tenant(Arc::new(tenant))),
        Kind::GatewayClassTemplate => template::read(root, origin, texts, conditions, findings.file)
            .map(|template| Described::Template(Arc::new(template))),
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
    rules::check(Kind::DefaultGatewayClass, standing, document, document, findings);
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
static TENANT: LazyLock<Definition> = LazyLock::new(|| Definition::new(Kind::Tenant));

impl Definition {
    fn of(kind: Kind) -> &'static Self {
        match kind {
            Kind::DefaultGatewayClass => &DEFAULT_GATEWAY_CLASS,
            Kind::GatewayClass => &GATEWAY_CLASS,
            Kind::GatewayClassTemplate => &GATEWAY_CLASS_TEMPLATE,
            Kind::Tenant => &TENANT,
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
