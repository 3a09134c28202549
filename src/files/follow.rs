//! Follows a defaults directory: reads it whenever it changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::snapshot::{Snapshot, SnapshotError};
use super::sources::News;
use super::watch::DirectoryWatch;
use super::worker::Worker;
use crate::engine::diagnostic::{Code, Diagnostic};
use crate::engine::source::SourceId;

/// A defaults directory to follow.
pub struct Follow {
    /// The directory, or a single file.
    pub path: PathBuf,
    /// How long files must have been quiet before they are read.
    pub debounce: Duration,
    /// Where goes what is read.
    pub news: mpsc::Sender<News>,
    /// Asks for a load at once (SIGHUP).
    pub now: Arc<tokio::sync::Notify>,
    /// Ends it.
    pub shutdown: CancellationToken,
}

impl Follow {
    /// Reads the directory now and after each change, until told to end. An error means that there is no such directory.
    pub async fn run(self) -> Result<(), SnapshotError> {
        let Self { path, debounce, news, now, shutdown } = self;
        let unreadable = |source| SnapshotError::Unreadable { path: path.display().to_string(), source };
        let mut watch = DirectoryWatch::new(&path, debounce).map_err(unreadable)?;
        let whole = path.clone();
        // A file system may be slow.
        let reading = Worker::start("reading", move |()| Snapshot::read(&whole)).map_err(unreadable)?;
        loop {
            let Some(read) = reading.ask(()).await else { return Ok(()) };
            let read = match read {
                Ok(snapshot) => News::Read { id: SourceId::Directory, uid: None, snapshot },
                // The directory may be on its way back: it is looked at again with the next event or tick.
                Err(error) => {
                    let name = path.display().to_string().into();
                    News::Unreadable(SourceId::Directory, Diagnostic::of_file(Code::Unreadable, &name, chain(&error)))
                }
            };
            if news.send(read).await.is_err() {
                return Ok(());
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = watch.changed() => {}
                () = now.notified() => info!("reading the defaults again, as asked"),
            }
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
