//! Which kind of document it is, by its `apiVersion` and `kind`.

use super::suggest::did_you_mean;
use crate::engine::diagnostic::{Code, Finding, quoted};
use crate::engine::document::{Content, Found, Node, Span};
use crate::engine::manifest::Kind;

/// Kinds of ours that the contract names and this version doesn't know yet.
const UNSUPPORTED_KINDS: [&str; 1] = ["GatewayClassTemplate"];

/// The kind of a document, or the one finding about it. Boxed, because it's rare and large.
pub(super) fn kind(root: &Node<'_>) -> Result<Kind, Box<Finding>> {
    let at_root = Found { key_span: None, node: root };
    if root.as_mapping().is_none() {
        let message = format!("a document is a map with apiVersion and kind, and this is {}", root.describe());
        return Err(Finding::error(Code::WrongType, root.span, message).into());
    }
    let (api_version, _) = text(root, "apiVersion", at_root.heading())?;
    let (kind, kind_span) = text(root, "kind", at_root.heading())?;
    let version_span = root.get("apiVersion").map_or_else(|| at_root.heading(), |node| node.span);
    if let Some(known) = Kind::ALL.into_iter().find(|known| known.as_str() == kind) {
        if known.api_versions().contains(&api_version) {
            return Ok(known);
        }
        let known_in = known.api_versions().join(" and ");
        let message = format!("{kind} is known in {known_in}, not in {}", quoted(api_version));
        let preferred = known.api_versions()[0];
        return Err(Finding::error(Code::UnknownVersion, version_span, message)
            .suggest(format!("did you mean {preferred:?}?"))
            .into());
    }
    if UNSUPPORTED_KINDS.contains(&kind) && api_version.starts_with("classkeeper.dev/") {
        let message = format!("the kind {kind} is not supported by this version of classkeeper");
        return Err(Finding::error(Code::Unsupported, kind_span, message).into());
    }
    if kind == "List" || kind == "GatewayClassList" {
        let message = format!("a {kind} is not supported: a defaults file holds each class as a document of its own");
        return Err(Finding::error(Code::Unsupported, kind_span, message)
            .suggest("write the items one below the other, with `---` between them")
            .into());
    }
    let message = format!("{} is no kind of a defaults file", quoted(kind));
    let mut finding = Finding::error(Code::UnknownKind, kind_span, message);
    finding.suggestion = did_you_mean(kind, Kind::ALL.map(Kind::as_str)).or_else(|| {
        let kinds = Kind::ALL.map(Kind::as_str).join(" and ");
        Some(format!("a defaults file holds {kinds}; move everything else elsewhere"))
    });
    Err(finding.into())
}

fn text<'n>(root: &'n Node<'_>, key: &str, heading: Span) -> Result<(&'n str, Span), Box<Finding>> {
    let Some(entry) = root.entry(key) else {
        let message = format!("{key} is missing");
        return Err(Finding::error(Code::MissingField, heading, message).into());
    };
    match &entry.value.content {
        Content::String(text) => Ok((text, entry.value.span)),
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::Sequence(_) | Content::Mapping(_) => {
            let place = Found { key_span: Some(entry.key_span), node: &entry.value }.value_span();
            let message = format!("{key}: expected a string, found {}", entry.value.describe());
            Err(Finding::error(Code::WrongType, place, message).into())
        }
    }
}
