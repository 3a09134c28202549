//! The rules that a schema can't express. All of them, in this order:
//!
//! - What only a server or a client sets is left out with a warning.
//! - A name that the Gateway API advises against is a warning.
//! - The annotations of a class hold at most 256 KiB together.
//! - A unit stands in `enforce` or in `createOnly`, not in both.
//! - A unit in either of them that the document doesn't set does nothing, a warning.
//!
//! That no class is described twice is a rule about all documents together, so it is checked where they are together.

use std::collections::BTreeMap;

use crate::engine::diagnostic::text::Findings;
use crate::engine::diagnostic::{Code, Finding, Severity};
use crate::engine::document::{Entry, Node, Span};
use crate::engine::manifest::{Kind, Subject};
use crate::engine::schema::limits::{CLIENT_SET_ANNOTATIONS, SERVER_SET};
use crate::engine::unit::{Unit, UnitPath};

use super::suggest::closest;

/// A guess looks at no more keys than this.
const GUESSES_AT_MOST: usize = 100;

/// What Kubernetes allows all annotations of an object together, in bytes of keys and values.
const ANNOTATIONS_AT_MOST: usize = 256 * 1024;

/// Whether the schema accepts a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    FollowsSchema,
    BreaksSchema,
}

/// Checks a document whose class, its `metadata` and `spec`, stands here: the document itself, but for a template.
pub(super) fn check(
    kind: Kind,
    standing: Standing,
    root: &Node<'_>,
    class: &Node<'_>,
    findings: &mut Findings<'_, '_>,
) {
    match kind.subject() {
        Subject::Class | Subject::Template => {}
        // Its schema says it all.
        Subject::Tenant => return,
    }
    left_out(kind, class, findings);
    if standing == Standing::FollowsSchema {
        discouraged_name(class, findings);
    }
    annotation_size(class, findings);
    contradictions(root, findings);
    without_effect(root, class, findings);
}

fn left_out(kind: Kind, root: &Node<'_>, findings: &mut Findings<'_, '_>) {
    let warn = |findings: &mut Findings<'_, '_>, entry: &Entry<'_>, path: &str, who: &str| {
        let message = format!("{path} is set by {who}, so it is left out");
        findings.push(Finding::warning(Code::IgnoredField, entry.key_span, message).suggest("remove it"));
    };
    let metadata = root.get("metadata");
    match kind {
        Kind::GatewayClass => {
            if let Some(entry) = root.entry("status") {
                warn(findings, entry, "status", "the server");
            }
            for entry in metadata.map_or(&[][..], Node::entries) {
                if SERVER_SET.contains(&&*entry.key) {
                    warn(findings, entry, &format!("metadata.{}", entry.key), "the server");
                }
            }
        }
        Kind::DefaultGatewayClass | Kind::GatewayClassTemplate | Kind::Tenant => {}
    }
    let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
    for key in CLIENT_SET_ANNOTATIONS {
        if let Some(entry) = annotations.and_then(|annotations| annotations.entry(key)) {
            warn(findings, entry, &Unit::annotation(key).to_string(), "kubectl");
        }
    }
}

/// "A `GatewayClass` name SHOULD be compliant with RFC 1035, consisting of a maximum of 63 lower case alphanumeric
/// characters or hyphens" (the Gateway API's documentation of the kind).
fn discouraged_name(root: &Node<'_>, findings: &mut Findings<'_, '_>) {
    let Some(name) = root.get("metadata").and_then(|metadata| metadata.get("name")) else { return };
    let Some(text) = name.as_str() else { return };
    // Of a template, each name that comes of it is looked at.
    if text.contains("${") {
        return;
    }
    let is_label = text.len() <= 63 && !text.contains('.') && text.starts_with(|c: char| c.is_ascii_lowercase());
    if is_label {
        return;
    }
    let message = "the Gateway API advises names of at most 63 letters, digits and -, that begin with a letter: other \
                   names can't be used everywhere, for example as the value of a label";
    findings.push(Finding::warning(Code::DiscouragedName, name.span, message));
}

fn annotation_size(root: &Node<'_>, findings: &mut Findings<'_, '_>) {
    let Some(annotations) = root.get("metadata").and_then(|metadata| metadata.entry("annotations")) else { return };
    let entries = annotations.value.entries().iter();
    let size: usize = entries.map(|entry| entry.key.len() + entry.value.as_str().map_or(0, str::len)).sum();
    if size > ANNOTATIONS_AT_MOST {
        let message = format!("the annotations have {size} bytes together; at most {ANNOTATIONS_AT_MOST} are allowed");
        findings.push(Finding::error(Code::TooLarge, annotations.key_span, message));
    }
}

fn contradictions(root: &Node<'_>, findings: &mut Findings<'_, '_>) {
    let mut enforced = BTreeMap::new();
    for (unit, span) in units(root, "enforce") {
        enforced.entry(unit).or_insert(span);
    }
    for (unit, span) in units(root, "createOnly") {
        if let Some(first) = enforced.get(unit) {
            let message = format!("{unit} is in enforce and in createOnly: it can't be kept and be left alone");
            findings.push(
                Finding::error(Code::Contradiction, span, message)
                    .relate(*first, "enforced here")
                    .suggest("take it out of one of them"),
            );
        }
    }
}

fn without_effect(root: &Node<'_>, class: &Node<'_>, findings: &mut Findings<'_, '_>) {
    for list in ["enforce", "createOnly"] {
        for (text, span) in units(root, list) {
            let Ok(unit) = text.parse::<Unit>() else { continue };
            let (parent, key) = match unit.path() {
                UnitPath::Spec(field) => (class.get("spec"), field),
                UnitPath::Metadata(map, key) => (class.get("metadata").and_then(|metadata| metadata.get(map)), key),
            };
            if parent.is_some_and(|parent| parent.entry(key).is_some()) {
                continue;
            }
            findings.push_with(Severity::Warning, || {
                let message = format!("policy.{list} names {unit}, which this document doesn't set");
                let mut finding = Finding::warning(Code::NoEffect, span, message);
                // Of the spec's fields those that there are, however the document spells them; not the unit itself.
                let (fields, entries): (&[&str], _) = match unit.path() {
                    UnitPath::Spec(_) => (&["controllerName", "description", "parametersRef"], &[][..]),
                    UnitPath::Metadata(..) => (&[], parent.map_or(&[][..], Node::entries)),
                };
                let keys = entries.iter().take(GUESSES_AT_MOST).map(|entry| &*entry.key);
                finding.suggestion = closest(key, keys.chain(fields.iter().copied()).filter(|known| *known != key))
                    .map(|key| match unit.path() {
                        UnitPath::Spec(_) => format!("did you mean {}?", Unit::spec(key)),
                        UnitPath::Metadata("labels", _) => format!("did you mean {}?", Unit::label(key)),
                        UnitPath::Metadata(..) => format!("did you mean {}?", Unit::annotation(key)),
                    });
                finding
            });
        }
    }
}

fn units<'n>(root: &'n Node<'_>, list: &str) -> impl Iterator<Item = (&'n str, Span)> {
    let items = root.get("policy").and_then(|policy| policy.get(list)).map_or(&[][..], Node::items);
    items.iter().filter_map(|item| Some((item.as_str()?, item.span)))
}
