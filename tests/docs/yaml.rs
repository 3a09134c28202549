//! The YAML on the pages is read by whom it is for: defaults by `classkeeper check`, what belongs to Kubernetes by the API
//! server in a dry run. Of everything else it is known that it is YAML.
//!
//! A block that begins ```` ```yaml fragment ```` is a part of a `DefaultGatewayClass`, and is put into one.

use std::process::Command;

use control_plane::Binaries;
use regex::Regex;
use serde_json::Value;

use crate::page::{Block, Page};

/// What goes around a fragment that doesn't say it itself.
const AROUND: [(&str, &str); 4] = [
    ("apiVersion", "apiVersion: classkeeper.dev/v1alpha1\n"),
    ("kind", "kind: DefaultGatewayClass\n"),
    ("metadata", "metadata: {name: example, labels: {team: a}}\n"),
    ("spec", "spec: {controllerName: example.com/controller, description: text}\n"),
];

/// Kinds of programs that no cluster of ours has.
const NOT_SERVED: [&str; 3] = ["kustomize.config.k8s.io", "kustomize.toolkit.fluxcd.io", "argoproj.io"];

/// Whom a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Classkeeper,
    Server,
    Others,
}

fn reader(document: &Value) -> Reader {
    let Some(api_version) = document["apiVersion"].as_str() else { return Reader::Others };
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    match group {
        "classkeeper.dev" => Reader::Classkeeper,
        "gateway.networking.k8s.io" if document["kind"] == "GatewayClass" => Reader::Classkeeper,
        group if NOT_SERVED.contains(&group) => Reader::Others,
        _ => Reader::Server,
    }
}

fn documents(text: &str) -> Result<Vec<Value>, String> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple_with_options(text, options);
    documents.map(|all| all.into_iter().filter(|document| !document.is_null()).collect()).map_err(|e| e.to_string())
}

/// What `check` has against a text.
fn check(text: &str) -> Result<(), String> {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_classkeeper"));
    let output = check.args(["check", "--deny-warnings"]).arg(file.path()).output().unwrap();
    output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn whole(fragment: &str, document: &Value) -> String {
    let missing = AROUND.iter().filter(|(field, _)| document[field].is_null());
    missing.map(|(_, text)| *text).collect::<String>() + fragment
}

/// A block without the indentation of the list that it stands in.
fn text_of(block: Block<'_>) -> String {
    let indent = block.text.lines().next().map_or(0, |line| line.len() - line.trim_start().len());
    block.text.lines().map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n").collect()
}

/// The blocks of YAML of all pages, with their places.
fn blocks() -> Vec<(String, bool, String)> {
    let pages = Page::all();
    let of = |page: &Page| {
        let mut found = Vec::new();
        for block in page.blocks() {
            let mut info = block.info.split(' ');
            if info.next() == Some("yaml") {
                let is_fragment = info.next() == Some("fragment");
                found.push((page.place(block.line), is_fragment, text_of(block)));
            }
        }
        found
    };
    pages.iter().flat_map(of).collect()
}

#[test]
fn defaults_on_the_pages_are_valid() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for (place, is_fragment, text) in blocks() {
        let documents = match documents(&text) {
            Ok(documents) => documents,
            Err(error) => {
                wrong.push(format!("{place}: {error}"));
                continue;
            }
        };
        let mut texts = Vec::new();
        if is_fragment {
            texts.push(whole(&text, &documents[0]));
        } else if documents.iter().any(|document| reader(document) == Reader::Classkeeper) {
            texts.push(text);
        }
        // A tenant's files stand in a ConfigMap.
        for document in documents {
            if document["metadata"]["labels"]["classkeeper.dev/defaults"] == "true" {
                let files = document["data"].as_object().unwrap().values();
                texts.extend(files.map(|file| file.as_str().unwrap().to_owned()));
            }
        }
        for text in texts {
            checked += 1;
            wrong.extend(check(&text).err().map(|findings| format!("{place}:\n{findings}")));
        }
    }
    assert!(checked > 20, "only {checked} texts were checked");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn manifests_on_the_pages_are_taken_by_an_api_server() {
    let kubeconfig = control_plane::shared().await.unwrap().kubeconfig().to_owned();
    let find = || Binaries::find_or_build().and_then(|binaries| binaries.kubectl());
    let kubectl = tokio::task::spawn_blocking(find).await.unwrap().unwrap();
    let run = |arguments: &str, document: &Value| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), document.to_string()).unwrap();
        let mut kubectl = Command::new(&kubectl);
        kubectl.arg("--kubeconfig").arg(&kubeconfig).args(arguments.split(' ')).arg("--filename").arg(file.path());
        let output = kubectl.output().unwrap();
        output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (mut tried, mut wrong) = (0, Vec::new());
    for (place, is_fragment, text) in blocks() {
        if is_fragment {
            continue;
        }
        for document in documents(&text).unwrap_or_default() {
            if reader(&document) != Reader::Server {
                continue;
            }
            if let Some(namespace) = document["metadata"]["namespace"].as_str() {
                let namespace =
                    serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
                run("apply --server-side", &namespace).unwrap();
            }
            tried += 1;
            let result = run("apply --server-side --dry-run=server --validate=strict", &document);
            wrong.extend(result.err().map(|error| format!("{place}: {error}")));
        }
    }
    assert!(tried >= 2, "only {tried} manifests were tried");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A command of ours on a page is one that there is, with options that there are.
#[test]
fn our_commands_on_the_pages_exist() {
    let command = Regex::new(r"^(?:\$ )?classkeeper ([^|<>#&;…]+)").unwrap();
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in Page::all() {
        for block in page.blocks() {
            if !matches!(block.info, "sh" | "console" | "text") {
                continue;
            }
            for (index, line) in block.text.lines().enumerate() {
                let Some(found) = command.captures(line.trim_start()) else { continue };
                let words: Vec<_> = found[1].trim_end_matches('\\').split_whitespace().collect();
                let options = words.iter().filter(|word| word.starts_with("--"));
                let options: Vec<_> = options.map(|word| word.split('=').next().unwrap()).collect();
                let mut help = Command::new(env!("CARGO_BIN_EXE_classkeeper"));
                let output = help.args([words[0], "--help"]).output().unwrap();
                let help = String::from_utf8_lossy(&output.stdout);
                seen += 1;
                for option in options {
                    let is_known = Regex::new(&format!(r"{option}\b")).unwrap().is_match(&help);
                    if !is_known || !output.status.success() {
                        wrong.push(format!("{}: {line}: no {option}", page.place(block.line + index)));
                    }
                }
                if !output.status.success() {
                    wrong.push(format!("{}: no command {}", page.place(block.line + index), words[0]));
                }
            }
        }
    }
    assert!(seen > 15, "only {seen} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
