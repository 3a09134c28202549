//! Builds programs into the cache: once, by one process at a time, and whole or not at all.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{Binaries, Error, GO_MOD, GO_SUM, KUBERNETES_VERSION, Program};
use crate::go;

/// For one program. kube-apiserver takes 6 minutes on 2 cores.
const BUILD_LIMIT: Duration = Duration::from_hours(1);

/// For the lock: whoever holds it may build all three programs.
const LOCK_LIMIT: Duration = Duration::from_mins(90);

const PROGRESS_INTERVAL: Duration = Duration::from_secs(15);

impl Binaries {
    /// Builds those of `programs` that aren't there.
    pub(super) fn build(&self, programs: &[Program]) -> Result<(), Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Cache { path, source }
        };
        fs::create_dir_all(&self.folder).map_err(failed(&self.folder))?;
        // Held until this function returns; the system releases it when we are killed.
        let _lock = lock(&self.folder.join(".lock"))?;
        // Somebody else may have built them while we waited.
        let missing = self.missing(programs);
        for &program in &missing {
            if program == missing[0] {
                say(&format!(
                    "building {} from source into {}: this takes some minutes, once \
                     (faster with internet access: setup-envtest, and KUBEBUILDER_ASSETS set to its folder)",
                    missing.iter().map(|program| program.name()).collect::<Vec<_>>().join(" and "),
                    self.folder.display(),
                ));
            }
            // Beside its destination, so that the last step is a rename; the watchdog removes it if we are killed.
            let scratch =
                tempfile::Builder::new().prefix(".build-").tempdir_in(&self.folder).map_err(failed(&self.folder))?;
            for (name, content) in [("go.mod", GO_MOD), ("go.sum", GO_SUM)] {
                let path = scratch.path().join(name);
                fs::write(&path, content).map_err(failed(&path))?;
            }
            compile(program, scratch.path())?;
            let destination = self.path(program);
            fs::rename(scratch.path().join(program.name()), &destination).map_err(failed(&destination))?;
        }
        Ok(())
    }
}

fn compile(program: Program, module: &Path) -> Result<(), Error> {
    let mut version = KUBERNETES_VERSION.trim_start_matches('v').split('.');
    let (major, minor) = (version.next().unwrap_or_default(), version.next().unwrap_or_default());
    // Without these, the server calls itself v0.0.0-master and clients that look at its version are misled.
    let variables = [("gitVersion", KUBERNETES_VERSION), ("gitMajor", major), ("gitMinor", minor)]
        .map(|(name, value)| format!("-X k8s.io/component-base/version.{name}={value}"))
        .join(" ");
    let ldflags = format!("-ldflags=-s -w {variables}");
    let arguments = ["build", "-mod=readonly", "-trimpath", &ldflags, "-o", program.name(), program.package()];

    let mut said = Duration::ZERO;
    let progress = |elapsed: Duration| {
        if elapsed >= said + PROGRESS_INTERVAL {
            said = elapsed;
            say(&format!("building {program}: {} s", elapsed.as_secs()));
        }
    };
    let start = Instant::now();
    say(&format!("building {program}"));
    go::run(module, &arguments, BUILD_LIMIT, progress).map_err(|source| Error::Build { program, source })?;
    say(&format!("built {program} in {} s", start.elapsed().as_secs()));
    Ok(())
}

fn lock(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::Cache { path: path.to_owned(), source };
    let file = File::create(path).map_err(failed)?;
    let start = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if start.elapsed() > LOCK_LIMIT => {
                return Err(Error::Locked { lock: path.to_owned(), limit: LOCK_LIMIT });
            }
            Err(TryLockError::WouldBlock) if !told => {
                say("waiting for another process that builds the control plane");
                told = true;
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// Writes a line to standard error. `eprintln!` would be captured in a test, and the user would see minutes of nothing.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "control-plane: {line}");
}
