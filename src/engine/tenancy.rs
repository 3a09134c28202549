//! Tenants: teams that write defaults of their own, each inside a boundary that the platform's files draw.
//!
//! A boundary is held against what a document asks for ([`Wish`]), when the document is read; and against classes that
//! are in force already, when the boundary itself changes. Both ask the same function.

mod glob;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::glob::Glob;
use super::author::Author;
use super::defaults::{DefaultClass, Origin};
use super::document::Node;
use super::policy::{Conflicts, OnRemove, OnReplace, Policy};
use super::unit::Unit;
use super::value::UnitValue;

/// The label of the ConfigMaps in a tenant's namespaces that are its files.
pub const DEFAULTS_LABEL: &str = "classkeeper.dev/defaults";
/// The value of [`DEFAULTS_LABEL`] that says so.
pub const DEFAULTS_LABEL_TRUE: &str = "true";

/// A team that writes defaults of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its name, a DNS label: the end of its field manager.
    pub name: Arc<str>,
    /// The namespaces whose labelled ConfigMaps are its files. Sorted.
    pub namespaces: Box<[Arc<str>]>,
    /// What it may ask for.
    pub boundary: Boundary,
    /// Where it is written.
    pub origin: Origin,
}

/// What a tenant may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// The names of its classes.
    pub names: Box<[Glob]>,
    /// Their `controllerName`s.
    pub controller_names: Box<[Glob]>,
    /// The namespaces of the parameters that they refer to; the empty one stands for cluster-scoped parameters.
    pub parameters_namespaces: Box<[Box<str>]>,
    /// The kinds of these, as `group/Kind`; none: any.
    pub parameters_kinds: Box<[Box<str>]>,
    /// The policies beyond the harmless ones.
    pub rights: Box<[Right]>,
}

/// A policy that a tenant needs to be allowed, since it reaches further than to what the tenant wrote itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Right {
    /// `conflicts: Force`, and with `Delete` `onReplace: Recreate`.
    Force,
    /// `enforce`.
    Enforce,
    /// `adoptFrom`.
    Adopt,
    /// `onRemove: Delete`, and with `Force` `onReplace: Recreate`.
    Delete,
    /// `protect: true`.
    Protect,
}

impl Right {
    /// Its name in the files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Force => "Force",
            Self::Enforce => "Enforce",
            Self::Adopt => "Adopt",
            Self::Delete => "Delete",
            Self::Protect => "Protect",
        }
    }
}

/// Whose files a source holds, and so what may stand in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The platform's: everything.
    #[default]
    Platform,
    /// A tenant's: classes inside its boundary.
    Tenant(Arc<Tenant>),
}

impl Scope {
    /// Who wrote what stands in the files.
    #[must_use]
    pub fn author(&self) -> Author {
        match self {
            Self::Platform => Author::Platform,
            Self::Tenant(tenant) => Author::Tenant(tenant.name.clone()),
        }
    }

    /// Whether a class may stand in the files.
    #[must_use]
    pub fn permits(&self, class: &DefaultClass) -> bool {
        match self {
            Self::Platform => true,
            Self::Tenant(tenant) => tenant.violations_of(class).is_empty(),
        }
    }
}

/// What a class asks for, as far as a boundary is about it. What isn't there, or isn't of the right type, is nothing.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are no modes: each says whether a policy is asked for")]
pub(super) struct Wish<'a> {
    name: Option<&'a str>,
    controller_name: Option<&'a str>,
    reference: Option<Reference<'a>>,
    conflicts_force: bool,
    enforces: bool,
    adopts: bool,
    removes: bool,
    recreates: bool,
    protects: bool,
}

#[derive(Debug)]
struct Reference<'a> {
    group: Option<&'a str>,
    kind: Option<&'a str>,
    namespace: Option<&'a str>,
}

impl<'a> Wish<'a> {
    /// What a document asks for that may be wrong otherwise.
    pub(super) fn of_document(root: &'a Node<'_>) -> Self {
        let metadata_name = root.get("metadata").and_then(|metadata| metadata.get("name"));
        let spec = root.get("spec");
        let field = |of: Option<&'a Node<'_>>, name: &str| of.and_then(|of| of.get(name));
        let reference = field(spec, "parametersRef").filter(|reference| reference.as_mapping().is_some());
        let policy = root.get("policy");
        let says = |name: &str, value: &str| field(policy, name).and_then(Node::as_str) == Some(value);
        let names_any = |name: &str| {
            let value = field(policy, name).map(Node::to_value);
            value.is_some_and(|value| value.as_array().is_some_and(|items| !items.is_empty()))
        };
        Self {
            name: metadata_name.and_then(Node::as_str),
            controller_name: field(spec, "controllerName").and_then(Node::as_str),
            reference: reference.map(|reference| Reference {
                group: reference.get("group").and_then(Node::as_str),
                kind: reference.get("kind").and_then(Node::as_str),
                namespace: reference.get("namespace").and_then(Node::as_str),
            }),
            conflicts_force: says("conflicts", "Force"),
            enforces: names_any("enforce"),
            adopts: names_any("adoptFrom"),
            removes: says("onRemove", "Delete"),
            recreates: says("onReplace", "Recreate"),
            protects: field(policy, "protect").is_some_and(|value| value.to_value() == true),
        }
    }

