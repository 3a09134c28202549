//! The fields of a schema as rows of a table.

use std::fmt::Write;

use serde_json::Value;

/// A field of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it stands: `metadata.name`, `allow.policies`, `forEach.namespaces.selector.matchExpressions[].key`.
    pub path: String,
    /// Its type, whether it must be there, and what holds without it.
    pub kind: String,
    /// What it is, and what it may hold.
    pub text: String,
    /// What becomes of it.
    pub standing: Standing,
}

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is read.
    Known,
    /// It is an error, for this reason.
    Refused(String),
    /// It is a warning.
    LeftOut,
}

/// The fields of a schema of an object, each before those in it, in the order in which people write them.
pub fn fields(schema: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    collect(schema, "", &mut found);
    found
}

/// Fields come in the order of their names; people begin otherwise.
const FIRST: [&str; 9] =
    ["apiVersion", "kind", "metadata", "namespaces", "forEach", "template", "spec", "name", "names"];

fn collect(schema: &Value, path: &str, found: &mut Vec<Field>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let mut properties: Vec<_> = properties.iter().collect();
    properties.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
    for (name, property) in properties {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let is_required = schema["required"].as_array().is_some_and(|all| all.contains(&Value::from(&**name)));
        found.push(field(&path, property, is_required));
        collect(property, &path, found);
        collect(&property["items"], &format!("{path}[]"), found);
    }
}

fn field(path: &str, schema: &Value, is_required: bool) -> Field {
    let standing = match (schema.get("not"), schema.get("deprecationMessage")) {
        (Some(_), _) => Standing::Refused(schema["errorMessage"].as_str().unwrap().to_owned()),
        (None, Some(_)) => Standing::LeftOut,
        (None, None) => Standing::Known,
    };
    let mut kind = type_of(schema);
    match schema.get("default") {
        _ if is_required => kind += ", required",
        Some(Value::Array(items)) if items.is_empty() => kind += ", without it empty",
        Some(default) => write!(kind, ", without it `{}`", default.to_string().trim_matches('"')).unwrap(),
        None => {}
    }
    let mut text = vec![first_paragraph(schema["description"].as_str().unwrap_or_default())];
    text.extend(values(schema));
    text.extend(values(&schema["items"]));
    let (own, each) = (limits(schema), limits(&schema["items"]));
    text.extend(sentence("It ", &own));
    text.extend(sentence("Each ", &each));
    text.extend(sentence("A key ", &key_limits(&schema["propertyNames"])));
    text.extend(sentence("A value ", &limits(&schema["additionalProperties"])));
    let text = text.join("<br>").replace('|', "\\|");
    Field { path: path.to_owned(), kind, text, standing }
}

/// The name of a type. `null` is as good as nothing.
fn type_of(schema: &Value) -> String {
    let all = match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        Value::String(one) => vec![&**one],
        _ => Vec::new(),
    };
    let kind = all.first().copied().unwrap_or_default();
    match kind {
        "array" => format!("list of {}s", type_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => "map of strings".to_owned(),
        kind => kind.to_owned(),
    }
}

/// The values that may stand there, with what each means.
fn values(schema: &Value) -> Vec<String> {
    let Some(values) = schema["enum"].as_array() else { return Vec::new() };
    let values = values.iter().filter_map(Value::as_str);
    match schema["enumDescriptions"].as_array() {
        Some(meanings) => {
            values.zip(meanings).map(|(value, meaning)| format!("`{value}`: {}", meaning.as_str().unwrap())).collect()
        }
        None => vec![values.map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ")],
    }
}

/// What a value must be, in the words of the messages about it.
fn limits(schema: &Value) -> Vec<String> {
    // Where an expression may stand, the limits are those of what has none.
    let rules = if schema["else"].is_object() { &schema["else"] } else { schema };
    let number = |keyword: &str| rules[keyword].as_u64();
    let mut limits = Vec::new();
    if schema["if"].is_object() {
        limits.push("may hold expressions: `${…}`".to_owned());
    }
    limits.extend(rules["patternErrorMessage"].as_str().map(str::to_owned));
    limits.extend(number("maxLength").map(|most| format!("has at most {most} characters")));
    limits.extend(number("minItems").map(|least| format!("has at least {least}")));
    if rules["uniqueItems"] == true {
        limits.push("has none twice".to_owned());
    }
    limits
}

fn key_limits(schema: &Value) -> Vec<String> {
    let message = |rule: &Value| {
        let text = rule["patternErrorMessage"].as_str().or(rule["then"]["errorMessage"].as_str()).unwrap();
        // Said of a key that is.
        text.replace("is reserved: ", "mustn't begin with `classkeeper.dev/` or `meta.helm.sh/`, since ")
    };
    schema["allOf"].as_array().into_iter().flatten().map(message).collect()
}

fn sentence(subject: &str, limits: &[String]) -> Option<String> {
    (!limits.is_empty()).then(|| format!("{subject}{}.", limits.join("; ")))
}

/// The Gateway API's own descriptions have many; the first one says what it is.
fn first_paragraph(text: &str) -> String {
    text.split("\n\n").next().unwrap_or_default().replace('\n', " ")
}
