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
