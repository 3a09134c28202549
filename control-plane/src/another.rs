//! Another kube-apiserver on a control plane's etcd: what a cluster has that is highly available.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{
    binaries::Program,
    control_plane::{ControlPlane, Error},
    programs::Ports,
    watchdog::Watchdog,
};

const READY_LIMIT: Duration = Duration::from_mins(1);
const NAME: &str = "another-kube-apiserver";

/// A second kube-apiserver, with the same users and certificates as the first. It ends when this is dropped.
#[derive(Debug)]
pub struct AnotherApiserver {
    url: String,
    kubeconfig: Kubeconfig,
    watchdog: Watchdog,
}

impl ControlPlane {
    /// Starts another kube-apiserver that reaches etcd at this URL, and waits until it's ready. A caller that puts a proxy
    /// between both, in front of [`etcd_url`](Self::etcd_url), can keep this one from what the first one knows.
    pub async fn start_another_apiserver(&self, etcd: &str) -> Result<AnotherApiserver, Error> {
        let port = Ports::pick().map_err(Error::Ports)?.apiserver;
        let first = self.apiserver_command();
        let mut command = Command::new(first.get_program());
        for arg in first.get_args() {
            match arg.to_str() {
                Some(arg) if arg.starts_with("--secure-port=") => command.arg(format!("--secure-port={port}")),
                Some(arg) if arg.starts_with("--etcd-servers=") => command.arg(format!("--etcd-servers={etcd}")),
                _ => command.arg(arg),
            };
        }
        let watchdog = Watchdog::spawn(NAME, &command, self.folder())
            .map_err(|source| Error::Start { program: Program::KubeApiserver, source })?;
        let failed = |source| Error::Kubeconfig { path: self.kubeconfig().to_owned(), source: Box::new(source) };
        let (url, mut kubeconfig) =
            (format!("https://127.0.0.1:{port}"), Kubeconfig::read_from(self.kubeconfig()).map_err(failed)?);
        for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.server = Some(url.clone());
        }
        let context = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &context).await.map_err(failed)?;
        let client = Client::try_from(config).map_err(|source| Error::Client(source.into()))?;
        let mut another = AnotherApiserver { url, kubeconfig, watchdog };
        another.wait_until_ready(&client).await?;
        Ok(another)
    }
}

impl AnotherApiserver {
    /// Where it listens: `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The kubeconfig that leads to it, as the administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> &Kubeconfig {
        &self.kubeconfig
    }

    async fn wait_until_ready(&mut self, client: &Client) -> Result<(), Error> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            let answer = tokio::time::timeout(Duration::from_secs(2), is_ready(client)).await;
            if let Some(status) = self.watchdog.status() {
                return Err(Error::Ended { program: Program::KubeApiserver, status, log: self.watchdog.log_tail() });
            }
            match answer {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(reason)) if Instant::now() > deadline => {
                    return Err(Error::NotReady { reason: reason.to_string(), log: self.watchdog.log_tail() });
                }
                Err(_) if Instant::now() > deadline => {
                    return Err(Error::NotReady { reason: "no answer".to_owned(), log: self.watchdog.log_tail() });
                }
                Ok(Err(_)) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

async fn is_ready(client: &Client) -> Result<(), kube::Error> {
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request_text(request).await.map(drop)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Namespace;
    use kube::{Api, api::PostParams};

    use super::*;
    use crate::options::{Crds, Options};

    #[tokio::test]
    async fn two_apiservers_have_the_same_objects() {
        let control_plane = ControlPlane::start(Options { crds: Crds::None, ..Options::default() }).await.unwrap();
        let another = control_plane.start_another_apiserver(control_plane.etcd_url()).await.unwrap();
        let kubeconfig = another.kubeconfig().clone();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some("made-by-the-first".to_owned());
        let first = Api::<Namespace>::all(control_plane.client().await.unwrap());
        first.create(&PostParams::default(), &namespace).await.unwrap();
        let second = Api::<Namespace>::all(Client::try_from(config).unwrap());
        second.get("made-by-the-first").await.unwrap();
        assert_ne!(another.url(), control_plane.url());
    }
}
