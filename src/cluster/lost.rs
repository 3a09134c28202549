//! When a watch can't be continued, but only begun anew with a list.

use std::time::Duration;

use kube::runtime::watcher;

/// How long to wait before that: who loses each watch at once isn't to be asked for lists without end.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Whether kube's watcher would go on and never see what it missed: it asks again for a version that is refused as too
/// old by a status (one told by an event it knows to handle), and it steps over an event that it can't read.
pub(super) fn is_lost(error: &watcher::Error) -> bool {
    match error {
        // kube looks at no status before it reads a watch, so that a refusal is an event that fails.
        watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => status.code == 410,
        watcher::Error::WatchFailed(kube::Error::SerdeError(_)) => true,
        watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchError(_)
        | watcher::Error::NoResourceVersion => false,
    }
}
