//! A template: its selector, and each `${…}` of its class, with what is wrong at its place.

use std::collections::BTreeMap;

use crate::engine::defaults::Origin;
use crate::engine::diagnostic::text::{FileText, Findings};
use crate::engine::diagnostic::{Code, Finding, Severity};
use crate::engine::document::{Content, Node};
use crate::engine::manifest::{self, TemplateParts};
use crate::engine::template::text::Text;
use crate::engine::template::{Body, Template};
use crate::engine::when::Conditions;

use super::place::place;

/// The compiled texts of a template, by where they begin.
pub(super) type Texts = BTreeMap<u32, Text>;

/// Checks what no schema can: that each expression compiles, that the name depends on the namespace, and that the
/// selector makes sense.
pub(super) fn check(root: &Node<'_>, findings: &mut Findings<'_, '_>) -> Texts {
    selector(root, findings);
    let mut texts = Texts::new();
    let Some(class) = root.get("template") else { return texts };
    for part in ["metadata", "spec"] {
        let Some(part) = class.get(part) else { continue };
        part.each_text(&mut |text, span| match Text::compile(text) {
            Ok(None) => {}
            Ok(Some(compiled)) => drop(texts.insert(span.start, compiled)),
            Err(problems) => {
                let node = Node { span, content: Content::String(text.into()) };
                for problem in problems {
                    let file = findings.file;
                    findings.push_with(Severity::Error, || {
                        let span = place(file, &node, text, problem.range).unwrap_or(span);
                        let mut finding = Finding::error(Code::InvalidExpression, span, problem.message);
                        finding.suggestion = problem.suggestion;
                        finding
                    });
                }
            }
        });
    }
    name(class, &texts, findings);
    texts
}

/// A name that doesn't depend on the namespace is one class for all of them. Without any expression, the schema says so.
fn name(class: &Node<'_>, texts: &Texts, findings: &mut Findings<'_, '_>) {
    let Some(name) = class.get("metadata").and_then(|metadata| metadata.get("name")) else { return };
    let Some(text) = texts.get(&name.span.start) else { return };
    let mut expressions = text.expressions().peekable();
    if expressions.peek().is_some() && !expressions.any(|expression| expression.names("namespace")) {
        let message = "template.metadata.name is the same for every namespace: no expression in it names `namespace`";
        let finding = Finding::error(Code::InvalidExpression, name.span, message);
        findings.push(finding.suggest("write ${namespace.name} into it"));
    }
}

fn selector(root: &Node<'_>, findings: &mut Findings<'_, '_>) {
    let Some(found) = root.find("/forEach/namespaces/selector/matchExpressions") else { return };
    for requirement in found.node.items() {
        let Some(operator) = requirement.get("operator") else { continue };
        let values = requirement.entry("values");
        let has_values = values.is_some_and(|values| !values.value.items().is_empty());
        let is_list = values.is_none_or(|values| matches!(values.value.content, Content::Sequence(_) | Content::Null));
        match operator.as_str() {
            Some(text @ ("In" | "NotIn")) if !has_values && is_list => {
                let message = format!("{text} asks for values, and there are none");
                findings.push(Finding::error(Code::InvalidSelector, operator.span, message));
            }
            Some(text @ ("Exists" | "DoesNotExist")) if has_values => {
                let span = values.map_or(operator.span, |entry| entry.key_span);
                let message = format!("{text} asks for no values");
                findings.push(Finding::error(Code::InvalidSelector, span, message).suggest("remove them"));
            }
            Some(_) | None => {}
        }
    }
}

/// Reads a template in which nothing is wrong.
pub(super) fn read(
    root: &Node<'_>,
    origin: Origin,
    texts: Texts,
    conditions: &mut Conditions,
    file: &FileText<'_>,
) -> Result<Template, serde::de::value::Error> {
    let TemplateParts { name, selector, policy, when } = manifest::template(root, conditions)?;
    let class = root.get("template").unwrap_or(root);
    let span = root.find("/template").map_or(root.span, |found| found.heading());
    let document = Node { span, ..class.detached() };
    Ok(Template { name, selector, policy, when, origin, body: Body { document, texts, file: file.shared() } })
}
