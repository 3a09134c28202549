//! A control plane of the rig, and what can go wrong with it.

use std::process::Command;
use std::time::Duration;

use control_plane::{ControlPlane, Options, Program};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::history::History;
use crate::plan::Fault;

/// How long etcd stands still: longer than a request may take, shorter than a Lease lasts twice.
const PAUSE: Duration = Duration::from_secs(13);

/// A control plane, and all that ever happened to its classes.
pub struct Server {
    control_plane: ControlPlane,
    pub history: History,
}

impl Server {
    /// In the runtime that outlives all runs.
    pub async fn start() -> Self {
        let control_plane = ControlPlane::start(Options::default()).await.unwrap();
        let history = History::follow(client(&control_plane).await);
        Self { control_plane, history }
    }

    /// A client for the runtime that this is called in.
    pub async fn client(&self) -> Client {
        client(&self.control_plane).await
    }

    /// Brings a fault about. `begun` is called once the server is as bad as it gets.
    pub async fn suffer(&self, fault: Fault, begun: impl FnOnce()) {
        match fault {
            Fault::RestartApiserver => {
                self.control_plane.stop_apiserver().await.unwrap();
                begun();
                self.control_plane.start_apiserver().await.unwrap();
            }
            Fault::RestartEtcd => {
                self.control_plane.stop_etcd().await.unwrap();
                begun();
                self.control_plane.start_etcd().await.unwrap();
            }
            Fault::PauseEtcd => {
                let etcd = self.control_plane.pid(Program::Etcd).await.unwrap();
                signal(etcd, "STOP");
                begun();
                tokio::time::sleep(PAUSE).await;
                signal(etcd, "CONT");
            }
            other => unreachable!("{other} is no fault of the server"),
        }
    }
}

/// A client that tries nothing again, so that the wire hides no fault.
async fn client(control_plane: &ControlPlane) -> Client {
    let kubeconfig = Kubeconfig::read_from(control_plane.kubeconfig()).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    ClientBuilder::try_from(config).unwrap().build()
}

pub fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap().success());
}
