//! What needs no cluster, as people see it: the console blocks under `tests/terminal` are run and compared, and what is
//! printed for shells, readers and pipelines is given to these. `UPDATE_SNAPSHOTS=1 cargo test` writes the blocks anew.

#![allow(unreachable_pub, reason = "a test has no users")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod completions;
mod console;
mod manual;
mod pipelines;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A path of the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A shell in which `classkeeper` is the program, with the test's files and no cluster.
fn shell(line: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_classkeeper"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-c", line]).current_dir(project("tests/terminal/files")).env("PATH", path).env("COLUMNS", "80");
    for variable in ["NO_COLOR", "RUST_LOG", "CLICOLOR_FORCE", "CLICOLOR", "KUBERNETES_SERVICE_HOST"] {
        shell.env_remove(variable);
    }
    shell.env("KUBECONFIG", "/no/kubeconfig").env("TERM", "xterm");
    shell
}

/// Runs a line there.
fn run(line: &str) -> Output {
    shell(line).output().unwrap()
}

/// What a line prints that must succeed and say nothing else.
fn printed(line: &str) -> String {
    let output = run(line);
    let (text, rest) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success() && rest.is_empty(), "{line}: {:?}\n{rest}", output.status);
    text
}
