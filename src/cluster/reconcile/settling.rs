//! The API server takes in a changed CRD some time after the event that tells of it, and nothing says when: what it
//! refuses meanwhile isn't its last word.

use std::time::{Duration, Instant};

use crate::cluster::execute::Retry;

/// How long it may take. In most cases it is some milliseconds.
const LIMIT: Duration = Duration::from_secs(10);
/// When to try again at the earliest.
const FIRST: Duration = Duration::from_millis(100);

/// How long ago the CRD changed.
#[derive(Debug, Default)]
pub(super) struct Settling {
    changed: Option<Instant>,
}

impl Settling {
    /// The CRD changed.
    pub(super) fn restart(&mut self, now: Instant) {
        self.changed = Some(now);
    }

    /// When to try again: what was refused shortly after a change, when as much time again has passed.
    pub(super) fn retry(&self, retry: Retry, now: Instant) -> Retry {
        match (retry, self.changed.map(|changed| now.saturating_duration_since(changed))) {
            (Retry::Slowly, Some(since)) if since < LIMIT => Retry::After(since.max(FIRST)),
            (Retry::Never | Retry::Soon(_) | Retry::After(_) | Retry::Slowly, _) => retry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_shortly_after_a_change_is_tried_again_a_few_times() {
        let (mut settling, start) = (Settling::default(), Instant::now());
        assert_eq!(settling.retry(Retry::Slowly, start), Retry::Slowly);
        settling.restart(start);
        let (mut now, mut tries) = (start, 0);
        while let Retry::After(pause) = settling.retry(Retry::Slowly, now) {
            assert_eq!(settling.retry(Retry::Soon(None), now), Retry::Soon(None));
            (now, tries) = (now + pause, tries + 1);
        }
        assert!((6..=9).contains(&tries), "{tries}");
        assert!(now - start >= LIMIT);
    }
}
