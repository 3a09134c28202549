//! A running control plane: started with a retry, ready when returned, and stopped in order.

use std::{
    fs, io,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use http::Request;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    binaries::{Binaries, Program},
    crds,
    credentials::{self, ADMIN},
    options::{Options, User},
    programs::{self, Files, Ports},
    watchdog::Watchdog,
};

mod error;

pub use error::Error;

const READY_LIMIT: Duration = Duration::from_mins(1);

/// How often to try with other ports when one was taken before its program bound it.
const ATTEMPTS: usize = 5;

/// etcd and kube-apiserver on loopback, and what a client needs to talk to them.
///
/// Both end, and their files are removed, when this is dropped or its process ends, in whichever way; [`stop`] also waits
/// until they have. It isn't tied to a runtime, but a client is: make one with [`client`] in each.
///
/// [`stop`]: Self::stop
/// [`client`]: Self::client
#[derive(Debug)]
pub struct ControlPlane {
    url: String,
    etcd_url: String,
    token: String,
    files: Files,
    etcd: Command,
    apiserver: Command,
    processes: Mutex<Processes>,
}

#[derive(Debug)]
struct Processes {
    etcd: Watchdog,
    /// `None` between stop and start.
    apiserver: Option<Watchdog>,
}

impl Processes {
    fn check(&mut self) -> Result<(), Error> {
        let etcd = (Program::Etcd, &mut self.etcd);
        let apiserver = self.apiserver.as_mut().map(|apiserver| (Program::KubeApiserver, apiserver));
        for (program, watchdog) in [etcd].into_iter().chain(apiserver) {
            if let Some(status) = watchdog.status() {
                return Err(Error::Ended { program, status, log: watchdog.log_tail() });
            }
        }
        Ok(())
    }
}

impl ControlPlane {
    /// Starts a control plane with the programs of [`Binaries::find_or_build_for`], and waits until it's ready and the CRDs
    /// are served: 3 s, or some minutes where the programs have to be built first.
    pub async fn start(options: Options) -> Result<Self, Error> {
        Self::start_on(Ports::pick, options).await
    }

    async fn start_on(mut pick: impl FnMut() -> io::Result<Ports>, options: Options) -> Result<Self, Error> {
        let kubernetes = options.kubernetes;
        let binaries = tokio::task::spawn_blocking(move || Binaries::find_or_build_for(kubernetes)).await??;
        let mut attempt = 1;
        let control_plane = loop {
            let control_plane = Self::launch(&binaries, pick().map_err(Error::Ports)?, &options)?;
            match control_plane.wait_until_ready().await {
                Ok(()) => break control_plane,
                Err(error) if error.is_taken_port() && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        };
        if let Some(version) = options.crds.version() {
            control_plane.install_crds(version).await?;
        }
        Ok(control_plane)
    }

    fn launch(binaries: &Binaries, ports: Ports, options: &Options) -> Result<Self, Error> {
        let failed = |file| move |source| Error::File { file, source };
        let url = format!("https://127.0.0.1:{}", ports.apiserver);
        let folder = tempfile::Builder::new().prefix("control-plane-").tempdir().map_err(failed("folder"))?;
        let files = Files::new(folder.path());
        let admin = credentials::admin().map_err(failed("token file"))?;
        let token = admin.token.clone();
        let users: Vec<User> = [admin].into_iter().chain(options.users.iter().cloned()).collect();
        credentials::write_tokens(&files.tokens, &users).map_err(failed("token file"))?;
        credentials::write_kubeconfig(&files.kubeconfig, &url, &files.ca, &users).map_err(failed("kubeconfig"))?;

        let etcd_command = programs::etcd(binaries, &files, ports);
        let etcd = spawn(Program::Etcd, &etcd_command, &files)?;
        // From here on the watchdogs remove it, after the programs have ended.
        let _ = folder.keep();
        let apiserver = programs::kube_apiserver(binaries, &files, ports, &options.apiserver_args);
        let processes = Processes { etcd, apiserver: Some(spawn(Program::KubeApiserver, &apiserver, &files)?) };
        let etcd_url = ports.etcd_client_url();
        Ok(Self { url, etcd_url, token, files, etcd: etcd_command, apiserver, processes: Mutex::new(processes) })
    }

    /// The kubeconfig: a context for each user, named as the user is, with `admin` as the current one.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.files.kubeconfig
    }

