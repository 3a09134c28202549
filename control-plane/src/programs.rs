//! The command lines of etcd and kube-apiserver, and where their files are.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use crate::binaries::Binaries;

/// Three ports of 127.0.0.1 that were free a moment ago.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) apiserver: u16,
    pub(crate) etcd_client: u16,
    pub(crate) etcd_peer: u16,
}

impl Ports {
    /// Asks the system. Another process may take one before the program that wants it binds: see the retry in `start`.
    pub(crate) fn pick() -> io::Result<Self> {
        // All three are held until the last is known, so that they differ.
        let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let mut ports = [0; 3];
        for (port, listener) in ports.iter_mut().zip(listeners) {
            *port = listener?.local_addr()?.port();
        }
        let [apiserver, etcd_client, etcd_peer] = ports;
        Ok(Self { apiserver, etcd_client, etcd_peer })
    }

    pub(crate) fn etcd_client_url(self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_client)
    }

    fn etcd_peer_url(self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_peer)
    }
}

/// The files of one control plane, all in one folder.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) tokens: PathBuf,
    /// The certificate kube-apiserver makes for itself, followed by the one that signed it.
    pub(crate) ca: PathBuf,
}

impl Files {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            kubeconfig: folder.join("kubeconfig"),
            tokens: folder.join("tokens.csv"),
            ca: folder.join("certs/apiserver.crt"),
        }
    }
}

/// etcd that keeps nothing: its data goes with the folder, so it needn't wait for the disk.
pub(crate) fn etcd(binaries: &Binaries, files: &Files, ports: Ports) -> Command {
    let (client, peer) = (ports.etcd_client_url(), ports.etcd_peer_url());
    let mut command = Command::new(binaries.etcd());
    command.arg("--data-dir").arg(files.folder.join("etcd")).args([
        "--unsafe-no-fsync",
        "--log-level=error",
        &format!("--listen-client-urls={client}"),
        &format!("--advertise-client-urls={client}"),
        &format!("--listen-peer-urls={peer}"),
        &format!("--initial-advertise-peer-urls={peer}"),
        &format!("--initial-cluster=default={peer}"),
    ]);
    command
}

/// kube-apiserver with RBAC and a token file, reachable on 127.0.0.1 only.
pub(crate) fn kube_apiserver(binaries: &Binaries, files: &Files, ports: Ports, more: &[String]) -> Command {
    // The key it makes for its own certificate signs the service accounts' tokens too. It's read after it's made.
    let key = files.folder.join("certs/apiserver.key");
    let mut command = Command::new(binaries.kube_apiserver());
    command
        .arg("--cert-dir")
        .arg(files.folder.join("certs"))
        .arg("--service-account-key-file")
        .arg(&key)
        .arg("--service-account-signing-key-file")
        .arg(&key)
        .arg("--token-auth-file")
        .arg(&files.tokens)
        .args([
            "--bind-address=127.0.0.1",
            // Without it, a machine that has no route to anywhere has no address to advertise, and the server ends.
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://localhost",
            "--service-cluster-ip-range=10.0.0.0/24",
            // It wants a service account for each pod, which only a controller manager makes.
            "--disable-admission-plugins=ServiceAccount",
            // Without it, SIGTERM waits a minute for each open watch.
            "--shutdown-watch-termination-grace-period=1s",
            &format!("--secure-port={}", ports.apiserver),
            &format!("--etcd-servers={}", ports.etcd_client_url()),
        ])
        .args(more);
    command
}
