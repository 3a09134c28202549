//! What can go wrong with a control plane, a variant for each step.

use std::{io, path::PathBuf};

use kube::config::KubeconfigError;

use super::READY_LIMIT;
use crate::{
    binaries::{self, Program},
    crds,
};

/// What can go wrong with a control plane.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are no programs to run.
    #[error("no etcd and kube-apiserver to run")]
    Binaries(#[from] binaries::Error),
    /// The runtime ended while a blocking step ran, or the step panicked.
    #[error("interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
    /// A file of the control plane can't be written.
    #[error("could not write the {file}")]
    File {
        /// Which.
        file: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The system gives no ports.
    #[error("could not find free ports on 127.0.0.1")]
    Ports(#[source] io::Error),
    /// A program can't be started.
    #[error("could not start {program}")]
    Start {
        /// The program.
        program: Program,
        /// Why.
        source: io::Error,
    },
    /// A program ended by itself.
    #[error("{program} ended with status {status}:\n{log}")]
    Ended {
        /// The program.
        program: Program,
        /// Its exit status, as a shell counts (128 + signal).
        status: i32,
        /// What it said last.
        log: String,
    },
    /// kube-apiserver isn't ready in time.
    #[error("kube-apiserver isn't ready after {} s ({reason}):\n{log}", READY_LIMIT.as_secs())]
    NotReady {
        /// What the last question was answered by.
        reason: String,
        /// What it said last.
        log: String,
    },
    /// A program runs on although it was killed.
    #[error("could not end {program}")]
    NotEnded {
        /// The program.
        program: Program,
    },
    /// The kubeconfig doesn't give a client.
    #[error("could not read {}", path.display())]
    Kubeconfig {
        /// The kubeconfig.
        path: PathBuf,
        /// Why.
        source: Box<KubeconfigError>,
    },
    /// No client could be made.
    #[error("could not make a client")]
    Client(#[source] Box<kube::Error>),
    /// The CRDs couldn't be installed or removed.
    #[error("could not change the Gateway API's CRDs")]
    Crds(#[from] crds::Error),
}

impl Error {
    /// Whether other ports may help.
    pub(super) fn is_taken_port(&self) -> bool {
        matches!(self, Self::Ended { log, .. } if log.contains("address already in use"))
    }
}
