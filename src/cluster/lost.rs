//! When a watch can't be continued, but only begun anew with a list.
//!
//! Lists are asked for without a version, so that they are never older than what was seen before (`resourceVersion=0`
//! would allow that): an API server that is cut off from etcd gives none. Classes alone come as a streamed list from
//! whatever the server has in its cache, which is sparing, and what is done about one is checked by its uid and version.

use std::time::Duration;

use kube::runtime::watcher;

/// A list, or the next part of one, that takes longer is asked for again. A server may ask to be left alone for a minute of
/// it.
pub(super) const LIST_DEADLINE: Duration = Duration::from_secs(90);

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
