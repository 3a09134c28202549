//! YAML as Kubernetes reads it: documents as JSON values.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The documents of a text; empty ones are left out.
pub fn parse(text: &str) -> Vec<Value> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The document of this kind and name.
pub fn find<'a>(documents: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found =
        documents.iter().filter(|document| document["kind"] == kind && document["metadata"]["name"] == name);
    found.next().unwrap_or_else(|| panic!("no {kind} {name} in {:#?}", names(documents)))
}

/// The only document of this kind.
pub fn only<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<_> = documents.iter().filter(|document| document["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind} in {:#?}", names(documents));
    found[0]
}

/// `Kind name` of each document, sorted.
pub fn names(documents: &[Value]) -> Vec<String> {
    let name = |document: &Value| {
        format!("{} {}", document["kind"].as_str().unwrap(), document["metadata"]["name"].as_str().unwrap_or_default())
    };
    let mut names: Vec<_> = documents.iter().map(name).collect();
    names.sort();
    names
}

/// A text of several documents; JSON is YAML.
pub fn write(documents: &[Value]) -> String {
    documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n")
}

/// A file or folder of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of the project.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below a folder of the project, sorted.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![project(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
