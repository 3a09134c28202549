//! What a value may be: the limits of the Gateway API's CRD, of Kubernetes' metadata and of our own policy.
//!
//! Each rule stands here once, with the words in which it is told: to the schema, and through it to the loader. The
//! messages continue a sentence that names the value: `metadata.name "A" must consist of …`.

mod text;

use gateway_api::gatewayclasses::GatewayClassSpec;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use self::text::{
    CONTROLLER_NAME_GLOB, DNS_LABEL, GROUP_KIND, LABEL, LABEL_KEY, NAME, NAME_GLOB, PARAMETERS_NAMESPACE, Text, WHEN,
};
use crate::engine::template::text::EXPRESSION;

/// `spec`, by JSON pointer. From the CRD `gatewayclasses.gateway.networking.k8s.io` of the Gateway API v1.6.3.
const SPEC: [(&str, Text); 6] = [
    (
        "/properties/controllerName",
        Text {
            min: 1,
            max: 253,
            form: Some((
                r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$",
                "must be a domain-prefixed path such as example.com/gateway-controller",
            )),
        },
    ),
    ("/properties/description", Text { min: 0, max: 64, form: None }),
    (
        "/properties/parametersRef/properties/group",
        Text {
            min: 0,
            max: 253,
            form: Some((
                r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
                "must be an API group such as gateway.example.com, or empty for the core group",
            )),
        },
    ),
    (
        "/properties/parametersRef/properties/kind",
        Text {
            min: 1,
            max: 63,
            form: Some((
                r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
                "must consist of letters, digits and -, begin with a letter and end with a letter or digit",
            )),
        },
    ),
    ("/properties/parametersRef/properties/name", Text { min: 1, max: 253, form: None }),
    (
        "/properties/parametersRef/properties/namespace",
        Text {
            min: 1,
            max: 63,
            form: Some((
                r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
                "must consist of lower-case letters, digits and -, and begin and end with a letter or digit",
            )),
        },
    ),
];

/// The metadata that only a server sets: left out of a plain manifest, with a warning.
pub(in crate::engine) const SERVER_SET: [&str; 6] =
    ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"];

/// The annotations that a client keeps for itself: left out too, for files that come from `kubectl get -o yaml`.
pub(in crate::engine) const CLIENT_SET_ANNOTATIONS: [&str; 1] = ["kubectl.kubernetes.io/last-applied-configuration"];

/// The metadata that no defaults file may set, and why.
const FORBIDDEN: [(&str, &str); 4] = [
    ("finalizers", "can't be set in a defaults file: finalizers belong to the programs that take them off again"),
    ("ownerReferences", "can't be set in a defaults file: an owner's deletion would delete the class with it"),
    ("namespace", "can't be set: a GatewayClass belongs to the whole cluster"),
    ("generateName", "can't be set: a default needs the name that Gateways refer to"),
];

/// `spec`: the Gateway API's own type with the CRD's limits.
pub(in crate::engine) fn spec(generator: &mut SchemaGenerator) -> Schema {
    let mut spec = GatewayClassSpec::json_schema(generator);
    // An optional field may be missing, but the server takes no null for one.
    if let Some(reference) = spec.pointer_mut("/properties/parametersRef") {
        reference["type"] = "object".into();
    }
    for (pointer, text) in &SPEC {
        if let Some(field) = spec.pointer_mut(pointer).and_then(|field| <&mut Schema>::try_from(field).ok()) {
            text.limit(field);
        }
    }
    spec
}

/// `metadata.name`.
pub(in crate::engine) fn name(_: &mut SchemaGenerator) -> Schema {
    NAME.schema()
}

/// `when`.
pub(in crate::engine) fn when(_: &mut SchemaGenerator) -> Schema {
    WHEN.schema()
}

/// `metadata.labels`.
pub(in crate::engine) fn labels(_: &mut SchemaGenerator) -> Schema {
    keys(LABEL_PREFIX, &LABEL.schema())
}

/// `matchLabels` of a label selector.
pub(in crate::engine) fn match_labels(_: &mut SchemaGenerator) -> Schema {
    let rules = qualified_names(LABEL_PREFIX);
    json_schema!({
        "type": ["object", "null"],
        "propertyNames": {"allOf": rules},
        "additionalProperties": LABEL.schema(),
    })
}

/// `key` of a label selector's `matchExpressions`.
pub(in crate::engine) fn label_key(_: &mut SchemaGenerator) -> Schema {
    LABEL_KEY.schema()
}

/// `values` of a label selector's `matchExpressions`.
pub(in crate::engine) fn label_values(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["array", "null"], "items": LABEL.schema()})
}

/// `metadata.annotations`.
pub(in crate::engine) fn annotations(_: &mut SchemaGenerator) -> Schema {
    let value = json_schema!({"type": "string"});
    // Their prefix may have capitals: the server turns them to lower case before it looks.
    keys(r"^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*/)?", &value)
}

/// What may stand before the name of a label: a DNS subdomain.
const LABEL_PREFIX: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?";

/// A map whose keys are qualified names (`IsQualifiedName` in k8s.io/apimachinery) with a prefix of this form, and aren't reserved.
fn keys(prefix: &str, value: &Schema) -> Schema {
    let mut rules = qualified_names(prefix);
    // Of the wrong type, as every key is: of a `not` editors' YAML servers show no message.
    rules.push(json!({
        "if": {"pattern": r"^(classkeeper\.dev|meta\.helm\.sh)/"},
        "then": {"type": "null", "errorMessage": "is reserved: classkeeper and Helm set it themselves"},
    }));
    json_schema!({
        "type": ["object", "null"],
        "propertyNames": {"allOf": rules},
        "additionalProperties": value,
    })
}