    /// Where kube-apiserver listens: `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where etcd listens for clients: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn etcd_url(&self) -> &str {
        &self.etcd_url
    }

    /// The folder of both programs' files.
    pub(crate) fn folder(&self) -> &Path {
        &self.files.folder
    }

    /// How kube-apiserver is started.
    pub(crate) fn apiserver_command(&self) -> &Command {
        &self.apiserver
    }

    /// The bearer token of `admin`, who is in `system:masters`.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The certificates to trust, in PEM.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.files.ca
    }

    /// A client of `admin`, for the runtime this is called in.
    pub async fn client(&self) -> Result<Client, Error> {
        self.client_as(ADMIN).await
    }

    /// A client of one of [`Options::users`], for the runtime this is called in.
    pub async fn client_as(&self, user: &str) -> Result<Client, Error> {
        let failed = |source| Error::Kubeconfig { path: self.files.kubeconfig.clone(), source: Box::new(source) };
        let kubeconfig = Kubeconfig::read_from(&self.files.kubeconfig).map_err(failed)?;
        let context = KubeConfigOptions { context: Some(user.to_owned()), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &context).await.map_err(failed)?;
        Client::try_from(config).map_err(|source| Error::Client(Box::new(source)))
    }

    /// The process id of etcd or kube-apiserver, `None` if it isn't to run now. Signals may be sent to it.
    pub async fn pid(&self, program: Program) -> Option<u32> {
        let processes = self.processes.lock().await;
        match program {
            Program::Etcd => processes.etcd.pid(),
            Program::KubeApiserver => processes.apiserver.as_ref()?.pid(),
            Program::Kubectl => None,
        }
    }

    /// Tells by an error if a program has ended that nobody stopped.
    pub async fn check(&self) -> Result<(), Error> {
        self.processes.lock().await.check()
    }

    /// Installs the CRDs of a release of the Gateway API, such as `v1.2.1`, and waits until they are served.
    ///
    /// Those of an older release can be refused while newer ones are there: [`remove_crds`](Self::remove_crds) first.
    pub async fn install_crds(&self, version: &str) -> Result<(), Error> {
        let version = version.to_owned();
        let folder = tokio::task::spawn_blocking(move || crds::folder(&version)).await??;
        Ok(crds::install(&self.client().await?, &folder).await?)
    }

    /// Changes `spec.versions` of a CRD, and waits until each version is served, or isn't, as it says then.
    ///
    /// A change of a schema is in force a moment later, which can't be seen from outside.
    pub async fn edit_crd(&self, name: &str, edit: impl FnOnce(&mut Vec<Value>)) -> Result<(), Error> {
        Ok(crds::edit::versions(&self.client().await?, name, edit).await?)
    }

    /// Takes a version out of a CRD, and waits until it isn't served. Its objects must be stored in another.
    pub async fn drop_crd_version(&self, name: &str, version: &str) -> Result<(), Error> {
        Ok(crds::edit::drop_version(&self.client().await?, name, version).await?)
    }

    /// Deletes the Gateway API's CRDs with all their objects, and waits until they have gone.
    pub async fn remove_crds(&self) -> Result<(), Error> {
        Ok(crds::remove(&self.client().await?).await?)
    }

    /// Stops kube-apiserver; its objects stay in etcd. Does nothing if it's stopped.
    pub async fn stop_apiserver(&self) -> Result<(), Error> {
        let mut processes = self.processes.lock().await;
        if let Some(apiserver) = &mut processes.apiserver {
            if !apiserver.stop().await {
                return Err(Error::NotEnded { program: Program::KubeApiserver });
            }
            processes.apiserver = None;
        }
        Ok(())
    }

    /// Starts kube-apiserver again, at the same URL and with the same certificate, and waits until it's ready.
    pub async fn start_apiserver(&self) -> Result<(), Error> {
        let mut processes = self.processes.lock().await;
        if processes.apiserver.is_none() {
            processes.apiserver = Some(spawn(Program::KubeApiserver, &self.apiserver, &self.files)?);
        }
        drop(processes);
        self.wait_until_ready().await
    }

    /// Stops kube-apiserver and starts it again: watches end, connections break, objects stay.
    pub async fn restart_apiserver(&self) -> Result<(), Error> {
        self.stop_apiserver().await?;
        self.start_apiserver().await
    }

    /// Stops etcd; its data stays. kube-apiserver runs on and answers what it can without.
    pub async fn stop_etcd(&self) -> Result<(), Error> {
        if self.processes.lock().await.etcd.stop().await {
            Ok(())
        } else {
            Err(Error::NotEnded { program: Program::Etcd })
        }
    }

    /// Starts etcd again after [`stop_etcd`](Self::stop_etcd), at the same URL and with its data, and waits until
    /// kube-apiserver is ready.
    pub async fn start_etcd(&self) -> Result<(), Error> {
        self.processes.lock().await.etcd = spawn(Program::Etcd, &self.etcd, &self.files)?;
        self.wait_until_ready().await
    }

    /// Stops both programs, removes all files, and waits until that's done.
    pub async fn stop(self) -> Result<(), Error> {
        self.stop_apiserver().await?;
        let mut processes = self.processes.into_inner();
        if !processes.etcd.stop_and_remove().await {
            return Err(Error::NotEnded { program: Program::Etcd });
        }
        Ok(())
    }

    async fn wait_until_ready(&self) -> Result<(), Error> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            let answer = self.is_ready().await;
            // Looked at last: who answers may be another one's server, on a port that ours found taken.
            let mut processes = self.processes.lock().await;
            processes.check()?;
            match answer {
                Ok(()) => return Ok(()),
                Err(reason) if Instant::now() > deadline => {
                    let log = processes.apiserver.as_ref().map(Watchdog::log_tail).unwrap_or_default();
                    return Err(Error::NotReady { reason, log });
                }
                Err(_) => {}
            }
            drop(processes);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks once whether the server is ready and has made its own namespaces, which its readiness doesn't wait for.
    async fn is_ready(&self) -> Result<(), String> {
        // The first thing the server makes; there's no client without.
        if fs::metadata(&self.files.ca).map_or(0, |certificates| certificates.len()) == 0 {
            return Err("no certificate yet".to_owned());
        }
        let client = self.client().await.map_err(|error| error.to_string())?;
        let ask = async {
            let request = Request::get("/readyz").body(Vec::new()).map_err(kube::Error::HttpError)?;
            client.request_text(request).await?;
            Api::<Namespace>::all(client).get("default").await
        };
        match tokio::time::timeout(Duration::from_secs(2), ask).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer for 2 s".to_owned()),
        }
    }
}

fn spawn(program: Program, command: &Command, files: &Files) -> Result<Watchdog, Error> {
    Watchdog::spawn(program.name(), command, &files.folder).map_err(|source| Error::Start { program, source })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::options::Crds;

    #[tokio::test]
    async fn taken_ports_are_changed() {
        let apiserver = TcpListener::bind("127.0.0.1:0").unwrap();
        let etcd = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut attempts = 0;
        let pick = || {
            attempts += 1;
            let free = Ports::pick()?;
            Ok(match attempts {
                1 => Ports { apiserver: apiserver.local_addr()?.port(), ..free },
                2 => Ports { etcd_client: etcd.local_addr()?.port(), ..free },
                _ => free,
            })
        };
        let options = Options { crds: Crds::None, ..Options::default() };
        let control_plane = ControlPlane::start_on(pick, options).await.unwrap();
        control_plane.check().await.unwrap();
        control_plane.stop().await.unwrap();
        assert_eq!(attempts, 3);
    }
}
