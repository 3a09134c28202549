//! The queue of class names that need a pass: each name once, failed ones again later. Pure: time is passed in.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::execute::Retry;

/// The first retry comes after this time, each next one after twice the last.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// No retry waits longer.
const LAST_RETRY: Duration = Duration::from_mins(1);
/// When to look again at what the server refused.
const SLOW_RETRY: Duration = Duration::from_mins(5);

/// Class names that need a pass. Its size is bounded by the number of classes.
#[derive(Debug, Default)]
pub struct Queue {
    /// With the time since when it waits.
    ready: VecDeque<(Arc<str>, Instant)>,
    queued: HashSet<Arc<str>>,
    under_way: HashSet<Arc<str>>,
    /// Asked for again while under way.
    again: HashSet<Arc<str>>,
    later: BTreeSet<(Instant, Arc<str>)>,
    failures: HashMap<Arc<str>, Failures>,
    added: u64,
    retried: u64,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    due: Instant,
    /// The server wants to be left alone until then.
    not_before: Option<Instant>,
}

impl Queue {
    /// Asks for a pass as soon as possible; a retry that waits is then not needed, unless the server asked for it.
    pub fn push(&mut self, name: &Arc<str>, now: Instant) {
        if let Some(failures) = self.failures.get(name) {
            let is_waiting = !self.under_way.contains(name) && failures.not_before.is_some_and(|until| until > now);
            if is_waiting {
                self.later.insert((failures.due, name.clone()));
                return;
            }
            self.later.remove(&(failures.due, name.clone()));
        }
        if self.under_way.contains(name) {
            self.again.insert(name.clone());
        } else if self.queued.insert(name.clone()) {
            self.ready.push_back((name.clone(), now));
            self.added += 1;
        }
    }

    /// The next class to work on, and how long it waited; it is under way from now on, and won't be given out again
    /// until [`done`](Self::done).
    pub fn pop(&mut self, now: Instant) -> Option<(Arc<str>, Duration)> {
        while self.later.first().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, name)) = self.later.pop_first() {
                self.push(&name, now);
                self.retried += 1;
            }
        }
        let (name, since) = self.ready.pop_front()?;
        self.queued.remove(&name);
        self.under_way.insert(name.clone());
        Some((name, now.saturating_duration_since(since)))
    }

    /// Says that a pass ended, and when the class is to be tried again.
    pub fn done(&mut self, name: &Arc<str>, retry: Retry, now: Instant) {
        self.under_way.remove(name);
        let again = self.again.remove(name);
        match retry {
            Retry::Never => {
                self.failures.remove(name);
            }
            Retry::Soon(_) | Retry::Slowly | Retry::After(_) => {
                let count = self.failures.get(name).map_or(0, |failures| failures.count);
                let due = now + delay(name, count, retry);
                let not_before = match retry {
                    Retry::Soon(at_least) => at_least.map(|at_least| now + at_least),
                    Retry::Never | Retry::Slowly | Retry::After(_) => None,
                };
                self.failures.insert(name.clone(), Failures { count: count + 1, due, not_before });
                if !again {
                    self.later.insert((due, name.clone()));
                }
            }
        }
        if again {
            self.push(name, now);
        }
    }

    /// Drops a class that needs no more passes.
    pub fn forget(&mut self, name: &Arc<str>) {
        if let Some(failures) = self.failures.remove(name) {
            self.later.remove(&(failures.due, name.clone()));
        }
        self.again.remove(name);
        if self.queued.remove(name) {
            self.ready.retain(|(queued, _)| queued != name);
        }
    }

    /// When the next retry is due, if nothing else happens.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.later.first().map(|(due, _)| *due)
    }

    /// How many classes wait for a pass now.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.ready.len()
    }

    /// How many classes were added since this was last asked, and how many of them to be tried again.
    pub fn take_counts(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.added), std::mem::take(&mut self.retried))
    }

    /// Whether nothing is ready or under way; retries may wait.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.ready.is_empty() && self.under_way.is_empty()
    }
}

