//! Templates: one class for each namespace that matches.
//!
//! What stands in a file is compiled once: the [`selector`], and each [`text`] with `${…}` in it. [`Template::expand`]
//! fills in a [`namespace`], and what comes of it must hold what a class of a file must hold: it goes the same way
//! through [`validate`](super::validate). [`expansions`] keeps the classes of all templates and namespaces.

pub mod expansions;
pub mod namespace;
pub mod selector;
#[cfg(test)]
mod tests;
pub mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::defaults::{DefaultClass, Origin};
use super::diagnostic::text::{FileText, Findings};
use super::diagnostic::{Code, Diagnostic, Finding};
use super::document::{Content, Entry, Mapping, Node, Span};
use super::expression::{Keys, Scope};
use super::policy::Policy;
use super::validate;
use super::when::When;
use namespace::Namespace;
use selector::Selector;
use text::Text;

/// A template, ready to be filled in.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its name.
    pub name: Arc<str>,
    /// Which namespaces have a class of it.
    pub selector: Selector,
    /// How the classes are kept.
    pub policy: Policy,
    /// The condition under which they count; `None`: always.
    pub when: Option<Arc<When>>,
    /// Where it is written.
    pub origin: Origin,
    pub(in crate::engine) body: Body,
}

/// The class of a template, as a document in which texts are replaced.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Body {
    /// A class's `metadata` and `spec`.
    pub(in crate::engine) document: Node<'static>,
    /// The strings that aren't what is written, by where they begin in the file.
    pub(in crate::engine) texts: BTreeMap<u32, Text>,
    /// The file that it stands in.
    pub(in crate::engine) file: Arc<str>,
}

/// Templates are the same if they say the same at the same place.
impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        let said = |template: &Self| {
            let Self { name, selector, policy, when, origin, body } = template;
            let texts = body.texts.values().cloned().collect::<Vec<_>>();
            (name.clone(), selector.clone(), policy.clone(), when.clone(), origin.clone(), texts)
        };
        said(self) == said(other) && self.body.document.to_value() == other.body.document.to_value()
    }
}

impl Eq for Template {}

/// What comes of a template for a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// The class; `None` if a finding is an error.
    pub class: Option<Arc<DefaultClass>>,
    /// The name that the class has, or would have if nothing else was wrong.
    pub name: Option<Arc<str>>,
    /// What is wrong, each at its place in the template.
    pub findings: Vec<Diagnostic>,
}

impl Template {
    /// Which annotations of a namespace its classes may depend on.
    #[must_use]
    pub fn annotations(&self) -> Keys {
        let expressions = self.body.texts.values().flat_map(Text::expressions);
        expressions.fold(Keys::default(), |found, expression| found.and(expression.annotations()))
    }

    /// Whether an expression of it names a variable.
    #[must_use]
    pub fn names(&self, variable: &str) -> bool {
        self.body.texts.values().flat_map(Text::expressions).any(|expression| expression.names(variable))
    }

    /// A finding about the name that it gives a class.
    pub(in crate::engine) fn about_name(&self, code: Code, message: String) -> Diagnostic {
        let name = self.body.document.find("/metadata/name");
        let span = name.map_or(self.body.document.span, |found| found.node.span);
        FileText::new(self.origin.file.clone(), &self.body.file).locate(Finding::error(code, span, message))
    }

    /// The class of a namespace, whether or not the selector matches it.
    #[must_use]
    pub fn expand(&self, namespace: &Namespace, cluster: &Scope<'_>) -> Expansion {
        let file = FileText::new(self.origin.file.clone(), &self.body.file);
        let mut findings = Findings::new(&file);
        let mut name = None;
        let class = self.class(namespace, cluster, &mut name, &mut findings);
        Expansion { class: class.map(Arc::new), name, findings: findings.into_list() }
    }

    fn class(
        &self,
        namespace: &Namespace,
        cluster: &Scope<'_>,
        name: &mut Option<Arc<str>>,
        findings: &mut Findings<'_, '_>,
    ) -> Option<DefaultClass> {
        if namespace.is_oversized() {
            let message = "the namespace has more labels or annotations than expressions are made for";
            findings.push(Finding::error(Code::TooLarge, self.body.document.span, message));
            return None;
        }
        let scope = cluster.and_namespace(namespace);
        let mut filled = BTreeMap::new();
        self.body.document.each_text(&mut |text, span| {
            let Some(compiled) = self.body.texts.get(&span.start) else { return };
            match compiled.fill(&scope) {
                Ok(value) => drop(filled.insert(span.start, value)),
                Err((range, error)) => {
                    let node = Node { span, content: Content::String(text.into()) };
                    let span = validate::place(findings.file, &node, text, range).unwrap_or(span);
                    findings.push(Finding::error(Code::FailedExpression, span, error.to_string()));
                }
            }
        });
        let name_span = self.body.document.find("/metadata/name").map(|found| found.node.span.start);
        *name = name_span.and_then(|at| filled.get(&at)).map(|name| (&**name).into());
        if findings.errors() > 0 {
            return None;
        }
        let document = fill(&self.body.document, &filled);
        validate::expanded(&document, self, findings)
    }
}

/// A document with some of its texts replaced.
fn fill<'a>(node: &'a Node<'static>, filled: &'a BTreeMap<u32, String>) -> Node<'a> {
    let content = match &node.content {
        Content::Null => Content::Null,
        Content::Bool(value) => Content::Bool(*value),
        Content::Number(number) => Content::Number(number.clone()),
        Content::String(text) => Content::String(filled.get(&node.span.start).map_or(&**text, |value| &**value).into()),
        Content::Sequence(items) => Content::Sequence(items.iter().map(|item| fill(item, filled)).collect()),
        Content::Mapping(mapping) => {
            let entry = |entry: &'a Entry<'static>| Entry {
                key: (&*entry.key).into(),
                key_span: entry.key_span,
                value: fill(&entry.value, filled),
            };
            Content::Mapping(Mapping::new(mapping.entries().iter().map(entry).collect()).0)
        }
    };
    Node { span: node.span, content }
}

impl Node<'_> {
    /// Calls a function with each string that stands as a value, and its place.
    pub(in crate::engine) fn each_text(&self, with: &mut impl FnMut(&str, Span)) {
        match &self.content {
            Content::String(text) => with(text, self.span),
            Content::Sequence(items) => items.iter().for_each(|item| item.each_text(with)),
            Content::Mapping(mapping) => mapping.entries().iter().for_each(|entry| entry.value.each_text(with)),
            Content::Null | Content::Bool(_) | Content::Number(_) => {}
        }
    }
}
