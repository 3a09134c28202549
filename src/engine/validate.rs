//! From a document to its class or tenant, or to what is wrong with it.
//!
//! Three steps, of which each reports all it finds: which kind of document it is ([`kind`]), whether it follows that
//! kind's schema ([`translate`] makes findings of the validator's errors), and the rules that no schema can express
//! ([`rules`], [`condition`], [`boundary`]).

mod boundary;
mod condition;
mod kind;
mod rules;
pub(in crate::engine) mod suggest;
mod translate;
mod wording;

use std::sync::{Arc, LazyLock};

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::defaults::{Described, Origin};
use super::diagnostic::text::Findings;
use super::diagnostic::{Code, Finding};
use super::document::json::{Tree, TreeNode};
use super::document::{Document, Found, Node, Span};
use super::manifest::{self, Kind, Subject};
use super::schema;
use super::tenancy::Scope;
use super::when::Conditions;
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
    rules::check(kind, standing, root, findings);
    condition::check(kind, root, conditions, findings);
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
    match described(kind, scope, root, conditions, findings) {
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
    }
}

/// A kind's schema, and the validator made from it.
struct Definition {
    schema: Value,
    validator: Validator<Tree>,
}

static DEFAULT_GATEWAY_CLASS: LazyLock<Definition> = LazyLock::new(|| Definition::new(Kind::DefaultGatewayClass));
static GATEWAY_CLASS: LazyLock<Definition> = LazyLock::new(|| Definition::new(Kind::GatewayClass));
static TENANT: LazyLock<Definition> = LazyLock::new(|| Definition::new(Kind::Tenant));

impl Definition {
    fn of(kind: Kind) -> &'static Self {
        match kind {
            Kind::DefaultGatewayClass => &DEFAULT_GATEWAY_CLASS,
            Kind::GatewayClass => &GATEWAY_CLASS,
            Kind::Tenant => &TENANT,
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