/// The rules that make a key a qualified name.
fn qualified_names(prefix: &str) -> Vec<Value> {
    let form = format!("{prefix}([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$");
    vec![
        json!({
            "pattern": form,
            "patternErrorMessage": "must be a name such as team, or with a domain before it: example.com/team",
        }),
        // Of ASCII alone, since other characters break the rule above: a repetition of all characters but one takes 1 MiB.
        json!({
            "pattern": r"^([!-.0-~]{1,253}/)?[!-.0-~]{1,63}$|[^!-~]",
            "patternErrorMessage": "must have at most 63 characters, and before the / at most 253",
        }),
    ]
}

/// `policy.enforce` and `policy.createOnly`: what [`crate::engine::unit::Unit`] reads.
pub(in crate::engine) fn units(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "uniqueItems": true,
        "default": [],
        "items": {
            "type": "string",
            "pattern": r"^(spec\.[A-Za-z][A-Za-z0-9]*|metadata\.(labels|annotations)\['[^']+'\])$",
            "patternErrorMessage": "must be spec.FIELD, metadata.labels['KEY'] or metadata.annotations['KEY']",
            "examples": ["spec.description", "spec.parametersRef", "metadata.labels['team']", "metadata.annotations['team']"],
        },
    })
}

/// `policy.adoptFrom`: names of field managers, as the server takes them.
pub(in crate::engine) fn field_managers(_: &mut SchemaGenerator) -> Schema {
    let mut manager = Text { min: 1, max: 128, form: None }.schema();
    manager.insert("examples".to_owned(), json!(["helm", "kubectl-client-side-apply", "kubectl-edit"]));
    json_schema!({"type": "array", "uniqueItems": true, "default": [], "items": manager})
}

/// A list of texts without repetition.
fn list(text: &Text, min: u32) -> Schema {
    let mut schema = json_schema!({"type": "array", "uniqueItems": true, "items": text.schema()});
    if min > 0 {
        schema.insert("minItems".to_owned(), min.into());
    } else {
        schema.insert("default".to_owned(), json!([]));
    }
    schema
}

/// A tenant's `metadata.name`.
pub(in crate::engine) fn tenant_name(_: &mut SchemaGenerator) -> Schema {
    DNS_LABEL.schema()
}

/// A tenant's `namespaces`.
pub(in crate::engine) fn namespaces(_: &mut SchemaGenerator) -> Schema {
    list(&DNS_LABEL, 1)
}

/// `allow.names`.
pub(in crate::engine) fn class_name_globs(_: &mut SchemaGenerator) -> Schema {
    list(&NAME_GLOB, 1)
}

/// `allow.controllerNames`.
pub(in crate::engine) fn controller_name_globs(_: &mut SchemaGenerator) -> Schema {
    list(&CONTROLLER_NAME_GLOB, 1)
}

/// `allow.parametersNamespaces`: names of namespaces, or the empty text.
pub(in crate::engine) fn parameters_namespaces(_: &mut SchemaGenerator) -> Schema {
    list(&PARAMETERS_NAMESPACE, 0)
}

/// `allow.parametersKinds`.
pub(in crate::engine) fn parameters_kinds(_: &mut SchemaGenerator) -> Schema {
    list(&GROUP_KIND, 0)
}

/// Refuses the metadata that no defaults file may set. As a type that no value has, since it's also refused: `false` has no
/// room for a message, and of a `not` editors' YAML servers show none.
pub(super) fn forbid(metadata: &mut Value) {
    for (field, message) in FORBIDDEN {
        metadata["properties"][field] =
            json!({"type": "null", "not": {"type": "null"}, "errorMessage": message, "doNotSuggest": true});
    }
}

/// A name that has to differ from namespace to namespace.
pub(super) fn vary(name: &mut Value) {
    let message = "is the same for every namespace: write ${namespace.name} into it";
    *name = json!({
        "description": name["description"],
        "type": "string",
        "pattern": EXPRESSION,
        "patternErrorMessage": message,
    });
}

/// Accepts what a server sets in a plain manifest, whatever its value, and lets editors strike it through.
pub(super) fn ignore_server_set(manifest: &mut Value) {
    let ignored = json!({"deprecationMessage": "set by the server; left out here", "doNotSuggest": true});
    manifest["properties"]["status"] = ignored.clone();
    for field in SERVER_SET {
        manifest["properties"]["metadata"]["properties"][field] = ignored.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(schema: &Value, pointer: &str, found: &mut Vec<String>) {
        let Some(properties) = schema["properties"].as_object() else {
            found.push(pointer.to_owned());
            return;
        };
        for (field, schema) in properties {
            texts(schema, &format!("{pointer}/properties/{field}"), found);
        }
    }

    /// The CRD's limits and the types of the `gateway-api` crate name the same fields.
    #[test]
    fn every_text_of_the_spec_has_a_limit() {
        let settings = schemars::generate::SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
        let spec = spec(&mut settings.into_generator()).to_value();
        let mut found = Vec::new();
        texts(&spec, "", &mut found);
        let mut limited = SPEC.map(|(pointer, _)| pointer.to_owned());
        found.sort();
        limited.sort();
        assert_eq!(found, limited);
        for pointer in limited {
            assert_eq!(spec.pointer(&pointer).unwrap()["type"], "string", "{pointer}");
        }
    }
}
