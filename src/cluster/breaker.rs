//! The breaker: stops rewriting a class that somebody else rewrites as often. Pure: time is passed in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::defaults::DefaultClass;

/// More rewrites than this for one intent, within [`WINDOW`], are a fight.
const MOST_REWRITES: usize = 5;
const WINDOW: Duration = Duration::from_mins(1);
/// How long to back off from the first fight; from each next one twice as long.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(30);
/// A fight is over after this time without a rewrite.
const PEACE: Duration = Duration::from_mins(10);

/// Who rewrote what how often. Its size is bounded by the number of classes that are being rewritten.
#[derive(Debug, Default)]
pub struct Breaker {
    classes: HashMap<Arc<str>, Rewrites>,
}

#[derive(Debug)]
struct Rewrites {
    intent: Arc<DefaultClass>,
    times: VecDeque<Instant>,
    fights: u32,
    paused_until: Option<Instant>,
}

impl Breaker {
    /// How long to leave a class alone; `None` if it may be written.
    pub fn pause(&mut self, intent: &Arc<DefaultClass>, now: Instant) -> Option<Duration> {
        let rewrites = self.classes.get(&intent.name)?;
        // A pause, in which nothing could be rewritten, proves nothing.
        let last = rewrites.times.back().copied().max(rewrites.paused_until);
        let quiet = last.is_none_or(|last| last + PEACE <= now);
        // A new intent ends a fight: what the other one objected to may be gone.
        if rewrites.intent != *intent || quiet {
            self.classes.remove(&intent.name);
            return None;
        }
        rewrites.paused_until?.checked_duration_since(now).filter(|pause| !pause.is_zero())
    }

    /// Notes that a class was rewritten for an intent; how long to leave it alone, if that was once too often.
    pub fn rewritten(&mut self, intent: &Arc<DefaultClass>, now: Instant) -> Option<Duration> {
        let new = || Rewrites { intent: intent.clone(), times: VecDeque::new(), fights: 0, paused_until: None };
        let rewrites = self.classes.entry(intent.name.clone()).or_insert_with(new);
        if rewrites.intent != *intent {
            *rewrites = new();
        }
        rewrites.times.push_back(now);
        while rewrites.times.front().is_some_and(|first| *first + WINDOW < now) {
            rewrites.times.pop_front();
        }
        // After a pause one rewrite is a try: if it is undone, the other one hasn't given up.
        let allowed = if rewrites.fights == 0 { MOST_REWRITES } else { 1 };
        if rewrites.times.len() <= allowed {
            return None;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << rewrites.fights.min(8)).min(LONGEST_PAUSE);
        rewrites.fights += 1;
        rewrites.paused_until = Some(now + pause);
        rewrites.times.clear();
        Some(pause)
    }

    /// Drops a class.
    pub fn forget(&mut self, name: &str) {
        self.classes.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::author::Author;
    use crate::engine::defaults::Origin;
    use crate::engine::policy::Policy;
    use crate::engine::unit::{Unit, Units};

    fn intent(description: &str) -> Arc<DefaultClass> {
        let units: Units = [(Unit::Description, description.into())].into_iter().collect();
        let origin = Origin { file: "a.yaml".into(), line: 1 };
        Arc::new(DefaultClass {
            name: "a".into(),
            units,
            policy: Policy::default(),
            when: None,
            author: Author::Platform,
            origin,
        })
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Rewrites as often as allowed within a few seconds, and once more.
    fn fight(breaker: &mut Breaker, start: Instant) -> Option<Duration> {
        (0..=MOST_REWRITES as u64).map(|turn| breaker.rewritten(&intent("a"), start + seconds(turn))).last().flatten()
    }

    #[test]
    fn five_rewrites_a_minute_are_no_fight_and_six_are() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for turn in 0..5 {
            assert_eq!(breaker.rewritten(&intent("a"), now + seconds(turn)), None);
        }
        assert_eq!(breaker.pause(&intent("a"), now + seconds(5)), None);
        assert_eq!(breaker.rewritten(&intent("a"), now + seconds(5)), Some(FIRST_PAUSE));
        assert_eq!(breaker.pause(&intent("a"), now + seconds(15)), Some(seconds(50)));
        assert_eq!(breaker.pause(&intent("a"), now + seconds(65)), None);
    }

    #[test]
    fn slow_rewrites_are_no_fight() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for turn in 0..100 {
            assert_eq!(breaker.rewritten(&intent("a"), now + seconds(15 * turn)), None);
        }
    }

    #[test]
    fn pauses_double_up_to_half_an_hour_while_the_other_doesn_t_give_up() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        let mut now = start + seconds(5);
        let mut pause = fight(&mut breaker, start).unwrap();
        for _ in 0..8 {
            now += pause;
            assert_eq!(breaker.pause(&intent("a"), now), None, "one try");
            assert_eq!(breaker.rewritten(&intent("a"), now), None);
            now += seconds(1);
            let next = breaker.rewritten(&intent("a"), now).unwrap();
            assert_eq!(next, (pause * 2).min(LONGEST_PAUSE));
            pause = next;
        }
        assert_eq!(pause, LONGEST_PAUSE);
    }

    #[test]
    fn a_new_intent_or_ten_quiet_minutes_end_a_fight() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        fight(&mut breaker, now).unwrap();
        assert_eq!(breaker.pause(&intent("b"), now + seconds(6)), None);
        assert_eq!(breaker.pause(&intent("a"), now + seconds(6)), None, "the fight was over");
        fight(&mut breaker, now).unwrap();
        let later = now + seconds(5) + FIRST_PAUSE + PEACE;
        assert_eq!(breaker.pause(&intent("a"), later), None);
        assert_eq!(fight(&mut breaker, later), Some(FIRST_PAUSE), "and begins anew");
    }
}
