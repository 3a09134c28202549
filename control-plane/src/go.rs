//! Runs the Go toolchain, which builds the programs and fetches the Gateway API's CRDs.

use std::{
    io,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::watchdog::Watchdog;

/// What can go wrong with a run of `go`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The shell that watches over `go` could not be started.
    #[error("could not start `go {arguments}`")]
    Start {
        /// The arguments after `go`.
        arguments: String,
        /// Why.
        source: io::Error,
    },
    /// There is no `go` on `PATH`.
    #[error("`go` is not on PATH: install Go 1.26 or newer")]
    Missing,
    /// `go` ended with an error.
    #[error("`go {arguments}` ended with status {status}:\n{log}")]
    Failed {
        /// The arguments after `go`.
        arguments: String,
        /// The exit status.
        status: i32,
        /// What it said last.
        log: String,
    },
    /// `go` took longer than the limit, and was ended.
    #[error("`go {arguments}` took more than {} s", limit.as_secs())]
    TooLong {
        /// The arguments after `go`.
        arguments: String,
        /// The limit.
        limit: Duration,
    },
    /// What `go` printed could not be read.
    #[error("could not read what `go {arguments}` printed")]
    Output {
        /// The arguments after `go`.
        arguments: String,
        /// Why.
        source: io::Error,
    },
}

/// Runs `go` in the module in `folder`, a folder of this run alone, and gives what it printed on standard output.
///
/// Blocks. `waiting` is called again and again with the time since the start.
pub(crate) fn run(
    folder: &Path,
    arguments: &[&str],
    limit: Duration,
    mut waiting: impl FnMut(Duration),
) -> Result<String, Error> {
    let described = || arguments.join(" ");
    let mut command = Command::new("go");
    // A static program is the same on every machine, and a workspace file of the user's around us isn't meant for us.
    command.args(arguments).current_dir(folder).env("CGO_ENABLED", "0").env("GOWORK", "off");

    let start = Instant::now();
    let mut go =
        Watchdog::spawn("go", &command, folder).map_err(|source| Error::Start { arguments: described(), source })?;
    let status = loop {
        if let Some(status) = go.status() {
            break status;
        }
        if start.elapsed() > limit {
            go.order_stop();
            return Err(Error::TooLong { arguments: described(), limit });
        }
        waiting(start.elapsed());
        thread::sleep(Duration::from_millis(20));
    };
    go.order_stop();
    match status {
        0 => go.output().map_err(|source| Error::Output { arguments: described(), source }),
        // What a shell answers when it doesn't find the program.
        127 => Err(Error::Missing),
        // `go mod download -json` tells an error on standard output.
        status => {
            let log = go.output().unwrap_or_default() + &go.log_tail();
            Err(Error::Failed { arguments: described(), status, log })
        }
    }
}
