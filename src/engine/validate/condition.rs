//! `when`: whether it compiles, and where in the file what is wrong with it stands.

use crate::engine::diagnostic::text::Findings;
use crate::engine::diagnostic::{Code, Finding, Severity};
use crate::engine::document::Node;
use crate::engine::expression::LENGTH_AT_MOST;
use crate::engine::manifest::Kind;
use crate::engine::when::Conditions;

use super::place::place;

pub(super) fn check(kind: Kind, root: &Node<'_>, conditions: &mut Conditions, findings: &mut Findings<'_, '_>) {
    match kind {
        Kind::DefaultGatewayClass | Kind::GatewayClassTemplate => {}
        // It has no such field.
        Kind::GatewayClass | Kind::Tenant => return,
    }
    let Some(node) = root.get("when") else { return };
    let Some(text) = node.as_str() else { return };
    // About these two, the schema has spoken.
    if text.is_empty() || text.chars().count() > LENGTH_AT_MOST as usize {
        return;
    }
    let Err(problems) = conditions.compile(text) else { return };
    for problem in &*problems {
        let file = findings.file;
        findings.push_with(Severity::Error, || {
            let span = place(file, node, text, problem.range.clone()).unwrap_or(node.span);
            let mut finding = Finding::error(Code::InvalidExpression, span, format!("when: {}", problem.message));
            finding.suggestion.clone_from(&problem.suggestion);
            finding
        });
    }
}
