//! Who reads a page and types what it says: in a folder, with a cluster, with the programs that the page names.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use control_plane::Binaries;
use control_plane::helm::{Version, find_or_build};
use tempfile::TempDir;

use crate::page::root;

/// What else stands on a cluster when a page was read.
const LEFT_BEHIND: &str = "gatewayclasses,gateways,events,configmaps,secrets,leases";

/// Where a reader stands: in a folder, with a cluster, after a command.
pub struct Reader {
    folder: TempDir,
    kubeconfig: PathBuf,
    path: String,
    last_status: i32,
    background: Vec<Background>,
}

/// A command that ended with `&`. It ends with its reader.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        // SIGTERM, which `timeout` hands on. It may have ended by itself.
        let _ = Command::new("kill").arg(self.0.id().to_string()).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

impl Reader {
    /// A reader in an empty folder, before a cluster without classes.
    pub async fn new(needs_helm: bool) -> Self {
        let kubeconfig = control_plane::shared().await.unwrap().kubeconfig().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let programs = tokio::task::spawn_blocking(move || {
            let kubectl = Binaries::find_or_build().and_then(|binaries| binaries.kubectl()).unwrap();
            let helm = needs_helm.then(|| find_or_build(Version::V3).unwrap());
            [("kubectl", Some(kubectl)), ("helm", helm)]
        });
        let bin = folder.path().join(".bin");
        std::fs::create_dir(&bin).unwrap();
        for (name, program) in programs.await.unwrap() {
            if let Some(program) = program {
                symlink(program, bin.join(name)).unwrap();
            }
        }
        symlink(env!("CARGO_BIN_EXE_classkeeper"), bin.join("classkeeper")).unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let mut reader = Self { folder, kubeconfig, path, last_status: 0, background: Vec::new() };
        reader.clean();
        reader
    }

    /// Does what happened before the page begins: `before/PAGE.sh`, if there is one.
    pub fn catch_up(&mut self, page: &str) {
        let name = Path::new(page).file_stem().unwrap().to_str().unwrap();
        let script = root().join(format!("tests/docs/before/{name}.sh"));
        if script.exists() {
            let said = self.run(&format!("set -e\n{}", std::fs::read_to_string(&script).unwrap()));
            assert_eq!(self.last_status, 0, "{}:\n{said}", script.display());
        }
    }

    /// Writes a block that begins with `# defaults/10-edge.yaml`, a file's path.
    pub fn write(&self, block: &str) {
        let Some(path) = block.lines().next().and_then(|line| line.strip_prefix("# ")) else { return };
        if path.contains(' ') || Path::new(path).extension().is_none() {
            return;
        }
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, block).unwrap();
    }

    /// Runs a command; what it says, on both channels.
    pub fn run(&mut self, command: &str) -> String {
        if command == "echo $?" {
            return format!("{}\n", self.last_status);
        }
        if let Some(command) = command.strip_suffix(" &") {
            let mut shell = self.shell(&format!("exec {command}"));
            let shell = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            self.background.push(Background(shell.spawn().unwrap()));
            return String::new();
        }
        let output = self.shell(&format!("exec 2>&1\n{command}")).output().unwrap();
        self.last_status = output.status.code().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn shell(&self, script: &str) -> Command {
        let folder = self.folder.path();
        // What is waited for comes soon, or not at all; and nothing outlives a test that is killed by much.
        let mut shell = Command::new("timeout");
        shell.args(["120", "sh", "-c", script]).current_dir(folder);
        shell.env("PATH", &self.path).env("KUBECONFIG", &self.kubeconfig).env("HOME", folder).env_remove("RUST_LOG");
        for variable in ["CACHE", "CONFIG", "DATA"] {
            shell.env(format!("HELM_{variable}_HOME"), folder.join(".helm"));
        }
        shell
    }

    /// Takes everything off the cluster that a page may have made, also what a finalizer holds.
    fn clean(&mut self) {
        let script = format!(
            "set -e
            kubectl delete {LEFT_BEHIND} --all --wait=false
            for class in $(kubectl get gatewayclasses --output name); do
                kubectl patch $class --type merge --patch '{{\"metadata\": {{\"finalizers\": null}}}}'
            done
            kubectl wait --for=delete gatewayclasses --all --timeout=30s"
        );
        let said = self.run(&script);
        assert_eq!(self.last_status, 0, "{said}");
    }
}
