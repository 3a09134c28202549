//! Watches a defaults directory and says when to look at it again.
//!
//! kubelet fills a ConfigMap mount by renaming `..data` to a new generation. That rename is the commit: it needs no
//! quiet time. Files edited in place do, for an editor writes more than once. A watch on a file would end with the
//! first rename, so the directory is watched; and because inotify sees nothing on some file systems, and nothing of
//! a path that is itself a link to be replaced, a tick comes now and then as well.

use std::fs::read_link;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::warn;

/// Without any event, the directory is looked at this often.
const TICK: Duration = Duration::from_secs(30);
/// A directory that never comes to rest is looked at after this time all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Events that wait to be read. More than one only says "again", so that the rest may be dropped.
const EVENTS: usize = 64;

/// A watch on a defaults directory, or on a single file's directory.
#[derive(Debug)]
pub struct DirectoryWatch {
    path: PathBuf,
    /// The directory that is being watched; another one after a link on the way was replaced.
    watched: Option<Directory>,
    /// Where `..data` led when the directory was last said to have changed.
    last_generation: Option<PathBuf>,
    events: mpsc::Receiver<Touched>,
    sender: mpsc::Sender<Touched>,
    watcher: Option<RecommendedWatcher>,
    debounce: Duration,
}

/// A directory's identity.
#[derive(Debug, PartialEq, Eq)]
struct Directory {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// What an event touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touched {
    /// `..data` was replaced: a new generation is complete.
    Generation,
    /// Some entry was made, written, renamed or removed.
    Entry,
}

impl DirectoryWatch {
    /// Begins to watch. Make it before the first read, so that no change falls between the two.
    pub fn new(path: &Path, debounce: Duration) -> io::Result<Self> {
        let (sender, events) = mpsc::channel(EVENTS);
        let path = path.to_owned();
        let mut this = Self { path, watched: None, last_generation: None, events, sender, watcher: None, debounce };
        this.follow_links()?;
        this.last_generation = this.generation();
        Ok(this)
    }

    /// Waits until the directory should be read: a generation was swapped in, entries changed and have been quiet for
    /// the debounce time, or nothing happened for a while.
    pub async fn changed(&mut self) {
        let tick = Instant::now() + TICK;
        loop {
            match timeout_at(tick, self.events.recv()).await {
                // What else kubelet does in a mount, before and after the rename, changes nothing.
                Ok(Some(Touched::Entry)) if self.is_mount() => {
                    if self.generation() != self.last_generation {
                        break;
                    }
                }
                Ok(Some(Touched::Entry)) => {
                    self.settle().await;
                    break;
                }
                Ok(Some(Touched::Generation)) | Err(_) => break,
                // The watcher holds a sender as long as this watch lives.
                Ok(None) => sleep_until(tick).await,
            }
        }
        while self.events.try_recv().is_ok() {}
        if let Err(error) = self.follow_links() {
            warn!(path = %self.path.display(), %error, "the directory can't be watched; it is read every 30 s");
        }
        self.last_generation = self.generation();
    }

    /// Waits until no entry was touched for the debounce time.
    async fn settle(&mut self) {
        let limit = Instant::now() + LONGEST_WAIT.max(self.debounce);
        loop {
            let quiet = Instant::now() + self.debounce;
            match timeout_at(quiet.min(limit), self.events.recv()).await {
                Ok(Some(Touched::Entry)) => {}
                Ok(Some(Touched::Generation) | None) | Err(_) => return,
            }
        }
    }

    fn is_mount(&self) -> bool {
        self.generation().is_some()
    }

    /// Where `..data` leads, if this is a mount.
    fn generation(&self) -> Option<PathBuf> {
        read_link(self.watched.as_ref()?.path.join("..data")).ok()
    }

    /// Watches the directory that the path leads to now.
    fn follow_links(&mut self) -> io::Result<()> {
        let target = self.path.canonicalize()?;
        let path = if target.is_dir() { target } else { target.parent().unwrap_or(&target).to_owned() };
        let metadata = path.metadata()?;
        // By its inode: a watch ends with the directory, even if another one has its name at once.
        let directory = Directory { path, device: metadata.dev(), inode: metadata.ino() };
        if self.watched.as_ref() == Some(&directory) {
            return Ok(());
        }
        let sender = self.sender.clone();
        let mut watcher = notify::recommended_watcher(move |event| {
            if let Some(touched) = touched(event) {
                // A full channel has said "again" often enough.
                let _ = sender.try_send(touched);
            }
        })
        .map_err(into_io)?;
        watcher.watch(&directory.path, RecursiveMode::NonRecursive).map_err(into_io)?;
        self.watcher = Some(watcher);
        self.watched = Some(directory);
        Ok(())
    }
}

/// What an event means; `None` for reads, also our own.
fn touched(event: notify::Result<Event>) -> Option<Touched> {
    // An error is an overflow of the kernel's queue: something changed.
    let Ok(event) = event else { return Some(Touched::Entry) };
    if matches!(event.kind, EventKind::Access(_)) {
        return None;
    }
    let appears = matches!(
        event.kind,
        EventKind::Create(CreateKind::Any | CreateKind::File | CreateKind::Other)
            | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both | RenameMode::Any))
    );
    let is_data = event.paths.last().and_then(|path| path.file_name()).is_some_and(|name| name == "..data");
    Some(if appears && is_data { Touched::Generation } else { Touched::Entry })
}

fn into_io(error: notify::Error) -> io::Error {
    match error.kind {
        notify::ErrorKind::Io(error) => error,
        _ => io::Error::other(error),
    }
}
