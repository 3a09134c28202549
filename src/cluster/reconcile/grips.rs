//! What is remembered of our finalizer on each class: whether it is there, and when it may be tried for again. Pure: time
//! is passed in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait after the first failure, or after it was put back; each time twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// After this time in peace, it counts from the beginning.
const PEACE: Duration = Duration::from_mins(1);

/// What is remembered of our finalizer. Its size is bounded by the number of classes.
#[derive(Debug, Default)]
pub(super) struct Grips(HashMap<Arc<str>, Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// It is on the class, as far as is known; if it is off, somebody took it off.
    is_held: bool,
    /// How often it failed or was taken off, of late.
    troubles: u32,
    not_before: Option<Instant>,
    failure: Option<String>,
}

impl Grips {
    /// Notes that it is on a class.
    pub(super) fn is_on(&mut self, class: &Arc<str>) {
        if !self.0.get(class).is_some_and(|memory| memory.is_held) {
            self.0.entry(class.clone()).or_default().is_held = true;
        }
    }

    /// Notes that it was put on a class; says whether somebody had taken it off, and when it may be put back next.
    pub(super) fn put(&mut self, class: &Arc<str>, now: Instant) -> bool {
        let memory = self.0.entry(class.clone()).or_default();
        let was_held = std::mem::replace(&mut memory.is_held, true);
        memory.failure = None;
        if was_held {
            memory.pause(now);
        }
        was_held
    }

    /// Notes that it is off, or that the class is another one now.
    pub(super) fn forget(&mut self, class: &str) {
        self.0.remove(class);
    }

    /// Notes that the server refused.
    pub(super) fn failed(&mut self, class: &Arc<str>, failure: String, now: Instant) {
        let memory = self.0.entry(class.clone()).or_default();
        memory.failure = Some(failure);
        memory.pause(now);
    }

    /// Notes that nothing came of it, and that it isn't to be tried again at once.
    pub(super) fn later(&mut self, class: &Arc<str>, now: Instant) {
        self.0.entry(class.clone()).or_default().pause(now);
    }

    /// Notes that it is as it should be, so that a failure is past.
    pub(super) fn nothing_due(&mut self, class: &str) {
        if let Some(memory) = self.0.get_mut(class) {
            memory.failure = None;
        }
    }

    /// How long to wait before the next try; `None` if it may be now.
    pub(super) fn pause(&self, class: &str, now: Instant) -> Option<Duration> {
        let pause = self.0.get(class)?.not_before?.saturating_duration_since(now);
        (!pause.is_zero()).then_some(pause)
    }

    /// Why the server refused it last, if it did.
    pub(super) fn failure(&self, class: &str) -> Option<&str> {
        self.0.get(class)?.failure.as_deref()
    }
}

impl Memory {
    fn pause(&mut self, now: Instant) {
        if self.not_before.is_some_and(|last| last + PEACE <= now) {
            self.troubles = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.troubles.min(16)).min(LONGEST_PAUSE);
        self.troubles += 1;
        self.not_before = Some(now + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_it_off_again_and_again_waits_ever_longer() {
        let (mut grips, class, mut now) = (Grips::default(), Arc::<str>::from("a"), Instant::now());
        assert!(!grips.put(&class, now), "it was never there");
        assert_eq!(grips.pause("a", now), None);
        let mut last = Duration::ZERO;
        for _ in 0..12 {
            assert!(grips.put(&class, now));
            let pause = grips.pause("a", now).unwrap();
            assert!(pause > last || pause == LONGEST_PAUSE, "{pause:?} after {last:?}");
            (last, now) = (pause, now + pause);
        }
        assert!(grips.put(&class, now + PEACE));
        assert_eq!(grips.pause("a", now + PEACE), Some(FIRST_PAUSE));
    }

    #[test]
    fn a_failure_is_told_until_it_succeeds() {
        let (mut grips, class, now) = (Grips::default(), Arc::<str>::from("a"), Instant::now());
        grips.failed(&class, "refused".to_owned(), now);
        assert_eq!((grips.failure("a"), grips.pause("a", now)), (Some("refused"), Some(FIRST_PAUSE)));
        grips.put(&class, now + FIRST_PAUSE);
        assert_eq!((grips.failure("a"), grips.pause("a", now + FIRST_PAUSE)), (None, None));
        grips.failed(&class, "refused".to_owned(), now);
        grips.nothing_due("a");
        assert_eq!(grips.failure("a"), None);
    }
}
