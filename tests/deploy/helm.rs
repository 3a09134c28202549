//! Real Helm, 3 and 4, in a home of its own.

use std::path::PathBuf;

use control_plane::KUBERNETES_VERSION;
use control_plane::helm::{Version, find_or_build};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::cluster::said;
use crate::yaml;

pub struct Helm {
    program: PathBuf,
    home: TempDir,
}

/// The chart.
pub fn chart() -> String {
    yaml::project("deploy/helm/classkeeper").to_str().unwrap().to_owned()
}

/// The values that say everything.
pub fn full_values() -> String {
    format!("{}/ci/full-values.yaml", chart())
}

impl Helm {
    pub async fn new(version: Version) -> Self {
        let program = tokio::task::spawn_blocking(move || find_or_build(version)).await.unwrap().unwrap();
        Self { program, home: tempfile::tempdir().unwrap() }
    }

    /// A run of Helm, not started yet, with nothing in the environment that changes what Helm does.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        let home = self.home.path();
        command.args(args).env_clear().env("HOME", home).kill_on_drop(true);
        for (variable, folder) in [("CACHE", "cache"), ("CONFIG", "config"), ("DATA", "data")] {
            command.env(format!("HELM_{variable}_HOME"), home.join(folder));
        }
        command
    }

    pub async fn run(&self, args: &[&str]) -> Result<String, String> {
        said(&self.command(args).output().await.unwrap())
    }

    /// What a release would be made of, with these further arguments.
    pub async fn template(&self, release: &str, namespace: &str, further: &[&str]) -> Result<Vec<Value>, String> {
        let chart = chart();
        let fixed = ["template", release, &chart, "--namespace", namespace, "--kube-version", KUBERNETES_VERSION];
        let output = self.command(&[&fixed[..], further].concat()).output().await.unwrap();
        said(&output)?;
        Ok(yaml::parse(&String::from_utf8(output.stdout).unwrap()))
    }
}