/// How long to wait, with a jitter of a quarter that differs between classes and tries, so that classes that failed
/// together don't come back together.
fn delay(name: &str, failures: u32, retry: Retry) -> Duration {
    let (base, at_least) = match retry {
        Retry::Never => return Duration::ZERO,
        Retry::Soon(at_least) => (FIRST_RETRY.saturating_mul(1 << failures.min(16)).min(LAST_RETRY), at_least),
        Retry::Slowly => (SLOW_RETRY, None),
        Retry::After(pause) => return pause,
    };
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((name, failures));
    let permille = u32::try_from(hash % 250).unwrap_or(0);
    base.max(at_least.unwrap_or_default()) + base / 1000 * permille
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Arc<str> {
        text.into()
    }

    fn popped(queue: &mut Queue, now: Instant) -> Option<Arc<str>> {
        queue.pop(now).map(|(name, _)| name)
    }

    #[test]
    fn a_name_waits_from_when_it_was_first_asked_for() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(&name("a"), now);
        queue.push(&name("a"), now + Duration::from_secs(1));
        assert_eq!((queue.depth(), queue.take_counts()), (1, (1, 0)));
        assert_eq!(queue.pop(now + Duration::from_secs(3)), Some((name("a"), Duration::from_secs(3))));
        queue.done(&name("a"), Retry::After(Duration::from_secs(1)), now);
        queue.pop(now + Duration::from_secs(1)).unwrap();
        assert_eq!(queue.take_counts(), (1, 1));
    }

    #[test]
    fn a_name_is_given_out_once() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(&name("a"), now);
        queue.push(&name("a"), now);
        assert_eq!(popped(&mut queue, now).as_deref(), Some("a"));
        assert_eq!(queue.pop(now), None);
    }

    #[test]
    fn a_name_asked_for_under_way_is_given_out_again_afterwards() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(&name("a"), now);
        queue.pop(now);
        queue.push(&name("a"), now);
        assert_eq!(queue.pop(now), None, "never two passes over one class at once");
        queue.done(&name("a"), Retry::Never, now);
        assert_eq!(popped(&mut queue, now).as_deref(), Some("a"));
    }

    #[test]
    fn failed_names_come_back_ever_later() {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        let mut last = Duration::ZERO;
        queue.push(&name("a"), now);
        for _ in 0..12 {
            queue.pop(now).unwrap();
            queue.done(&name("a"), Retry::Soon(None), now);
            assert_eq!(queue.pop(now), None);
            let wait = queue.next_due().unwrap() - now;
            assert!(wait >= last.min(LAST_RETRY) && wait <= LAST_RETRY * 5 / 4, "{wait:?} after {last:?}");
            (last, now) = (wait, queue.next_due().unwrap());
        }
    }

    #[test]
    fn the_server_s_wish_is_honoured() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(&name("a"), now);
        queue.pop(now);
        queue.done(&name("a"), Retry::Soon(Some(Duration::from_secs(30))), now);
        assert!(queue.next_due().unwrap() - now >= Duration::from_secs(30));
    }

    #[test]
    fn a_new_reason_doesn_t_wait_for_the_retry() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(&name("a"), now);
        queue.pop(now);
        queue.done(&name("a"), Retry::Slowly, now);
        queue.push(&name("a"), now);
        assert_eq!(popped(&mut queue, now).as_deref(), Some("a"));
        assert_eq!(queue.next_due(), None);
    }

    #[test]
    fn but_it_waits_as_long_as_the_server_asked_for() {
        let (mut queue, now, wish) = (Queue::default(), Instant::now(), Duration::from_secs(5));
        queue.push(&name("a"), now);
        queue.pop(now);
        queue.push(&name("a"), now);
        queue.done(&name("a"), Retry::Soon(Some(wish)), now);
        queue.push(&name("a"), now);
        assert_eq!(queue.pop(now), None);
        let due = queue.next_due().unwrap();
        assert!(due >= now + wish);
        assert_eq!(popped(&mut queue, due).as_deref(), Some("a"));
        assert_eq!(queue.pop(due), None, "once");
        queue.done(&name("a"), Retry::Never, due);
        queue.push(&name("a"), due);
        assert_eq!(popped(&mut queue, due).as_deref(), Some("a"));
    }

    #[test]
    fn a_forgotten_name_is_gone() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(&name("a"), now);
        queue.forget(&name("a"));
        assert_eq!(queue.pop(now), None);
        assert!(queue.is_at_rest());
    }
}