    fn of_class(class: &'a DefaultClass, reference: Option<&'a Value>) -> Self {
        let Policy {
            conflicts,
            enforce,
            adopt_from,
            on_remove,
            on_replace,
            protect,
            // These reach no further than to the class itself.
            mode: _,
            create_only: _,
            on_delete: _,
        } = &*class.policy;
        let text = |of: &'a Value, name: &str| of.get(name).and_then(Value::as_str);
        Self {
            name: Some(&class.name),
            controller_name: class.units.get(&Unit::ControllerName).and_then(UnitValue::as_str),
            reference: reference.map(|reference| Reference {
                group: text(reference, "group"),
                kind: text(reference, "kind"),
                namespace: text(reference, "namespace"),
            }),
            conflicts_force: *conflicts == Conflicts::Force,
            enforces: !enforce.is_empty(),
            adopts: !adopt_from.is_empty(),
            removes: *on_remove == OnRemove::Delete,
            recreates: *on_replace == OnReplace::Recreate,
            protects: *protect,
        }
    }

    /// The policies that it asks for and that need a right: where they stand, how they are written, what they need.
    fn policies(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static [Right])> {
        let policies: [(bool, _, _, &[Right]); 6] = [
            (self.conflicts_force, "/policy/conflicts", "conflicts: Force", &[Right::Force]),
            (self.enforces, "/policy/enforce", "enforce", &[Right::Enforce]),
            (self.adopts, "/policy/adoptFrom", "adoptFrom", &[Right::Adopt]),
            (self.removes, "/policy/onRemove", "onRemove: Delete", &[Right::Delete]),
            // It deletes a class together with what others wrote of it.
            (self.recreates, "/policy/onReplace", "onReplace: Recreate", &[Right::Delete, Right::Force]),
            (self.protects, "/policy/protect", "protect: true", &[Right::Protect]),
        ];
        policies.into_iter().filter(|(asks, ..)| *asks).map(|(_, place, words, rights)| (place, words, rights))
    }
}

/// What a boundary doesn't allow of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// Where it stands: a JSON pointer, of which what isn't written stands for what it would be in.
    pub(super) place: &'static str,
    /// What isn't allowed.
    pub(super) message: String,
    /// What is.
    pub(super) suggestion: String,
}

impl Tenant {
    /// What the tenant's boundary doesn't allow of a class.
    fn violations_of(&self, class: &DefaultClass) -> Vec<Violation> {
        let reference = class.units.get(&Unit::ParametersRef).map(UnitValue::to_json);
        self.violations(&Wish::of_class(class, reference.as_ref()))
    }

    /// The same of what a class or a document asks for.
    pub(super) fn violations(&self, wish: &Wish<'_>) -> Vec<Violation> {
        let Boundary { names, controller_names, parameters_namespaces, parameters_kinds, rights } = &self.boundary;
        let mut found = Vec::new();
        let mut refuse = |place, what: String, list: &str, allowed: String| {
            let message = format!("{what}, which the tenant {} isn't allowed", self.name);
            let suggestion = format!("{list} of the Tenant {}: {allowed}", self.name);
            found.push(Violation { place, message, suggestion });
        };
        if let Some(name) = wish.name
            && !names.iter().any(|glob| glob.matches(name))
        {
            refuse("/metadata/name", format!("the class is named {name:?}"), "allow.names", list(names));
        }
        if let Some(name) = wish.controller_name
            && !controller_names.iter().any(|glob| glob.matches(name))
        {
            let what = format!("the class belongs to the controller {name:?}");
            refuse("/spec/controllerName", what, "allow.controllerNames", list(controller_names));
        }
        if let Some(Reference { group, kind, namespace }) = &wish.reference {
            // What isn't there makes the reference one to a cluster-scoped object.
            let namespace = namespace.unwrap_or_default();
            if !parameters_namespaces.iter().any(|allowed| **allowed == *namespace) {
                let (place, what) = match namespace {
                    "" => ("/spec/parametersRef", "the parameters belong to no namespace".to_owned()),
                    _ => {
                        ("/spec/parametersRef/namespace", format!("the parameters are in the namespace {namespace:?}"))
                    }
                };
                refuse(place, what, "allow.parametersNamespaces", texts(parameters_namespaces));
            }
            let kind = format!("{}/{}", group.unwrap_or_default(), kind.unwrap_or_default());
            if !parameters_kinds.is_empty() && !parameters_kinds.iter().any(|allowed| **allowed == *kind) {
                let what = format!("the parameters are of the kind {kind:?}");
                refuse("/spec/parametersRef/kind", what, "allow.parametersKinds", texts(parameters_kinds));
            }
        }
        for (place, words, needed) in wish.policies() {
            let missing: Vec<_> = needed.iter().filter(|&right| !rights.contains(right)).copied().collect();
            if !missing.is_empty() {
                let missing = missing.into_iter().map(Right::as_str).collect::<Vec<_>>().join(" and ");
                let what = format!("{words} needs the policy {missing}");
                let allowed: Vec<_> = rights.iter().map(|right| right.as_str()).collect();
                refuse(place, what, "allow.policies", or_none(&allowed));
            }
        }
        found
    }
}

fn list(globs: &[Glob]) -> String {
    or_none(&globs.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn texts(texts: &[Box<str>]) -> String {
    or_none(&texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>())
}

fn or_none<T: AsRef<str>>(texts: &[T]) -> String {
    if texts.is_empty() {
        return "none".to_owned();
    }
    texts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
