//! The board: what is known of each class and what came of it, shared by the controller that writes it and the
//! pages that show it.

pub mod listing;
pub mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::jiff::Timestamp;

use super::classes::{CacheState, ClassCache, Effect};
use super::execute::{Pass, Task};
use super::watch::Seen;
use crate::engine::author::Installation;
use crate::engine::defaults::{DefaultClass, Defaults};
use crate::engine::live::{Live, Pools};
use crate::engine::outcome::{ClassReport, LastChange, Outcome, Reason, Report};
use crate::engine::unit::Unit;
use crate::metrics::Metrics;

/// What is known of each class, and what came of it.
#[derive(Debug)]
pub struct Board {
    installation: Installation,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

/// The board's content.
#[derive(Debug, Default)]
pub struct State {
    /// The classes of the cluster.
    pub cache: ClassCache,
    /// The defaults in force; `None` before the first good load.
    pub defaults: Option<Arc<Defaults>>,
    verdicts: BTreeMap<Arc<str>, Verdict>,
    pools: Pools,
}

/// What came of a class's last pass.
#[derive(Clone, Debug)]
struct Verdict {
    task: Task,
    outcome: Outcome,
    reason: Option<Reason>,
    message: Option<String>,
    yielded: Box<[Unit]>,
    last_change: Option<LastChange>,
}

/// Why a pass changed a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its default is new, changed or gone.
    Default,
    /// The class had been as wanted, until somebody changed or deleted it.
    Drift,
}

/// What of a pass is news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Why the pass changed the class, if it did.
    pub changed: Option<Cause>,
    /// Whether this was the first pass for what is wanted.
    pub is_first: bool,
    /// What the class was reported as before, if it was.
    pub before: Option<Outcome>,
    /// Whether the class was reported otherwise before.
    pub is_new: bool,
    /// The units that other owners keep and that weren't theirs before.
    pub yielded: Vec<Unit>,
}

impl State {
    /// Takes in what the watch saw.
    pub fn see(&mut self, mut seen: Seen) -> Effect {
        match &mut seen {
            Seen::Item(live) | Seen::Changed(live) => self.share(live),
            Seen::KindMissing(_) | Seen::Listing(_) | Seen::Listed | Seen::Deleted { .. } => {}
        }
        self.cache.see(seen)
    }

    /// Takes in what a pass found out: the class as the server last answered it, or that it is gone. The watch tells it
    /// too, and may be late.
    pub fn answer(&mut self, name: &str, pass: &Pass) {
        match (&pass.live, &pass.found) {
            (Some(live), _) => {
                let mut live = live.clone();
                self.share(&mut live);
                self.cache.answer(live);
            }
            (None, Some(found)) => self.cache.answer_gone(name, &found.uid),
            (None, None) => {}
        }
    }

    /// Puts defaults in force; returns those that were.
    pub fn load(&mut self, new: &Arc<Defaults>) -> Arc<Defaults> {
        let old = self.defaults.replace(new.clone()).unwrap_or_default();
        let is_same = |new: &Arc<DefaultClass>| old.get(&new.name).is_some_and(|old| Arc::ptr_eq(old, new));
        for default in new.iter().filter(|default| !is_same(default)) {
            if let Some(live) = self.cache.get_mut(&default.name) {
                Arc::make_mut(live).share(Some(default), &mut self.pools);
            }
        }
        old
    }

    fn share(&mut self, live: &mut Arc<Live>) {
        let default = self.defaults.as_ref().and_then(|defaults| defaults.get(&live.name));
        Arc::make_mut(live).share(default.map(|default| &**default), &mut self.pools);
    }

    /// Whether something came of a class that is still told.
    #[must_use]
    pub fn is_reported(&self, name: &str) -> bool {
        self.verdicts.contains_key(name)
    }
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new(installation: Installation, metrics: Arc<Metrics>) -> Self {
        Self { installation, metrics, state: Mutex::default() }
    }

