//! Follows a defaults directory: reads it whenever it changed, keeps the last good defaults in force, and tells how
//! each load ended.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::reload::{Loader, Reload};
use super::snapshot::{Snapshot, SnapshotError};
use super::watch::DirectoryWatch;
use crate::engine::defaults::Defaults;
use crate::engine::diagnostic::{Code, Diagnostic, Severity};
use crate::metrics::{Metrics, ReloadResult};

/// What is in force, and how the last load ended.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The defaults in force: those of the last good load. `None` before it.
    pub defaults: Option<Arc<Defaults>>,
    /// The digest of the content in force, in hexadecimal.
    pub digest: Option<String>,
    /// When the content in force was loaded.
    pub loaded_at: Option<Timestamp>,
    /// How the last load ended.
    pub state: ConfigurationState,
    /// What the last load found: errors if it was rejected, else warnings.
    pub findings: Arc<[Diagnostic]>,
}

/// How the last load ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConfigurationState {
    /// There was none yet.
    #[default]
    Pending,
    /// Its content is in force.
    Accepted,
    /// Its content is refused; that of the last good load, if there was one, stays in force.
    Rejected,
}

/// A defaults directory to follow.
pub struct Follow {
    /// The directory, or a single file.
    pub path: PathBuf,
    /// How long files must have been quiet before they are read.
    pub debounce: Duration,
    /// Where each load's result goes.
    pub configuration: watch::Sender<Configuration>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Asks for a load at once (SIGHUP).
    pub now: Arc<tokio::sync::Notify>,
    /// Ends it.
    pub shutdown: CancellationToken,
}

impl Follow {
    /// Reads the directory now and after each change, until told to end. An error means that there is no such directory.
    pub async fn run(self) -> Result<(), SnapshotError> {
        let Self { path, debounce, configuration, metrics, now, shutdown } = self;
        let mut watch = DirectoryWatch::new(&path, debounce)
            .map_err(|source| SnapshotError::Unreadable { path: path.display().to_string(), source })?;
        let mut loader = Loader::default();
        loop {
            let (returned, result) = load(loader, path.clone()).await;
            loader = returned;
            match result {
                Ok((reload, digest)) => publish(reload, &digest, &configuration, &metrics),
                // The directory may be on its way back: it is looked at again with the next event or tick.
                Err(error) => {
                    let name = path.display().to_string().into();
                    let finding = Diagnostic::of_file(Code::Unreadable, &name, chain(&error));
                    if configuration.borrow().findings.first() != Some(&finding) {
                        publish(Reload::Rejected { findings: vec![finding] }, "", &configuration, &metrics);
                    }
                    loader.forget_digest();
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = watch.changed() => {}
                () = now.notified() => info!("reading the defaults again, as asked"),
            }
        }
    }
}

/// Reads and loads away from the thread that answers probes: ten thousand classes take a while.
async fn load(mut loader: Loader, path: PathBuf) -> (Loader, Result<(Reload, String), SnapshotError>) {
    let work = tokio::task::spawn_blocking(move || {
        let result = Snapshot::read(&path).map(|snapshot| {
            let digest = snapshot.digest();
            (loader.load(&snapshot), digest)
        });
        (loader, result)
    });
    match work.await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn publish(reload: Reload, digest: &str, configuration: &watch::Sender<Configuration>, metrics: &Metrics) {
    match reload {
        Reload::Unchanged => {}
        Reload::Accepted { defaults, findings } => {
            metrics.count_reload(ReloadResult::Accepted);
            info!(classes = defaults.len(), digest, "defaults accepted");
            log(&findings);
            configuration.send_replace(Configuration {
                defaults: Some(defaults),
                digest: Some(digest.to_owned()),
                loaded_at: Some(Timestamp::now()),
                state: ConfigurationState::Accepted,
                findings: findings.into(),
            });
        }
        Reload::Rejected { findings } => {
            metrics.count_reload(ReloadResult::Rejected);
            error!(findings = findings.len(), "defaults rejected; the last good ones stay in force");
            log(&findings);
            configuration.send_modify(|configuration| {
                configuration.state = ConfigurationState::Rejected;
                configuration.findings = findings.into();
            });
        }
    }
}

fn log(findings: &[Diagnostic]) {
    for finding in findings {
        let place = format!("{}:{}:{}", finding.place.file, finding.place.line, finding.place.column);
        match finding.severity {
            Severity::Error => error!(place, code = finding.code.as_str(), "{}", finding.message),
            Severity::Warning => warn!(place, code = finding.code.as_str(), "{}", finding.message),
        }
    }
}

/// An error with its sources, for a log line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
