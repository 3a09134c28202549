//! The documents of a defaults file as they are written: a mirror of the input without judgement.
//!
//! The published schema is generated from these types, and their comments are what an editor shows for a field. What
//! the schema accepts, serde reads into them; from there it's one step to a [`DefaultClass`] or a
//! [`Tenant`](super::tenancy::Tenant).

mod template;
mod tenant;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::{Map, Value};

pub(super) use self::template::{GatewayClassTemplate, TemplateParts, expanded, template};
pub(super) use self::tenant::{Tenant, tenant};
use super::author::Author;
use super::defaults::{DefaultClass, Origin};
use super::document::Node;
use super::policy::{Conflicts, Mode, OnDelete, OnRemove, OnReplace, Policy};
use super::schema::limits;
use super::unit::{Unit, Units};
use super::when::{Conditions, When};

/// A kind of document, by the API versions it is known in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Our own kind: a class and how it is kept.
    DefaultGatewayClass,
    /// A plain manifest: a class, kept with the default policy.
    GatewayClass,
    /// The boundary inside which a team writes defaults of its own.
    Tenant,
    /// A class for each namespace that matches.
    GatewayClassTemplate,
}

/// What a document describes. Names of different subjects have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A class.
    Class,
    /// A tenant.
    Tenant,
    /// A template.
    Template,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Class => "class",
            Self::Tenant => "tenant",
            Self::Template => "template",
        })
    }
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] =
        [Self::DefaultGatewayClass, Self::GatewayClass, Self::GatewayClassTemplate, Self::Tenant];

    /// What stands as `kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DefaultGatewayClass => "DefaultGatewayClass",
            Self::GatewayClass => "GatewayClass",
            Self::GatewayClassTemplate => "GatewayClassTemplate",
            Self::Tenant => "Tenant",
        }
    }

    /// What may stand as `apiVersion`, the preferred one first.
    #[must_use]
    pub fn api_versions(self) -> &'static [&'static str] {
        match self {
            Self::DefaultGatewayClass | Self::GatewayClassTemplate | Self::Tenant => &["classkeeper.dev/v1alpha1"],
            Self::GatewayClass => &["gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1"],
        }
    }

    /// What a document of this kind describes.
    #[must_use]
    pub fn subject(self) -> Subject {
        match self {
            Self::DefaultGatewayClass | Self::GatewayClass => Subject::Class,
            Self::Tenant => Subject::Tenant,
            Self::GatewayClassTemplate => Subject::Template,
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

/// Reads the class of a `DefaultGatewayClass` that its schema accepts, and whose condition compiles.
pub(super) fn default_gateway_class(
    root: &Node<'_>,
    author: Author,
    origin: Origin,
    conditions: &mut Conditions,
) -> Result<DefaultClass, serde::de::value::Error> {
    let DefaultGatewayClass { metadata, spec, policy, when } = DefaultGatewayClass::deserialize(root)?;
    let when = compiled(when, conditions)?;
    Ok(DefaultClass { when, ..class(metadata, spec, policy.unwrap_or_default().into(), author, origin) })
}

/// Reads the class of a plain manifest that its schema accepts.
pub(super) fn gateway_class(
    root: &Node<'_>,
    author: Author,
    origin: Origin,
) -> Result<DefaultClass, serde::de::value::Error> {
    let GatewayClass { metadata, spec } = GatewayClass::deserialize(root)?;
    Ok(class(metadata, spec, Policy::default(), author, origin))
}

fn compiled(when: Option<String>, conditions: &mut Conditions) -> Result<Option<Arc<When>>, serde::de::value::Error> {
    let invalid = |_| serde::de::value::Error::custom("its condition is invalid");
    when.map(|text| conditions.compile(&text)).transpose().map_err(invalid)
}

fn class(metadata: Metadata, spec: Map<String, Value>, policy: Policy, author: Author, origin: Origin) -> DefaultClass {
    let Metadata { name, labels, annotations } = metadata;
    let spec = spec.into_iter().map(|(field, value)| (Unit::spec(&field), value));
    let labels = labels.into_iter().flatten().map(|(key, value)| (Unit::label(&key), value.into()));
    let annotations = annotations
        .into_iter()
        .flatten()
        .filter(|(key, _)| !limits::CLIENT_SET_ANNOTATIONS.contains(&&**key))
        .map(|(key, value)| (Unit::annotation(&key), value.into()));
    let policy = Arc::new(policy);
    let units: Units = spec.chain(labels).chain(annotations).chain(policy.marks()).collect();
    DefaultClass { name, units, policy, when: None, author, origin }
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
