//! `control-plane up` runs a control plane until it's told to stop; `control-plane build` only builds its programs.

use std::{
    io::{self, Write},
    thread,
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use control_plane::{Binaries, ControlPlane, Crds, GATEWAY_API_VERSION, Kubernetes, Options, helm};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// A real kube-apiserver and etcd on loopback
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a control plane, print the path of its kubeconfig, and stop it at Ctrl-C or SIGTERM
    Up {
        /// Release of the Gateway API whose CRDs are installed, or "none"
        #[arg(long, value_name = "VERSION", default_value = GATEWAY_API_VERSION)]
        crds: String,
        /// Version of Kubernetes, such as "1.34"; without it, the environment says which, and else it is the newest
        #[arg(long, value_name = "VERSION")]
        kubernetes: Option<Kubernetes>,
        /// Stop also at the end of standard input, for a caller that holds a pipe
        #[arg(long)]
        until_eof: bool,
        /// More arguments for kube-apiserver, after `--`
        #[arg(last = true, value_name = "ARGUMENT")]
        apiserver_args: Vec<String>,
    },
    /// Build the programs if they aren't there, and print the path of their folder
    Build {
        /// Version of Kubernetes, as for `up`
        #[arg(long, value_name = "VERSION")]
        kubernetes: Option<Kubernetes>,
        /// Build kubectl too
        #[arg(long)]
        kubectl: bool,
        /// Build Helm 3 and Helm 4 too, and print the path of each
        #[arg(long)]
        helm: bool,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Up { crds, kubernetes, until_eof, apiserver_args } => {
            let crds = if crds == "none" { Crds::None } else { Crds::Version(crds) };
            up(Options { kubernetes, crds, apiserver_args, ..Options::default() }, until_eof).await
        }
        Command::Build { kubernetes, kubectl, helm } => build(kubernetes, kubectl, helm),
    }
}

async fn up(options: Options, until_eof: bool) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (end_of_input, input) = oneshot::channel();
    let told_to_stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = input, if until_eof => {}
        }
    };
    tokio::pin!(told_to_stop);
    if until_eof {
        // A thread of its own, which ends with the process: a read can't be given up, and a runtime would wait for it.
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            let _ = end_of_input.send(());
        });
    }

    let control_plane = tokio::select! {
        started = ControlPlane::start(options) => started.context("could not start a control plane")?,
        // What has been started by now ends as it does when we are killed. To return would wait for a build.
        () = &mut told_to_stop => std::process::exit(0),
    };
    writeln!(io::stdout(), "{}", control_plane.kubeconfig().display())?;
    let broken = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if let Err(error) = control_plane.check().await {
                break error;
            }
        }
    };
    tokio::select! {
        () = told_to_stop => {}
        error = broken => return Err(error.into()),
    }
    Ok(control_plane.stop().await?)
}

fn build(kubernetes: Option<Kubernetes>, kubectl: bool, helm: bool) -> anyhow::Result<()> {
    let binaries = Binaries::find_or_build_for(kubernetes)?;
    if kubectl {
        binaries.kubectl()?;
    }
    writeln!(io::stdout(), "{}", binaries.folder().display())?;
    for version in helm::Version::ALL.into_iter().filter(|_| helm) {
        writeln!(io::stdout(), "{}", helm::find_or_build(version)?.display())?;
    }
    Ok(())
}
