//! What must outlive the process: the names of classes that stay deleted. Read when first needed, written in the
//! background when they changed.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tracing::warn;

use super::backoff::Backoff;
use super::error::ApiError;
use super::kept_names::{KeptNames, KeptNamesStore};
use crate::engine::defaults::DefaultClass;
use crate::engine::policy::OnDelete;

/// How long to wait after a read or a write that failed, at first.
const RETRY: Duration = Duration::from_secs(2);

/// The names, and the request about them that is under way.
pub(super) struct Memory {
    store: KeptNamesStore,
    names: Names,
    /// To be dropped once the names are known.
    forgotten: BTreeSet<String>,
    unsaved: bool,
    work: Option<BoxFuture<'static, Result<Work, ApiError>>>,
    backoff: Backoff,
}

enum Names {
    /// Nobody asked yet: no default stays deleted.
    NotNeeded,
    /// They are being read.
    Awaited,
    /// They are known.
    Known(KeptNames),
}

enum Work {
    Read(KeptNames),
    Wrote,
}

/// What is known of a class that isn't there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// It is to be created.
    Missing,
    /// Somebody deleted it, and it stays so.
    Deleted,
    /// The names aren't read yet.
    Unknown,
}

impl Memory {
    pub(super) fn new(store: KeptNamesStore) -> Self {
        Self {
            store,
            names: Names::NotNeeded,
            forgotten: BTreeSet::new(),
            unsaved: false,
            work: None,
            backoff: Backoff::new(RETRY),
        }
    }

    /// Tells why a class isn't there.
    pub(super) fn absence(&mut self, default: &DefaultClass) -> Absence {
        if default.policy.on_delete == OnDelete::Recreate {
            return Absence::Missing;
        }
        match &self.names {
            Names::Known(names) if names.was_deleted(default) => Absence::Deleted,
            Names::Known(_) => Absence::Missing,
            Names::NotNeeded | Names::Awaited => {
                self.ask();
                Absence::Unknown
            }
        }
    }

    /// Notes that a class is there.
    pub(super) fn is_there(&mut self, default: &DefaultClass) {
        if default.policy.on_delete == OnDelete::StayDeleted {
            self.ask();
        }
        self.change(|names| names.is_there(default));
    }

    /// Drops a class whose default is gone.
    pub(super) fn forget(&mut self, name: &str) {
        match &self.names {
            Names::Known(_) => self.change(|names| names.forget(name)),
            Names::NotNeeded | Names::Awaited => {
                self.forgotten.insert(name.to_owned());
            }
        }
    }

    /// Drops all classes, since they went with their kind.
    pub(super) fn forget_all(&mut self) {
        self.change(KeptNames::forget_all);
    }

    /// Drops what is known and reads it anew when it is needed: another replica may have written it.
    pub(super) fn reset(&mut self) {
        (self.names, self.unsaved, self.work) = (Names::NotNeeded, false, None);
    }

    /// Goes on with what is to be read or written. Ends when the names became known; never if there is nothing to do.
    /// May be dropped and called again.
    pub(super) async fn work(&mut self) {
        loop {
            if self.work.is_none()
                && self.unsaved
                && let Names::Known(names) = &self.names
            {
                let (store, names) = (self.store.clone(), names.clone());
                self.unsaved = false;
                self.work = Some(async move { store.write(&names).await.map(|()| Work::Wrote) }.boxed());
            }
            let Some(work) = &mut self.work else { return std::future::pending().await };
            let done = work.await;
            self.work = None;
            match done {
                Ok(Work::Read(names)) => {
                    self.backoff.reset();
                    self.names = Names::Known(names);
                    for name in std::mem::take(&mut self.forgotten) {
                        self.change(|names| names.forget(&name));
                    }
                    return;
                }
                Ok(Work::Wrote) => self.backoff.reset(),
                Err(error) => {
                    warn!(%error, "the ConfigMap {} can't be read or written", super::kept_names::CONFIG_MAP);
                    self.retry(&error);
                }
            }
        }
    }

    /// Writes what isn't written yet, since the program ends.
    pub(super) async fn save(&mut self) {
        // A write under way may be of older names, and two at once could end in either order.
        let mut unsaved = self.unsaved;
        if let Some(work) = self.work.take() {
            match work.await {
                Ok(Work::Read(_)) => return,
                Ok(Work::Wrote) => {}
                // Once more, with the names of now.
                Err(_) => unsaved = true,
            }
        }
        if unsaved
            && let Names::Known(names) = &self.names
            && let Err(error) = self.store.write(names).await
        {
            warn!(%error, "the ConfigMap {} can't be written", super::kept_names::CONFIG_MAP);
        }
    }

    fn ask(&mut self) {
        if matches!(self.names, Names::NotNeeded) {
            self.names = Names::Awaited;
            let store = self.store.clone();
            self.work = Some(async move { store.read().await.map(Work::Read) }.boxed());
        }
    }

    fn retry(&mut self, error: &ApiError) {
        let (store, pause) = (self.store.clone(), self.backoff.after(error));
        let names = match &self.names {
            Names::Known(names) => Some(names.clone()),
            Names::NotNeeded | Names::Awaited => None,
        };
        self.unsaved = false;
        self.work = Some(
            async move {
                tokio::time::sleep(pause).await;
                match names {
                    Some(names) => store.write(&names).await.map(|()| Work::Wrote),
                    None => store.read().await.map(Work::Read),
                }
            }
            .boxed(),
        );
    }

    fn change(&mut self, how: impl FnOnce(&mut KeptNames) -> bool) {
        match &mut self.names {
            Names::Known(names) => self.unsaved |= how(names),
            Names::NotNeeded | Names::Awaited => {}
        }
    }
}