    /// The content, locked. Hold it shortly, and never across an await.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves whole values behind: each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the watch cache can be trusted.
    #[must_use]
    pub fn cache_state(&self) -> CacheState {
        self.lock().cache.state()
    }

    /// Notes what came of a pass; says what of it is news.
    pub fn settle(&self, task: &Task, pass: &Pass) -> News {
        let mut state = self.lock();
        state.answer(task.name(), pass);
        let before = state.verdicts.get(task.name());
        let was_as_wanted =
            before.is_some_and(|before| before.task.is_same_wish(task) && before.outcome == Outcome::Unchanged);
        let cause = if was_as_wanted { Cause::Drift } else { Cause::Default };
        let changed = pass.outcome.is_change();
        let last_change = if changed {
            Some(LastChange { outcome: pass.outcome, time: Timestamp::now() })
        } else {
            before.and_then(|before| before.last_change)
        };
        let verdict = Verdict {
            task: task.clone(),
            outcome: pass.at_rest,
            reason: pass.reason,
            message: pass.message.clone(),
            yielded: pass.yielded.clone(),
            last_change,
        };
        let is_new = before.is_none_or(|before| before.outcome != pass.at_rest || before.reason != pass.reason);
        let known = before.map(|before| &before.yielded);
        // What was yielded before the start is no news, unless the class was written for the first time just now.
        let is_known = |unit: &Unit| known.map_or(!changed, |known| known.contains(unit));
        let news = News {
            changed: changed.then_some(cause),
            is_first: before.is_none_or(|before| before.task != *task),
            before: before.map(|before| before.outcome),
            is_new,
            yielded: pass.yielded.iter().filter(|&unit| !is_known(unit)).cloned().collect(),
        };
        let has_left = matches!(task, Task::Leave(..)) && pass.at_rest == Outcome::Unchanged;
        let before = if has_left {
            state.verdicts.remove(task.name())
        } else {
            state.verdicts.insert(task.name().clone(), verdict)
        };
        drop(state);
        self.count(before.as_ref(), (!has_left).then_some((pass.at_rest, pass.yielded.len())));
        news
    }

    /// Drops what came of a class that is none of ours any more.
    pub fn forget(&self, name: &str) {
        let before = self.lock().verdicts.remove(name);
        self.count(before.as_ref(), None);
    }

    fn count(&self, before: Option<&Verdict>, now: Option<(Outcome, usize)>) {
        let count = |count: Option<usize>| i64::try_from(count.unwrap_or(0)).unwrap_or(i64::MAX);
        self.metrics.move_class(before.map(|before| before.outcome), now.map(|(outcome, _)| outcome));
        let yielded = count(now.map(|(_, yielded)| yielded)) - count(before.map(|before| before.yielded.len()));
        self.metrics.add_yielded(yielded);
    }

    /// The report on all classes: units and owners as they are now, planned anew from what is known.
    #[must_use]
    pub fn report(&self) -> Report {
        let classes: Vec<(Verdict, Option<Arc<Live>>)> = {
            let state = self.lock();
            let with_live = |(name, verdict): (&Arc<str>, &Verdict)| (verdict.clone(), state.cache.get(name).cloned());
            state.verdicts.iter().map(with_live).collect()
        };
        classes.into_iter().map(|(verdict, live)| self.class(verdict, live.as_deref())).collect()
    }

    fn class(&self, verdict: Verdict, live: Option<&Live>) -> ClassReport {
        let Verdict { task, outcome, reason, message, last_change, yielded: _ } = verdict;
        let source = match &task {
            Task::Keep(default, _) => Some(default.origin.to_string()),
            Task::Leave(..) | Task::Release(..) | Task::Grip(..) => None,
        };
        ClassReport {
            name: task.name().clone(),
            outcome,
            reason,
            message,
            source,
            resource_version: live.map(|live| live.resource_version.clone()),
            units: if outcome == Outcome::Skipped {
                // Nothing happens to any of them.
                Vec::new()
            } else {
                task.plan(live, &self.installation.manager(task.author())).unit_reports(live)
            },
            last_change,
        }
    }
}
