//! The program as kubectl's plugin, with the real kubectl.

use std::path::PathBuf;
use std::process::{Command, Output};

use control_plane::Binaries;
use tempfile::TempDir;

use crate::scenario::{Scenario, default};

/// kubectl, with the two links on its PATH that make the program a plugin that completes.
struct Kubectl {
    program: PathBuf,
    links: TempDir,
    kubeconfig: PathBuf,
}

impl Kubectl {
    async fn new(s: &Scenario) -> Self {
        // It may have to be built.
        let find = || Binaries::find_or_build().and_then(|binaries| binaries.kubectl());
        let program = tokio::task::spawn_blocking(find).await.unwrap().unwrap();
        let links = tempfile::tempdir().unwrap();
        for name in ["kubectl-classkeeper", "kubectl_complete-classkeeper"] {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_classkeeper"), links.path().join(name)).unwrap();
        }
        Self { program, links, kubeconfig: s.kubeconfig.clone() }
    }

    async fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(&self.program);
        let path = format!("{}:{}", self.links.path().display(), std::env::var("PATH").unwrap());
        command.args(args).env("PATH", path).env("KUBECONFIG", &self.kubeconfig).env("HOME", self.links.path());
        command.env("NO_COLOR", "1").env_remove("RUST_LOG").current_dir(self.links.path());
        // The proxy answers on this runtime: waiting for the command must not block it.
        let done: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8(text).unwrap())
    }
}

#[tokio::test]
async fn kubectl_finds_the_plugin_and_passes_on_what_it_is_told() {
    let s = Scenario::new("plugin").await;
    let (name, manager) = (s.name("a"), s.manager());
    s.mount(&[default(&name)]);
    s.command(&["apply", s.defaults_arg(), "--field-manager", &manager]).await;
    let kubectl = Kubectl::new(&s).await;

    let (_, plugins) = kubectl.run(&["plugin", "list"]).await;
    assert!(plugins.contains("kubectl-classkeeper"), "{plugins}");
    let (status, help) = kubectl.run(&["classkeeper", "--help"]).await;
    assert_eq!(status, Some(0), "{help}");
    assert!(help.contains("Usage: kubectl classkeeper [OPTIONS] <COMMAND>"), "{help}");
    assert!(help.contains("  kubectl classkeeper diff defaults\n"), "examples are in the same words: {help}");
    let (_, help) = kubectl.run(&["classkeeper", "diff", "-h"]).await;
    assert!(help.contains("Usage: kubectl classkeeper diff [OPTIONS] <PATH>"), "{help}");

    let (status, owners) = kubectl.run(&["classkeeper", "owners", &name, "--field-manager", &manager]).await;
    assert_eq!(status, Some(0), "{owners}");
    assert!(owners.contains(&format!("owned by {manager} (Apply, ")), "{owners}");
    let (status, diff) = kubectl.run(&["classkeeper", "diff", s.defaults_arg(), "--field-manager", &manager]).await;
    assert_eq!((status, diff.as_str()), (Some(0), "1 Unchanged (nothing was changed)\n"));
    let (status, said) = kubectl.run(&["classkeeper", "apply", "nowhere"]).await;
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("error: nowhere does not exist\n  help: "), "{said}");
}

#[tokio::test]
async fn kubectl_completes_the_plugin_s_command_lines() {
    let s = Scenario::new("plugin-complete").await;
    let kubectl = Kubectl::new(&s).await;
    let (_, commands) = kubectl.run(&["__complete", "classkeeper", "ap"]).await;
    assert!(commands.starts_with("apply\tApply defaults files once"), "{commands}");
    assert!(!commands.contains("owners"), "{commands}");
    let (_, options) = kubectl.run(&["__complete", "classkeeper", "check", "--deny"]).await;
    assert!(options.starts_with("--deny-warnings\t"), "{options}");
    let (_, values) = kubectl.run(&["__complete", "classkeeper", "check", "-o", "ju"]).await;
    assert!(values.starts_with("junit\t"), "{values}");
    let (_, files) = kubectl.run(&["__complete", "classkeeper", "check", ""]).await;
    assert!(files.starts_with(":0\n"), "files are the shell's: {files}");
}
