//! The documents of a defaults file as they are written: a mirror of the input without judgement.
//!
//! The published schema is generated from these types, and their comments are what an editor shows for a field. What
//! the schema accepts, serde reads into them; from there it's one step to a [`DefaultClass`].

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::{Map, Value};

use super::defaults::{DefaultClass, Origin};
use super::diagnostic::Code;
use super::document::Node;
use super::policy::{Conflicts, Mode, OnDelete, OnRemove, OnReplace, Policy};
use super::schema::limits;
use super::template::selector::{Requirement, Selector, Wanted};
use super::unit::{Unit, Units};
use super::when::{Conditions, When};

/// A kind of document, by the API versions it is known in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Our own kind: a class and how it is kept.
    DefaultGatewayClass,
    /// A plain manifest: a class, kept with the default policy.
    GatewayClass,
    /// A class for each namespace that matches.
    GatewayClassTemplate,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::DefaultGatewayClass, Self::GatewayClass, Self::GatewayClassTemplate];

    /// What stands as `kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DefaultGatewayClass => "DefaultGatewayClass",
            Self::GatewayClass => "GatewayClass",
            Self::GatewayClassTemplate => "GatewayClassTemplate",
        }
    }

    /// What a document of this kind describes.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::DefaultGatewayClass | Self::GatewayClass => "class",
            Self::GatewayClassTemplate => "template",
        }
    }

    /// What is wrong with two documents of this kind that have the same name.
    #[must_use]
    pub fn duplicate(self) -> Code {
        match self {
            Self::DefaultGatewayClass | Self::GatewayClass => Code::DuplicateClass,
            Self::GatewayClassTemplate => Code::DuplicateTemplate,
        }
    }

    /// What may stand as `apiVersion`, the preferred one first.
    #[must_use]
    pub fn api_versions(self) -> &'static [&'static str] {
        match self {
            Self::DefaultGatewayClass | Self::GatewayClassTemplate => &["classkeeper.dev/v1alpha1"],
            Self::GatewayClass => &["gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1"],
        }
    }
}

/// A class that classkeeper keeps, and how it keeps it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct DefaultGatewayClass {
    /// Name, labels and annotations of the class. Nothing else is allowed here.
    metadata: Metadata,
    /// The class's spec, exactly as the Gateway API defines it.
    #[schemars(schema_with = "limits::spec")]
    spec: Map<String, Value>,
    /// How the class is kept. Everything is optional.
    policy: Option<PolicyManifest>,
    /// A condition in CEL, for example `cluster.serves("gateway.kgateway.dev/v1alpha1", "GatewayParameters")`. While it is
    /// false, the class is neither created nor written to, and doesn't count as removed.
    #[serde(default)]
    #[schemars(schema_with = "limits::when")]
    when: Option<String>,
}

/// A GatewayClass as you would give it to kubectl. classkeeper keeps it with the default policy.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct GatewayClass {
    /// Name, labels and annotations of the class.
    metadata: Metadata,
    /// The class's spec.
    #[schemars(schema_with = "limits::spec")]
    spec: Map<String, Value>,
}

