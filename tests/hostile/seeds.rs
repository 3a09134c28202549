//! Where the fuzzer begins, and what `cargo test` always tries: taken from the fixtures, the examples and the documents,
//! so that none of them is kept twice.

use std::fs;
use std::path::{Path, PathBuf};

/// The seeds of a target, by its name. Reads the files of the project.
pub(crate) fn of(target: &str, project: &Path) -> Vec<Vec<u8>> {
    match target {
        "loader" => loader(project),
        "managed_fields" => lines(include_str!("seeds/managed_fields.txt")),
        "expression" => expression(project),
        "template" => template(project),
        "admission" => lines(include_str!("seeds/admission.txt")),
        "certificates" => certificates(),
        "unit" => lines(include_str!("seeds/unit.txt")),
        other => panic!("{other} has no seeds"),
    }
}

/// The files of all fixtures and examples that aren't huge: a fuzzer works best on small ones.
fn loader(project: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for directory in ["tests/fixtures", "defaults.d", "tests/hostile/found/loader"] {
        files(&project.join(directory), &mut found);
    }
    found.sort();
    let is_input = |path: &&PathBuf| path.file_name().is_some_and(|name| name != "result.txt" && name != "README.md");
    let read = |path: &PathBuf| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    found.iter().filter(is_input).map(read).filter(|bytes| bytes.len() < 3_000).collect()
}

/// The conditions of docs/conditions.md, of the fixtures, and some that were made to hurt.
fn expression(project: &Path) -> Vec<Vec<u8>> {
    let page = fs::read_to_string(project.join("docs/conditions.md")).unwrap_or_default();
    let blocks = page.split("```cel\n").skip(1).filter_map(|text| text.split("```").next());
    let mut seeds: Vec<_> = blocks.flat_map(lines).collect();
    for file in loader(project) {
        let text = String::from_utf8_lossy(&file);
        let conditions = text.lines().filter_map(|line| line.trim_start().strip_prefix("when: "));
        seeds.extend(conditions.map(|text| text.trim_matches(['"', '\'']).as_bytes().to_vec()));
    }
    seeds.extend(lines(include_str!("seeds/expression.txt")));
    seeds
}

/// The texts of docs/templates.md and of the fixtures, some that were made to hurt, and conditions.
fn template(project: &Path) -> Vec<Vec<u8>> {
    let page = fs::read(project.join("docs/templates.md")).unwrap_or_default();
    let mut seeds = lines(include_str!("seeds/template.txt"));
    for file in loader(project).into_iter().chain([page]) {
        let text = String::from_utf8_lossy(&file);
        let texts = text.lines().filter(|line| line.contains("${")).filter_map(|line| line.split_once(": "));
        seeds.extend(texts.map(|(_, text)| text.trim_matches(['"', '\'']).as_bytes().to_vec()));
    }
    seeds.extend(expression(project).into_iter().map(|text| [b"${", &*text, b"}"].concat()));
    seeds
}

/// What a Secret of ours holds, one with a key of another kind, and one with a key in an older form: whole, with a part
/// left out, and in another order; and single certificates.
fn certificates() -> Vec<Vec<u8>> {
    let mut seeds = [
        &include_bytes!("seeds/certificates/tls.der")[..],
        include_bytes!("seeds/certificates/ca.der"),
        include_bytes!("seeds/certificates/rsa.der"),
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    for text in [
        include_str!("seeds/certificates/own.txt"),
        include_str!("seeds/certificates/rsa.txt"),
        include_str!("seeds/certificates/sec1.txt"),
    ] {
        let parts: Vec<_> = text.split("\n==\n").collect();
        let without = |left_out: usize| {
            let kept = parts.iter().enumerate().map(|(number, part)| if number == left_out { "" } else { part });
            kept.collect::<Vec<_>>().join("\n==\n")
        };
        let reversed = parts.iter().rev().copied().collect::<Vec<_>>().join("\n==\n");
        seeds.extend((0..parts.len()).map(without).chain([reversed, text.to_owned()]).map(String::into_bytes));
    }
    seeds
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    // `found/` has a folder only for what a target found.
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", directory.display())).path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// A seed for each line that isn't empty.
fn lines(text: &str) -> Vec<Vec<u8>> {
    text.lines().filter(|line| !line.is_empty()).map(|line| line.as_bytes().to_vec()).collect()
}
