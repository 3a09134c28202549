//! The schema of defaults files, generated from the types in [`super::manifest`] and the limits in [`limits`].
//!
//! One JSON Schema serves everybody: editors read the published file, the loader validates by the same definitions and
//! takes its messages from them (`patternErrorMessage` and `errorMessage`, which editors show too). It is draft-07,
//! because editors' YAML servers read no later one.

pub(crate) mod limits;

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::manifest::{DefaultGatewayClass, GatewayClass, GatewayClassTemplate, Kind, Tenant};
use super::template::text::EXPRESSION;

/// The published schema's `$id`.
pub const ID: &str = "https://classkeeper.dev/schema/defaults.v1alpha1.json";

/// What editors show for the fields that say what a document is.
const API_VERSION: &str = "The version of the kind, as in any Kubernetes manifest.";
const KIND: &str = "The kind of the document: what it describes.";

/// The published schema: the text of `schema/defaults.v1alpha1.json`, and what `classkeeper schema` prints.
#[must_use]
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

/// The published schema: the definition of each kind, and which one a document follows.
fn schema() -> Value {
    let definitions: serde_json::Map<_, _> =
        Kind::ALL.into_iter().map(|kind| (kind.as_str().to_owned(), definition(kind))).collect();
    let api_versions: BTreeSet<_> = Kind::ALL.into_iter().flat_map(Kind::api_versions).collect();
    // By `if` and not `oneOf`: a document with a mistake gets the messages of its own kind only.
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": ID,
        "title": "classkeeper defaults",
        "description": "A document of a defaults file: a class that classkeeper keeps, or who may describe some.",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {
            "apiVersion": {"description": API_VERSION, "type": "string", "enum": api_versions},
            "kind": {
                "description": KIND,
                "type": "string",
                "enum": Kind::ALL.map(Kind::as_str),
                "enumDescriptions": Kind::ALL.map(|kind| definitions[kind.as_str()]["description"].clone()),
            },
        },
        // By `pattern` and not `const`: while somebody writes, an editor's YAML server takes for equal to a constant what it
        // begins with, as `GatewayClassTemplate` does with `GatewayClass`.
        "allOf": Kind::ALL.map(|kind| json!({
            "if": {
                "properties": {"kind": {"type": "string", "pattern": format!("^{}$", kind.as_str())}},
                "required": ["kind"],
            },
            "then": {"$ref": format!("#/definitions/{}", kind.as_str())},
        })),
        "definitions": definitions,
    })
}

/// The schema of one kind, with all it refers to written out.
pub(super) fn definition(kind: Kind) -> Value {
    let mut schema = match kind {
        Kind::DefaultGatewayClass => generate::<DefaultGatewayClass>(),
        Kind::GatewayClass => generate::<GatewayClass>(),
        Kind::GatewayClassTemplate => generate::<GatewayClassTemplate>(),
        Kind::Tenant => generate::<Tenant>(),
    };
    close(&mut schema);
    let api_version = json!({
        "description": API_VERSION,
        "type": "string",
        "enum": kind.api_versions(),
    });
    let name = json!({
        "description": KIND,
        "type": "string",
        "enum": [kind.as_str()],
        "enumDescriptions": [schema["description"].clone()],
    });
    schema["properties"]["apiVersion"] = api_version;
    schema["properties"]["kind"] = name;
    if let Some(required) = schema["required"].as_array_mut() {
        required.splice(0..0, ["apiVersion".into(), "kind".into()]);
    }
    match kind {
        Kind::DefaultGatewayClass => limits::forbid(&mut schema["properties"]["metadata"]),
        Kind::GatewayClass => {
            limits::forbid(&mut schema["properties"]["metadata"]);
            limits::ignore_server_set(&mut schema);
        }
        Kind::GatewayClassTemplate => {
            let template = &mut schema["properties"]["template"];
            limits::forbid(&mut template["properties"]["metadata"]);
            limits::vary(&mut template["properties"]["metadata"]["properties"]["name"]);
            allow_expressions(template);
        }
        Kind::Tenant => {}
    }
    schema
}

/// The schema of what a template gives for a namespace: `metadata` and `spec` of a class.
pub(super) fn expanded() -> Value {
    let mut schema = definition(Kind::DefaultGatewayClass);
    for field in ["apiVersion", "kind", "policy", "when"] {
        if let Some(fields) = schema["properties"].as_object_mut() {
            fields.remove(field);
        }
    }
    schema["required"] = json!(["metadata", "spec"]);
    schema
}

fn generate<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(enumerate).transform(&mut schema);
    RecursiveTransform(drop_null_default).transform(&mut schema);
    schema.remove("$schema");
    schema.to_value()
}

/// Writes an enum with described values as `enum` and `enumDescriptions`, which editors offer for completion, instead of
/// a `oneOf` of constants, which they can't explain.
fn enumerate(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.get("oneOf") else { return };
    let constant = |variant: &Value| Some((variant.get("const")?.clone(), variant.get("description")?.clone()));
    let Some(variants) = variants.iter().map(constant).collect::<Option<Vec<_>>>() else { return };
    let (values, descriptions): (Vec<_>, Vec<_>) = variants.into_iter().unzip();
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), values.into());
    schema.insert("enumDescriptions".to_owned(), descriptions.into());
}

/// A default that says "nothing" tells nothing.
fn drop_null_default(schema: &mut Schema) {
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}

/// Allows `${…}` in each string: what it gives is only known for a namespace, so the limits hold for strings without.
fn allow_expressions(schema: &mut Value) {
    let Value::Object(schema) = schema else { return };
    let limits: serde_json::Map<_, _> = ["minLength", "maxLength", "pattern", "patternErrorMessage"]
        .into_iter()
        .filter_map(|keyword| Some((keyword.to_owned(), schema.get(keyword)?.clone())))
        .collect();
    if !limits.is_empty() && schema.get("pattern") != Some(&json!(EXPRESSION)) {
        limits.keys().for_each(|keyword| drop(schema.remove(keyword)));
        schema.insert("if".to_owned(), json!({"pattern": EXPRESSION}));
        schema.insert("else".to_owned(), limits.into());
    }
    for keyword in ["properties", "additionalProperties"] {
        match schema.get_mut(keyword) {
            Some(Value::Object(fields)) if keyword == "properties" => fields.values_mut().for_each(allow_expressions),
            Some(inner) => allow_expressions(inner),
            None => {}
        }
    }
}

/// Refuses fields that aren't named, in each object with named fields.
fn close(schema: &mut Value) {
    let Value::Object(schema) = schema else { return };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(close);
        schema.insert("additionalProperties".to_owned(), false.into());
    }
    if let Some(items) = schema.get_mut("items") {
        close(items);
    }
}
