//! The board: what is known of each class and what came of it, shared by the controller that writes it and the
//! pages that show it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::jiff::Timestamp;

use super::classes::{CacheState, ClassCache};
use super::execute::Pass;
use crate::engine::defaults::{DefaultClass, Defaults};
use crate::engine::live::{FieldManager, Live};
use crate::engine::outcome::{ClassReport, LastChange, Outcome, Reason, Report};
use crate::engine::plan::Plan;
use crate::metrics::Metrics;

/// What is known of each class, and what came of it.
#[derive(Debug)]
pub struct Board {
    manager: FieldManager,
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
    verdicts: HashMap<Arc<str>, Verdict>,
}

/// What came of a class's last pass.
#[derive(Clone, Debug)]
struct Verdict {
    outcome: Outcome,
    reason: Option<Reason>,
    message: Option<String>,
    yielded: usize,
    default: Arc<DefaultClass>,
    last_change: Option<LastChange>,
}

/// Why a pass changed a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its default is new or changed.
    Default,
    /// The class had been as wanted, until somebody changed or deleted it.
    Drift,
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new(manager: FieldManager, metrics: Arc<Metrics>) -> Self {
        Self { manager, metrics, state: Mutex::default() }
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

    /// Notes what came of a pass; says why it changed the class, if it did.
    pub fn settle(&self, default: &Arc<DefaultClass>, pass: &Pass) -> Option<Cause> {
        let mut state = self.lock();
        if let Some(live) = &pass.live {
            state.cache.answer(live.clone());
        }
        let before = state.verdicts.get(&default.name);
        let was_as_wanted =
            before.is_some_and(|before| before.default == *default && before.outcome == Outcome::Unchanged);
        let cause = if was_as_wanted { Cause::Drift } else { Cause::Default };
        let changed = pass.outcome.is_change();
        let last_change = if changed {
            Some(LastChange { outcome: pass.outcome, time: Timestamp::now() })
        } else {
            before.and_then(|before| before.last_change)
        };
        let verdict = Verdict {
            outcome: pass.at_rest,
            reason: pass.reason,
            message: pass.message.clone(),
            yielded: pass.yielded,
            default: default.clone(),
            last_change,
        };
        let before = state.verdicts.insert(default.name.clone(), verdict);
        drop(state);
        self.metrics.move_class(before.as_ref().map(|before| before.outcome), Some(pass.at_rest));
        let yielded = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.add_yielded(yielded(pass.yielded) - yielded(before.map_or(0, |before| before.yielded)));
        changed.then_some(cause)
    }

    /// Drops what came of a class whose default is gone.
    pub fn forget(&self, name: &str) {
        let before = self.lock().verdicts.remove(name);
        if let Some(before) = before {
            self.metrics.move_class(Some(before.outcome), None);
            self.metrics.add_yielded(-i64::try_from(before.yielded).unwrap_or(0));
        }
    }

    /// The report on all classes: units and owners as they are now, planned anew from what is known.
    #[must_use]
    pub fn report(&self) -> Report {
        let classes: BTreeMap<_, _> = {
            let state = self.lock();
            let defaults = state.defaults.iter().flat_map(|defaults| defaults.iter());
            let entry = |default: &Arc<DefaultClass>| {
                let verdict = state.verdicts.get(&default.name).cloned();
                (default.name.clone(), (default.clone(), state.cache.get(&default.name).cloned(), verdict))
            };
            defaults.map(entry).collect()
        };
        classes
            .into_values()
            .filter_map(|(default, live, verdict)| Some(self.class(&default, live.as_deref(), verdict?)))
            .collect()
    }

    fn class(&self, default: &DefaultClass, live: Option<&Live>, verdict: Verdict) -> ClassReport {
        ClassReport {
            name: default.name.clone(),
            outcome: verdict.outcome,
            reason: verdict.reason,
            message: verdict.message,
            source: Some(default.origin.to_string()),
            resource_version: live.map(|live| live.resource_version.clone()),
            units: Plan::new(default, live, &self.manager).unit_reports(live),
            last_change: verdict.last_change,
        }
    }
}
