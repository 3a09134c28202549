//! When discovery is looked at: some times after each event of a CRD, since it follows with a delay.

use std::time::Duration;

use tokio::time::Instant;

use super::{BLIND_RESYNC, RETRY};
use crate::cluster::backoff::Backoff;
use crate::cluster::error::ApiError;

/// When to look at discovery after the first list of CRDs, counted from the list: what changed shortly before.
pub(super) const FIRST: &[Duration] = &[Duration::ZERO, Duration::from_secs(1)];
/// When to look at discovery after an event of a CRD, counted from the event.
pub(super) const AFTER_EVENT: &[Duration] = &[
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];
/// Two looks are at least this far apart, however many events come.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// What looks at discovery that began so long ago were about is past.
const WITHIN_REACH: Duration = Duration::from_mins(1);

/// The looks at discovery that are still to come.
#[derive(Debug)]
pub(super) struct Looks {
    start: Option<Instant>,
    /// After the start, in order.
    times: &'static [Duration],
    next: usize,
    due: Option<Instant>,
    last: Option<Instant>,
    backoff: Backoff,
}

impl Default for Looks {
    fn default() -> Self {
        Self { start: None, times: &[], next: 0, due: None, last: None, backoff: Backoff::new(RETRY) }
    }
}

impl Looks {
    /// Something changed.
    pub(super) fn restart(&mut self, times: &'static [Duration]) {
        let now = Instant::now();
        (self.start, self.times, self.next) = (Some(now), times, 0);
        self.plan(now);
    }

    pub(super) fn done(&mut self) {
        let now = Instant::now();
        self.last = Some(now);
        self.next += 1;
        self.backoff.reset();
        match (self.start, self.times.get(self.next)) {
            (Some(start), Some(after)) => self.plan(start + *after),
            (None, _) | (_, None) => self.due = None,
        }
    }

    pub(super) fn retry(&mut self, error: &ApiError) {
        self.due = Some(Instant::now() + self.backoff.after(error));
    }

    /// What was seen can't be all: the server has just started, or its CRD serves nothing. It is looked at again some
    /// times soon, and then now and then.
    pub(super) fn again(&mut self) {
        if self.due.is_some() {
            return;
        }
        let now = Instant::now();
        match self.start {
            Some(start) if now < start + WITHIN_REACH => self.due = Some(now + BLIND_RESYNC),
            Some(_) | None => self.restart(AFTER_EVENT),
        }
    }

    fn plan(&mut self, at: Instant) {
        let earliest = self.last.map_or(at, |last| last + BETWEEN_LOOKS);
        self.due = Some(at.max(earliest));
    }

    pub(super) async fn due(&self) {
        match self.due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }
}
