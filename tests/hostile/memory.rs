//! How much memory a load takes at most, whatever stands in the directory: docs/hostile-input.md states it, and these
//! tests hold it. Each source is loaded by a process of its own, which says how much it had at its worst.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use classkeeper::engine::diagnostic::Code;
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;
use tempfile::tempdir;

/// Tells the process that is to load a directory which one that is.
const DIRECTORY: &str = "CLASSKEEPER_LOADED_BY_A_TEST";

/// In the process that is started for it: loads twice, as a running program does that has a good load in force, and
/// prints what came of it and the most memory it had.
#[test]
fn a_directory_is_loaded_by_a_process_of_its_own() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let mut loader = Loader::default();
    for _ in 0..2 {
        let reload = loader.load(&Snapshot::read(Path::new(&directory)).unwrap());
        match reload {
            Reload::Accepted { defaults, .. } => println!("accepted {}", defaults.len()),
            Reload::Rejected { findings } => println!("rejected {}", findings.len()),
            Reload::Unchanged => println!("unchanged"),
        }
        loader.forget_digest();
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM:")).unwrap());
}

/// What came of a directory, and the most memory in MiB.
fn load(directory: &Path) -> (Vec<String>, u64) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "memory::a_directory_is_loaded_by_a_process_of_its_own", "--nocapture"])
        .env(DIRECTORY, directory)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let results =
        text.lines().filter(|line| ["accepted", "rejected", "unchanged"].iter().any(|word| line.starts_with(word)));
    let results: Vec<_> = results.map(str::to_owned).collect();
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")).unwrap();
    (results, peak.parse::<u64>().unwrap() >> 10)
}

/// Fills a directory with files made one after the other, until a size is reached.
fn fill(directory: &Path, bytes: usize, mut file: impl FnMut(usize) -> String) -> usize {
    let (mut size, mut number) = (0, 0);
    loop {
        let text = file(number);
        size += text.len();
        if size > bytes {
            return number;
        }
        fs::write(directory.join(format!("{number:06}.yaml")), text).unwrap();
        number += 1;
    }
}

/// Whatever the files hold, at most this: what the program has anyway, and so many times what the source has, which in a
/// ConfigMap is at most 1 MiB.
const ANYWAY: u64 = 48;
const TIMES: u64 = 40;

#[test]
fn the_bound_is_the_one_that_is_documented() {
    let page = include_str!("../../docs/hostile-input.md");
    assert!(page.contains(&format!("**{ANYWAY} MiB, and {TIMES} times the size of the files**")));
}

fn within_the_bound(directory: &Path, result: &str) {
    let size: u64 = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    let (results, peak) = load(directory);
    assert_eq!(results, [result; 2]);
    assert!(peak <= ANYWAY + ((TIMES * size) >> 20), "{peak} MiB for {} KiB of files that are {result}", size >> 10);
}

#[test]
fn findings_take_no_more_memory_than_the_bound() {
    let directory = tempdir().unwrap();
    fill(directory.path(), 2 << 20, |_| "1\n---\n".repeat(501));
    within_the_bound(directory.path(), "rejected 2001");
}

#[test]
fn labels_take_no_more_memory_than_the_bound() {
    let directory = tempdir().unwrap();
    let files = fill(directory.path(), 2 << 20, |number| {
        let mut text =
            format!("apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata:\n  name: a{number}\n");
        text.push_str("  labels:\n");
        for label in 0..60_000 {
            writeln!(text, "    {label:x}a: ''").unwrap();
        }
        text + "spec: {controllerName: a.b/c}\n"
    });
    within_the_bound(directory.path(), &format!("accepted {files}"));
}

/// Conditions are kept as they are compiled: the worst that is known.
#[test]
fn conditions_take_no_more_memory_than_the_bound() {
    let directory = tempdir().unwrap();
    let files = fill(directory.path(), 512 << 10, |number| {
        let mut text = String::new();
        for class in 0..50 {
            let list = "1,".repeat(480);
            writeln!(text, "apiVersion: classkeeper.dev/v1alpha1\nkind: DefaultGatewayClass").unwrap();
            writeln!(text, "metadata: {{name: c{number}-{class}}}\nspec: {{controllerName: a.b/c}}").unwrap();
            writeln!(text, "when: '[{list}{class}].size() > {number}'\n---").unwrap();
        }
        text
    });
    within_the_bound(directory.path(), &format!("accepted {}", 50 * files));
}

/// What aliases expand to is thrown away with each file: of the worst that is known, many take as much as one.
#[test]
fn aliases_take_no_more_memory_than_the_bound() {
    let directory = tempdir().unwrap();
    let repeated = |text: &str, times: usize| vec![text; times].join(",");
    let text =
        format!("a: &a [{}]\nb: &b [{}]\nc: [{}]\n", repeated("[~]", 200), repeated("*a", 100), repeated("*b", 40));
    let files = fill(directory.path(), 16 << 10, |_| text.clone());
    within_the_bound(directory.path(), &format!("rejected {files}"));
}

/// Half a GiB of files, of which 64 MiB may be read, and are dropped before they are parsed.
#[test]
fn no_more_is_read_than_a_source_may_hold() {
    let directory = tempdir().unwrap();
    for number in 0..500 {
        // They take no room on the disk.
        fs::File::create(directory.path().join(format!("{number}.yaml"))).unwrap().set_len(1 << 20).unwrap();
    }
    let (results, peak) = load(directory.path());
    assert_eq!(results, ["rejected 500"; 2]);
    assert!(peak <= ANYWAY + 64 + 8, "{peak} MiB");
}

/// The most documents there may be, in files of which none is over its own limit.
#[test]
fn a_hundred_thousand_documents_are_read_and_one_more_is_refused() {
    let directory = tempdir().unwrap();
    let class = |number: usize| {
        format!(
            "{{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {{name: c{number}}}, spec: {{controllerName: a.b/c}}}}\n---\n"
        )
    };
    for file in 0..20 {
        let text = (0..5_000).map(|number| class(5_000 * file + number)).collect::<String>();
        fs::write(directory.path().join(format!("{file:02}.yaml")), text).unwrap();
    }
    within_the_bound(directory.path(), "accepted 100000");
    fs::write(directory.path().join("more.yaml"), class(100_000)).unwrap();
    let Reload::Rejected { findings } = Loader::default().load(&Snapshot::read(directory.path()).unwrap()) else {
        panic!("more than 100,000 documents are accepted")
    };
    assert_eq!((findings.len(), findings[0].code, &*findings[0].place.file), (1, Code::TooManyDocuments, "more.yaml"));
}
