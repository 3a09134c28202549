//! The document `GatewayClassTemplate` as it is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{GatewayClass, Metadata, PolicyManifest, class, compiled};
use crate::engine::author::Author;
use crate::engine::defaults::{DefaultClass, Origin};
use crate::engine::document::Node;
use crate::engine::policy::Policy;
use crate::engine::schema::limits;
use crate::engine::template::selector::{Requirement, Selector, Wanted};
use crate::engine::when::{Conditions, When};

/// One class for each namespace that matches. They come, change and go with the namespaces.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::engine) struct GatewayClassTemplate {
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
    /// A condition in CEL over `cluster`, as that of a single class. While it is false, the classes are neither
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

/// What a template says beside its class.
pub(in crate::engine) struct TemplateParts {
    pub(in crate::engine) name: Arc<str>,
    pub(in crate::engine) selector: Selector,
    pub(in crate::engine) policy: Policy,
    pub(in crate::engine) when: Option<Arc<When>>,
}

/// Reads a template that its schema accepts, whose condition compiles and whose selector makes sense, apart from its
/// class.
pub(in crate::engine) fn template(
    root: &Node<'_>,
    conditions: &mut Conditions,
) -> Result<TemplateParts, serde::de::value::Error> {
    let GatewayClassTemplate { metadata, for_each, template: _, policy, when } =
        GatewayClassTemplate::deserialize(root)?;
    let when = compiled(when, conditions)?;
    let selector = for_each.namespaces.selector.into();
    Ok(TemplateParts { name: metadata.name, selector, policy: policy.unwrap_or_default().into(), when })
}

/// Reads the class that a template gives for a namespace: a document of which only `metadata` and `spec` are its own.
pub(in crate::engine) fn expanded(
    root: &Node<'_>,
    policy: &Policy,
    when: Option<&Arc<When>>,
    origin: &Origin,
) -> Result<DefaultClass, serde::de::value::Error> {
    let GatewayClass { metadata, spec } = GatewayClass::deserialize(root)?;
    let class = class(metadata, spec, policy.clone(), Author::Platform, origin.clone());
    Ok(DefaultClass { when: when.cloned(), ..class })
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
