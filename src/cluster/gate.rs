//! The gate that every write to a class passes: open for whoever works alone, and for an elected leader only as long as
//! nobody else can be one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The gate.
#[derive(Clone, Debug)]
pub enum Gate {
    /// Nobody else writes: a command, or a controller that runs alone.
    Open,
    /// Open as long as the Lease is held.
    Lease(LeaseTerm),
}

impl Gate {
    /// How long a write may take that begins now; `None` if none may begin.
    #[must_use]
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        match self {
            Self::Open => Some(Duration::MAX),
            Self::Lease(term) => {
                let term = (*term.lock())?;
                // Others may take the Lease only when it has run out, but we stop while some time is left.
                (now < term.renew_by).then(|| term.expires.saturating_duration_since(now))
            }
        }
    }
}

/// How long the Lease is ours, by the clock that goes on while a process is stopped. Shared by who renews it and by the
/// gate.
#[derive(Clone, Debug, Default)]
pub struct LeaseTerm(Arc<Mutex<Option<Term>>>);

/// A time for which the Lease is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Without a renewal, we stop writing then.
    pub renew_by: Instant,
    /// From then on others may take the Lease.
    pub expires: Instant,
}

impl LeaseTerm {
    /// Sets how long it is ours, or that it isn't.
    pub(super) fn set(&self, term: Option<Term>) {
        *self.lock() = term;
    }

    /// When it must have been renewed; `None` if it isn't ours.
    pub(super) fn renew_by(&self) -> Option<Instant> {
        (*self.lock()).map(|term| term.renew_by)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Term>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_writes_without_a_lease_or_after_the_time_to_renew_it() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let term = LeaseTerm::default();
        let gate = Gate::Lease(term.clone());
        assert_eq!(gate.time_left(now), None);
        term.set(Some(Term { renew_by: now + 10 * second, expires: now + 15 * second }));
        assert_eq!(gate.time_left(now + 4 * second), Some(11 * second));
        assert_eq!(gate.time_left(now + 10 * second), None, "although the Lease is ours for some more seconds");
        term.set(None);
        assert_eq!(gate.time_left(now), None);
    }

    #[test]
    fn who_works_alone_writes_when_they_like() {
        assert_eq!(Gate::Open.time_left(Instant::now()), Some(Duration::MAX));
    }
}
