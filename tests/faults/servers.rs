//! A control plane of the rig, and what can go wrong with it.

use std::process::Command;
use std::time::Duration;

use control_plane::{AnotherApiserver, ControlPlane, Options, Program};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::sync::OnceCell;

use crate::fault::Fault;
use crate::history::History;
use crate::valve::Valve;

/// How long etcd stands still: longer than a request may take, shorter than a Lease lasts twice.
const PAUSE: Duration = Duration::from_secs(13);

/// A control plane, and all that ever happened to its classes.
pub struct Server {
    control_plane: ControlPlane,
    pub history: History,
    /// What outlives all runs.
    lasting: tokio::runtime::Handle,
    second: OnceCell<Second>,
}

/// A second API server, which may be cut off from etcd.
pub struct Second {
    apiserver: AnotherApiserver,
    pub valve: Valve,
}

impl Second {
    /// A client for the runtime that this is called in.
    pub async fn client(&self) -> Client {
        client(self.apiserver.kubeconfig().clone()).await
    }
}

impl Server {
    /// In the runtime that outlives all runs.
    pub async fn start() -> Self {
        let control_plane = ControlPlane::start(Options::default()).await.unwrap();
        let history = History::follow(client(kubeconfig(&control_plane)).await);
        Self { control_plane, history, lasting: tokio::runtime::Handle::current(), second: OnceCell::new() }
    }

    /// The second API server of this control plane, started when it is asked for.
    pub async fn second(&self) -> &Second {
        let start = async || {
            let etcd = self.control_plane.etcd_url().strip_prefix("http://").unwrap().parse().unwrap();
            let valve = self.lasting.spawn(Valve::start(etcd)).await.unwrap();
            let url = format!("http://{}", valve.address);
            let apiserver = self.control_plane.start_another_apiserver(&url).await.unwrap();
            Second { apiserver, valve }
        };
        self.second.get_or_init(start).await
    }

    /// A client for the runtime that this is called in.
    pub async fn client(&self) -> Client {
        client(kubeconfig(&self.control_plane)).await
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
async fn client(kubeconfig: Kubeconfig) -> Client {
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    ClientBuilder::try_from(config).unwrap().build()
}

fn kubeconfig(control_plane: &ControlPlane) -> Kubeconfig {
    Kubeconfig::read_from(control_plane.kubeconfig()).unwrap()
}

pub fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap().success());
}
