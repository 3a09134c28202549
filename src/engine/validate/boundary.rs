//! What a tenant's files may hold: classes inside its boundary, and no tenants.

use std::sync::Arc;

use crate::engine::diagnostic::text::Findings;
use crate::engine::diagnostic::{Code, Finding};
use crate::engine::document::{Content, Found, Node, Span};
use crate::engine::manifest::{Kind, Subject};
use crate::engine::tenancy::{Scope, Wish};

pub(super) fn check(kind: Kind, scope: &Scope, root: &Node<'_>, findings: &mut Findings<'_, '_>) {
    let Scope::Tenant(tenant) = scope else { return };
    match kind.subject() {
        Subject::Class => {}
        Subject::Tenant => {
            let place = root.get("kind").map_or(root.span, |kind| kind.span);
            let message = format!("a {} stands in the platform's own files only", kind.as_str());
            let finding = Finding::error(Code::OutsideBoundary, place, message);
            findings.push(finding.suggest("a tenant's files hold DefaultGatewayClass and GatewayClass"));
            return;
        }
    }
    for violation in tenant.violations(&Wish::of_document(root)) {
        let found = root.find(violation.place).unwrap_or(Found { key_span: None, node: root });
        // A list or a map is pointed at by its key, a text at itself.
        let finding = Finding::error(Code::OutsideBoundary, found.value_span(), violation.message);
        findings.push(finding.suggest(violation.suggestion));
    }
}

/// The namespaces that a document claims, and where they stand.
pub(super) fn namespaces(kind: Kind, root: &Node<'_>) -> Box<[(Arc<str>, Span)]> {
    match kind.subject() {
        Subject::Class => return Box::default(),
        Subject::Tenant => {}
    }
    let Some(Node { content: Content::Sequence(items), .. }) = root.get("namespaces") else { return Box::default() };
    let mut namespaces: Vec<(Arc<str>, Span)> = Vec::new();
    for (name, span) in items.iter().filter_map(|item| Some((item.as_str()?, item.span))) {
        // One that stands twice in one list is the schema's to tell.
        if !namespaces.iter().any(|(known, _)| **known == *name) {
            namespaces.push((name.into(), span));
        }
    }
    namespaces.into()
}
