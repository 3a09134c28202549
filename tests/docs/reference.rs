//! `docs/file-reference.md`, made from the published schema: what it says of a field is what the loader checks by.
//! `UPDATE_SNAPSHOTS=1 cargo test --test docs` writes it anew.

mod examples;
mod fields;

use std::collections::BTreeSet;
use std::fmt::Write;

use classkeeper::engine::manifest::Kind;
use classkeeper::engine::schema::schema_text;
use serde_json::Value;

use crate::page::{Page, root};
use examples::example;
use fields::{Field, Standing, fields};

const PATH: &str = "docs/file-reference.md";

const HEAD: &str = "\
<!-- Made by `UPDATE_SNAPSHOTS=1 cargo test --test docs` from the types in src/engine/manifest.rs: edit these. -->

# File reference

Every field of a defaults file: its type, what it may hold, what stands there without it. This page is made from
[the schema](../schema/defaults.v1alpha1.json), by which the loader checks files and editors complete them: begin a file
with `# yaml-language-server: $schema=` and the schema's path. What the policies do is shown in [policies.md](policies.md).

A defaults directory holds `*.yaml`, `*.yml` and `*.json` at its top level, read in byte order of their names; names that
begin with `.` are skipped, and so are folders. A file may hold several documents. All that is wrong is reported at once,
each with its place; one error rejects the whole source, a warning doesn't: [every code](operating.md#findings-by-code).

A file has at most 1 MiB, a source 64 MiB and 100,000 documents, values at most 64 levels; the rest of the bounds is in
[hostile-input.md](hostile-input.md).
";

/// The page.
fn page() -> String {
    let schema: Value = serde_json::from_str(&schema_text()).unwrap();
    let mut page = HEAD.to_owned();
    for kind in Kind::ALL {
        let definition = &schema["definitions"][kind.as_str()];
        let described = definition["description"].as_str().unwrap();
        write!(page, "\n## {}\n\n{described}\n\n```yaml\n{}```\n\n", kind.as_str(), example(kind)).unwrap();
        page += &table(kind, &fields(definition), &fields(&schema["definitions"]["DefaultGatewayClass"]));
    }
    page
}

/// The fields of a kind. Those under `policy` are told once, where the first kind that has them is.
fn table(kind: Kind, fields: &[Field], first: &[Field]) -> String {
    let mut table = "| field | type | what it is |\n|---|---|---|\n".to_owned();
    let (mut refused, mut left_out) = (Vec::new(), Vec::new());
    for field in fields {
        let Field { path, kind: type_, text, standing } = field;
        match standing {
            Standing::Refused(why) => refused.push(format!("`{path}` {why}")),
            Standing::LeftOut => left_out.push(format!("`{path}`")),
            Standing::Known if kind != Kind::DefaultGatewayClass && path.starts_with("policy.") => {
                assert!(first.contains(field), "{path} of {kind:?} is another than that of DefaultGatewayClass");
            }
            Standing::Known => {
                let same = if kind != Kind::DefaultGatewayClass && path == "policy" {
                    " Its fields are those of [DefaultGatewayClass](#defaultgatewayclass)."
                } else {
                    ""
                };
                writeln!(table, "| `{path}` | {type_} | {text}{same} |").unwrap();
            }
        }
    }
    if !refused.is_empty() {
        writeln!(table, "\nRefused, each with its reason:\n\n- {}", refused.join("\n- ")).unwrap();
    }
    if !left_out.is_empty() {
        writeln!(table, "\nLeft out with a warning, since a server sets them: {}.", left_out.join(", ")).unwrap();
    }
    table
}

#[test]
fn the_file_reference_is_the_generated_one() {
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(root().join(PATH), page()).unwrap();
    }
    let (written, made) = (Page::read(PATH).text, page());
    let differs = written.lines().zip(made.lines()).position(|(written, made)| written != made);
    assert!(
        written == made,
        "{PATH}:{}: UPDATE_SNAPSHOTS=1 cargo test --test docs writes it anew",
        differs.map_or(written.lines().count(), |index| index + 1)
    );
}

/// An example has every field that there is. It is checked as every block of YAML is.
#[test]
fn the_examples_have_every_field() {
    fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
                    paths(value, &path, found);
                    found.insert(path);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| paths(item, &format!("{path}[]"), found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let schema: Value = serde_json::from_str(&schema_text()).unwrap();
    for kind in Kind::ALL {
        let document: Value = serde_saphyr::from_str(&example(kind)).unwrap();
        let mut found = BTreeSet::new();
        paths(&document, "", &mut found);
        for Field { path, standing, .. } in fields(&schema["definitions"][kind.as_str()]) {
            // Shown in full by the first kind that has them.
            let is_shown = kind == Kind::DefaultGatewayClass || !path.starts_with("policy.");
            let is_missing = standing == Standing::Known && is_shown && !found.contains(&path);
            assert!(!is_missing, "the example of {} has no {path}", kind.as_str());
        }
    }
}