/// One class for each namespace that matches. They come, change and go with the namespaces.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GatewayClassTemplate {
    /// The name of the template. Nothing else is allowed here.
    metadata: TemplateMetadata,
    /// What there is one class for each of.
    for_each: ForEach,
    /// The class of a namespace. In string values, `${…}` holds an expression in CEL over `namespace` (`name`, `labels`,
    /// `annotations`) and `cluster`, whose result is a string; `$${` stands for `${`.
    #[expect(dead_code, reason = "it is filled in as a document, once for each namespace")]
    template: ClassTemplate,
    /// How each of the classes is kept. Everything is optional.
    policy: Option<PolicyManifest>,
    /// A condition in CEL over `cluster`, as that of a DefaultGatewayClass. While it is false, the classes are neither
    /// created nor written to, and don't count as removed.
    #[serde(default)]
    #[schemars(schema_with = "limits::when")]
    when: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TemplateMetadata {
    /// The name of the template, for messages about it.
    #[schemars(schema_with = "limits::name")]
    name: Arc<str>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ForEach {
    /// Namespaces of the cluster.
    namespaces: Namespaces,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Namespaces {
    /// A label selector, as Kubernetes has them: all its parts must match. An empty one, `{}`, matches every namespace.
    selector: LabelSelector,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LabelSelector {
    /// Labels that a namespace must have, with their values.
    #[serde(default)]
    #[schemars(schema_with = "limits::match_labels")]
    match_labels: Option<BTreeMap<Box<str>, Box<str>>>,
    /// What else must be so of a namespace's labels.
    #[serde(default)]
    match_expressions: Option<Vec<LabelRequirement>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct LabelRequirement {
    /// The key of a label.
    #[schemars(schema_with = "limits::label_key")]
    key: Box<str>,
    /// What must be so of it.
    operator: Operator,
    /// The values that `In` and `NotIn` are about.
    #[serde(default)]
    #[schemars(schema_with = "limits::label_values")]
    values: Option<Vec<Box<str>>>,
}

/// What a label selector may ask.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
enum Operator {
    /// The label is there, with one of the values.
    In,
    /// The label isn't there, or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label isn't there.
    DoesNotExist,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "it is filled in as a document, once for each namespace")]
struct ClassTemplate {
    /// Name, labels and annotations of the class. Nothing else is allowed here.
    metadata: Metadata,
    /// The class's spec, as the Gateway API defines it.
    #[schemars(schema_with = "limits::spec")]
    spec: Map<String, Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Metadata {
    /// The name of the class, to which Gateways refer as `gatewayClassName`.
    #[schemars(schema_with = "limits::name")]
    name: Arc<str>,
    /// Labels of the class. Each label is kept on its own; labels that aren't named here are left alone.
    #[serde(default)]
    #[schemars(schema_with = "limits::labels")]
    labels: Option<BTreeMap<String, String>>,
    /// Annotations of the class. Each annotation is kept on its own; those that aren't named here are left alone.
    #[serde(default)]
    #[schemars(schema_with = "limits::annotations")]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
struct PolicyManifest {
    /// Whether the class is written at all.
    mode: Mode,
    /// What happens to a unit that somebody else owns with another value.
    conflicts: Conflicts,
    /// Units that are taken back from any owner, whatever `conflicts` says, for example `spec.description`,
    /// `metadata.labels['team']`.
    #[serde(deserialize_with = "units")]
    #[schemars(schema_with = "limits::units")]
    enforce: Vec<Unit>,
    /// Units that are set when the class is created, and never again.
    #[serde(deserialize_with = "units")]
    #[schemars(schema_with = "limits::units")]
    create_only: Vec<Unit>,
    /// Field managers whose fields are taken over, for example `helm`.
    #[schemars(schema_with = "limits::field_managers")]
    adopt_from: Vec<String>,
    /// What happens to the class when its default leaves the files.
    on_remove: OnRemove,
    /// What happens when somebody else deletes the class.
    on_delete: OnDelete,
    /// What happens when an immutable field must change.
    on_replace: OnReplace,
    /// Whether a finalizer and an annotation hold the class while Gateways use it.
    protect: bool,
}

/// Reads the class of a document that its kind's schema accepts, and whose condition compiles.
pub(super) fn class(
    kind: Kind,
    root: &Node<'_>,
    origin: Origin,
    conditions: &mut Conditions,
) -> Result<DefaultClass, serde::de::value::Error> {
    let (metadata, spec, policy, when) = match kind {
        Kind::DefaultGatewayClass => {
            let DefaultGatewayClass { metadata, spec, policy, when } = DefaultGatewayClass::deserialize(root)?;
            (metadata, spec, policy.unwrap_or_default(), when)
        }
        Kind::GatewayClass => {
            let GatewayClass { metadata, spec } = GatewayClass::deserialize(root)?;
            (metadata, spec, PolicyManifest::default(), None)
        }
        Kind::GatewayClassTemplate => return Err(serde::de::value::Error::custom("a template is no class")),
    };
    let when = compiled(when, conditions)?;
    Ok(assemble(metadata, spec, policy.into(), when, origin))
}

/// What a template says beside its class.
pub(super) struct TemplateParts {
    pub(super) name: Arc<str>,
    pub(super) selector: Selector,
    pub(super) policy: Policy,
    pub(super) when: Option<Arc<When>>,
}

/// Reads a template that its schema accepts, whose condition compiles and whose selector makes sense, apart from its
/// class.
pub(super) fn template(root: &Node<'_>, conditions: &mut Conditions) -> Result<TemplateParts, serde::de::value::Error> {
    let GatewayClassTemplate { metadata, for_each, template: _, policy, when } =
        GatewayClassTemplate::deserialize(root)?;
    let when = compiled(when, conditions)?;
    let selector = for_each.namespaces.selector.into();
    Ok(TemplateParts { name: metadata.name, selector, policy: policy.unwrap_or_default().into(), when })
}

/// Reads the class that a template gives for a namespace: a document of which only `metadata` and `spec` are its own.
pub(super) fn expanded(
    root: &Node<'_>,
    policy: &Policy,
    when: Option<&Arc<When>>,
    origin: &Origin,
) -> Result<DefaultClass, serde::de::value::Error> {
    let GatewayClass { metadata, spec } = GatewayClass::deserialize(root)?;
    Ok(assemble(metadata, spec, policy.clone(), when.cloned(), origin.clone()))
}

fn compiled(when: Option<String>, conditions: &mut Conditions) -> Result<Option<Arc<When>>, serde::de::value::Error> {
    let invalid = |_| serde::de::value::Error::custom("its condition is invalid");
    when.map(|text| conditions.compile(&text)).transpose().map_err(invalid)
}

fn assemble(
    metadata: Metadata,
    spec: Map<String, Value>,
    policy: Policy,
    when: Option<Arc<When>>,
    origin: Origin,
) -> DefaultClass {
    let Metadata { name, labels, annotations } = metadata;
    let spec = spec.into_iter().map(|(field, value)| (Unit::spec(&field), value));
    let labels = labels.into_iter().flatten().map(|(key, value)| (Unit::label(&key), value.into()));
    let annotations = annotations
        .into_iter()
        .flatten()
        .filter(|(key, _)| !limits::CLIENT_SET_ANNOTATIONS.contains(&&**key))
        .map(|(key, value)| (Unit::annotation(&key), value.into()));
    let units: Units = spec.chain(labels).chain(annotations).chain(policy.marks()).collect();
    DefaultClass { name, units, policy, when, origin }
}

impl From<LabelSelector> for Selector {
    fn from(selector: LabelSelector) -> Self {
        let LabelSelector { match_labels, match_expressions } = selector;
        let labels = match_labels.into_iter().flatten();
        let equal = labels.map(|(key, value)| Requirement { key, wanted: Wanted::In(Box::new([value])) });
        let others = match_expressions.into_iter().flatten().map(|LabelRequirement { key, operator, values }| {
            let values = values.unwrap_or_default().into_boxed_slice();
            let wanted = match operator {
                Operator::In => Wanted::In(values),
                Operator::NotIn => Wanted::NotIn(values),
                Operator::Exists => Wanted::Exists,
                Operator::DoesNotExist => Wanted::DoesNotExist,
            };
            Requirement { key, wanted }
        });
        equal.chain(others).collect()
    }
}

impl From<PolicyManifest> for Policy {
    fn from(manifest: PolicyManifest) -> Self {
        let PolicyManifest {
            mode,
            conflicts,
            mut enforce,
            mut create_only,
            adopt_from,
            on_remove,
            on_delete,
            on_replace,
            protect,
        } = manifest;
        enforce.sort();
        create_only.sort();
        Self { mode, conflicts, enforce, create_only, adopt_from, on_remove, on_delete, on_replace, protect }
    }
}

fn units<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Unit>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}
