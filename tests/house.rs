//! The rules of the house that no compiler knows: the engine does no IO, a file's name says what is in it, and a test
//! runs or isn't there.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What the engine must not name: the cluster, the runtime, the file system.
const NOT_IN_ENGINE: [&str; 3] = ["kube::Client", "tokio", "std::fs"];
/// Names of files and directories that say nothing about what is in them. `foo.rs` stands beside `foo/`, so that no
/// file is called `mod.rs`.
const NAMELESS: [&str; 5] = ["utils", "helpers", "common", "types", "mod"];

#[test]
fn the_engine_does_no_io() {
    let files: Vec<_> = sources("src").into_iter().filter(|file| file.starts_with("src/engine")).collect();
    let beside = PathBuf::from("src/engine.rs");
    assert!(files.len() > 10, "the engine has more files than {files:?}");
    let mut found = Vec::new();
    for file in files.iter().chain([&beside]) {
        let paths = used_paths(&read(file));
        for (line, path) in paths {
            found.extend(
                NOT_IN_ENGINE
                    .iter()
                    .filter(|name| names(&path, name))
                    .map(|name| format!("{}:{line}: {name}", file.display())),
            );
        }
    }
    assert!(found.is_empty(), "the engine does no IO, and names\n{}", found.join("\n"));
}

#[test]
fn every_file_has_a_name_that_says_something() {
    let is_nameless = |part: &OsStr| {
        let stem = part.to_str().unwrap().trim_end_matches(".rs");
        NAMELESS.iter().any(|name| stem == *name || stem.ends_with(&format!("_{name}")))
    };
    let files = sources("src").into_iter().chain(sources("control-plane/src"));
    let found: Vec<_> = files.filter(|file| file.iter().any(is_nameless)).collect();
    assert!(found.is_empty(), "these names say nothing: {found:?}");
}

#[test]
fn no_test_is_left_out() {
    // In two pieces, or this file would be found.
    let attribute = concat!("#[", "ignore");
    let mut found = Vec::new();
    let mut looked_at = 0;
    for folder in ["src", "tests", "control-plane/src", "control-plane/tests"] {
        for file in sources(folder) {
            let text = read(&file);
            let lines = text.lines().enumerate().filter(|(_, line)| line.contains(attribute));
            found.extend(lines.map(|(index, line)| format!("{}:{}: {}", file.display(), index + 1, line.trim())));
            looked_at += 1;
        }
    }
    assert!(looked_at > 50, "only {looked_at} files were looked at");
    assert!(found.is_empty(), "these tests don't run:\n{}", found.join("\n"));
}

/// A lint of a package holds for all its targets: library, programs, tests, benchmarks. `forbid` can't be lifted in a file.
#[test]
fn no_package_may_have_unsafe_code() {
    let root = read(Path::new("Cargo.toml"));
    assert!(root.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
    let members = root.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    for member in members.split(',').map(|name| name.trim().trim_matches('"')).chain(["."]) {
        let manifest = Path::new(member).join("Cargo.toml");
        assert!(read(&manifest).contains("[lints]\nworkspace = true\n"), "{} has lints of its own", manifest.display());
    }
    // A workspace of its own.
    assert!(read(Path::new("fuzz/Cargo.toml")).contains("[lints.rust]\nunsafe_code = \"forbid\"\n"));
}

/// All tests of a binary share a cluster: each has names of its own.
#[test]
fn no_two_tests_have_the_same_prefix() {
    let mut known = std::collections::BTreeMap::new();
    let mut found = Vec::new();
    for file in sources("tests/it") {
        for rest in read(&file).split("Scenario::new(\"").skip(1) {
            let prefix = rest.split('"').next().unwrap().to_owned();
            if let Some(first) = known.insert(prefix.clone(), file.clone()) {
                found.push(format!("{prefix}: {} and {}", first.display(), file.display()));
            }
        }
    }
    assert!(known.len() > 20, "only {} prefixes were found", known.len());
    assert!(found.is_empty(), "these prefixes are taken twice: {found:?}");
}

#[test]
fn paths_are_found_however_they_are_written() {
    let named = |text: &str| {
        let paths = used_paths(text);
        let name = |name: &&&str| paths.iter().any(|(_, path)| names(path, name));
        NOT_IN_ENGINE.iter().filter(name).copied().collect::<Vec<_>>()
    };
    assert_eq!(named("use std::fs;"), ["std::fs"]);
    assert_eq!(named("use std::{io, fs::{self, File}};"), ["std::fs"]);
    assert_eq!(named("use std::{\n    collections::BTreeMap,\n    fs,\n};"), ["std::fs"]);
    assert_eq!(named("fn f() { std::fs::read(\"a\") }"), ["std::fs"]);
    assert_eq!(named("use kube::{Api, Client};"), ["kube::Client"]);
    assert_eq!(named("async fn f(client: &kube::Client)"), ["kube::Client"]);
    assert_eq!(named("use ::tokio::sync::watch;"), ["tokio"]);
    assert_eq!(named("#[tokio::test]"), ["tokio"]);
    assert!(named("use std::{fmt, sync::Arc};\nuse super::fs::File;\n// std::fs, tokio and kube::Client\n").is_empty());
}

/// The Rust files below a folder of the project, with their paths in it, sorted.
fn sources(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut files, mut folders) = (Vec::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new("rs")) {
                files.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// Whether a path is this one or begins with it.
fn names(path: &str, name: &str) -> bool {
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path in a source text, with its line, from 1; nested imports are written out. Comments are left out.
fn used_paths(text: &str) -> Vec<(usize, String)> {
    let (mut paths, mut path) = (Vec::new(), String::new());
    // What each brace that is open stands after: `std::` in `use std::{fs, io}`, nothing at a block.
    let mut open = vec![String::new()];
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for c in code.chars().chain(['\n']) {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | ':') {
                path.push(c);
                continue;
            }
            let whole = open.last().cloned().unwrap_or_default() + path.trim_start_matches("::");
            if !path.is_empty() && !path.ends_with("::") {
                paths.push((index + 1, whole.clone()));
            }
            match c {
                '{' if path.ends_with("::") => open.push(whole),
                '{' => open.push(String::new()),
                '}' => drop(open.pop()),
                _ => {}
            }
            path.clear();
        }
    }
    paths
}
