//! The console blocks of README.md, run in order as a reader would: the `yaml` blocks that begin with a file's name are
//! that file, and what each command says is what stands below it. `UPDATE_SNAPSHOTS=1 cargo test` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use http::{Method, Request};
use kube::Client;
use serde_json::Value;

/// Where a reader stands: in a folder, with a cluster, after a command.
struct Reader {
    folder: tempfile::TempDir,
    client: Client,
    kubeconfig: PathBuf,
    last_status: i32,
}

impl Reader {
    async fn new() -> Self {
        let control_plane = control_plane::shared().await.unwrap();
        let (client, kubeconfig) = (control_plane.client().await.unwrap(), control_plane.kubeconfig().to_owned());
        Self { folder: tempfile::tempdir().unwrap(), client, kubeconfig, last_status: 0 }
    }

    /// Writes a block that begins with `# defaults/10-edge.yaml`.
    fn write(&self, block: &str) {
        let Some(path) = block.lines().next().and_then(|line| line.strip_prefix("# ")) else { return };
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, block).unwrap();
    }

    /// Runs a command; what it says, on both channels.
    async fn run(&mut self, command: &str) -> String {
        if command == "echo $?" {
            return format!("{}\n", self.last_status);
        }
        if let Some(arguments) = command.strip_prefix("kubectl patch gatewayclass ") {
            return self.patch(arguments).await;
        }
        let program = Path::new(env!("CARGO_BIN_EXE_classkeeper"));
        let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(self.folder.path());
        shell.env("PATH", path).env("KUBECONFIG", &self.kubeconfig).env_remove("RUST_LOG");
        let output = shell.output().unwrap();
        self.last_status = output.status.code().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// `NAME --type merge -p 'PATCH'`, as kubectl sends it: not every machine has one.
    async fn patch(&self, arguments: &str) -> String {
        let (name, rest) = arguments.split_once(" --type merge -p ").unwrap();
        let patch = rest.trim_matches('\'').as_bytes().to_vec();
        let path = format!("/apis/gateway.networking.k8s.io/v1/gatewayclasses/{name}?fieldManager=kubectl-patch");
        let request = Request::builder().method(Method::PATCH).uri(path);
        let request = request.header("content-type", "application/merge-patch+json").body(patch).unwrap();
        self.client.request::<Value>(request).await.unwrap();
        format!("gatewayclass.gateway.networking.k8s.io/{name} patched\n")
    }
}

/// A text without what differs from run to run: `4s ago` is `_ ago`.
fn lasting(text: &str) -> String {
    let mut pieces = text.split(" ago");
    let mut lasting = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        lasting.truncate(lasting.trim_end_matches(|c: char| c.is_ascii_alphanumeric()).len());
        lasting += "_ ago";
        lasting += piece;
    }
    lasting
}

#[tokio::test]
async fn the_readme_s_console_blocks_are_true() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&file).unwrap();
    let mut reader = Reader::new().await;
    let (mut written, mut commands) = (String::new(), 0);
    let mut rest = &*readme;
    while let Some((before, block)) = rest.split_once("\n```") {
        let (kind, block) = block.split_once('\n').unwrap();
        let (block, after) = block.split_once("```").unwrap();
        write!(written, "{before}\n```{kind}\n").unwrap();
        if kind == "console" {
            for command in block.split("$ ").skip(1) {
                assert!(written.ends_with('\n'), "a command begins a line: {command}");
                let (command, expected) = command.split_once('\n').unwrap();
                let said = reader.run(command).await;
                let expected = if lasting(&said) == lasting(expected) { expected } else { &said };
                write!(written, "$ {command}\n{expected}").unwrap();
                commands += 1;
            }
        } else {
            if kind == "yaml" {
                reader.write(block);
            }
            written += block;
        }
        written += "```";
        rest = after;
    }
    written += rest;
    assert!(commands >= 10, "only {commands} commands were run");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &written).unwrap();
        return;
    }
    let differs = readme.lines().zip(written.lines()).enumerate().find(|(_, (is, was))| is != was);
    if let Some((index, (is, was))) = differs {
        panic!("README.md:{} has\n{is}\nand the program says\n{was}\n\nin\n{written}", index + 1);
    }
    assert_eq!(readme, written);
}

#[test]
fn the_shipped_defaults_are_valid() {
    for folder in ["defaults.d", "deploy/kustomize/defaults"] {
        let mut check = Command::new(env!("CARGO_BIN_EXE_classkeeper"));
        let check = check.args(["check", "--deny-warnings", folder]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = check.output().unwrap();
        assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn ages_are_left_out() {
    assert_eq!(lasting("(Update, 4s ago), b (Apply, 12h ago); x"), "(Update, _ ago), b (Apply, _ ago); x");
    assert_eq!(lasting("no age"), "no age");
}
