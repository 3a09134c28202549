//! One pass over one class: plan, send the plan's step, plan again from the answer, until nothing is left to do. The
//! only place that writes to the cluster.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::api::{Classes, DryRun};
use super::error::ApiError;
use crate::engine::defaults::DefaultClass;
use crate::engine::live::{FieldManager, Live};
use crate::engine::outcome::{ClassReport, Outcome, Reason};
use crate::engine::plan::{Force, Plan, Step};

/// Requests that a pass may send before it gives way to others. A plan needs two or three.
const MOST_STEPS: usize = 8;

/// What came of one pass over one class.
#[derive(Clone, Debug)]
pub struct Pass {
    /// What came of the class.
    pub outcome: Outcome,
    /// What the class's state is from now on: [`Outcome::Unchanged`] after a change that succeeded.
    pub at_rest: Outcome,
    /// Why, where the outcome alone doesn't say.
    pub reason: Option<Reason>,
    /// For people: the server's words, or what stands in the way.
    pub message: Option<String>,
    /// The class as the first step that succeeded found it.
    pub found: Option<Arc<Live>>,
    /// The class as the server last answered it; `None` if it isn't there.
    pub live: Option<Arc<Live>>,
    /// How many units other owners keep.
    pub yielded: usize,
    /// How long the pass took, if it sent a write.
    pub writing: Option<Duration>,
    /// When to try again without a new reason.
    pub retry: Retry,
}

/// When to try a class again without a new reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never: it is as it should be, or waits for a change that the watch reports.
    Never,
    /// Soon, then ever later; not before this time is over, if the server said so.
    Soon(Option<Duration>),
    /// Now and then: what was refused may be allowed one day, and nothing tells when.
    Slowly,
}

/// Does to one class what its default asks for. `live` may be old: the server tells, and the pass plans anew.
pub async fn pass(classes: &Classes, default: &DefaultClass, live: Option<Arc<Live>>) -> Pass {
    let mut progress = Progress { found: live.clone(), live, started: None, changed: None };
    let mut sent = None;
    for _ in 0..MOST_STEPS {
        let live = progress.live.clone();
        let plan = Plan::new(default, live.as_deref(), classes.manager());
        let (intent, force) = match &plan.step {
            Step::Rest => return progress.rest(&plan),
            Step::Create(intent) => (intent, Force::No),
            Step::Apply(intent, force) => (intent, *force),
        };
        if sent.as_ref() == Some(&plan.step) {
            let message = "the server took the apply and stored something else; does an admission webhook change \
                           GatewayClasses?";
            return progress.fail(Reason::NotApplied, message.to_owned(), Retry::Slowly);
        }
        progress.started.get_or_insert_with(Instant::now);
        match classes.apply(&default.name, intent, force).await {
            Ok(_) if classes.dry_run() == DryRun::Yes => return progress.rest(&plan),
            Ok(answer) => {
                progress.changed.get_or_insert(plan.outcome);
                progress.live = Some(Arc::new(answer));
                sent = Some(plan.step);
            }
            // The server knows better than our copy of the class: look, and plan anew.
            Err(ApiError::FieldConflict { .. } | ApiError::Stale { .. } | ApiError::NotFound { .. }) => {
                match classes.get(&default.name).await {
                    Ok(fresh) => progress.look(fresh),
                    Err(error) => return progress.refused(&error),
                }
            }
            Err(error) => return progress.refused(&error),
        }
    }
    progress.fail(Reason::Contended, "others kept writing to the class".to_owned(), Retry::Soon(None))
}

/// A pass under way.
struct Progress {
    found: Option<Arc<Live>>,
    live: Option<Arc<Live>>,
    started: Option<Instant>,
    changed: Option<Outcome>,
}

impl Progress {
    fn look(&mut self, fresh: Option<Live>) {
        self.live = fresh.map(Arc::new);
        if self.changed.is_none() {
            self.found.clone_from(&self.live);
        }
    }

    fn rest(self, plan: &Plan<'_>) -> Pass {
        Pass {
            outcome: self.changed.unwrap_or(plan.outcome),
            at_rest: plan.outcome,
            reason: plan.reason,
            message: plan.message.clone(),
            yielded: plan.yielded(),
            found: self.found,
            live: self.live,
            writing: self.started.map(|started| started.elapsed()),
            retry: Retry::Never,
        }
    }

    fn refused(self, error: &ApiError) -> Pass {
        let retry = match error {
            ApiError::FieldConflict { .. } | ApiError::Stale { .. } | ApiError::NotFound { .. } => Retry::Soon(None),
            ApiError::Unavailable { retry_after, .. } => Retry::Soon(*retry_after),
            ApiError::Refused { .. } | ApiError::KindMissing { .. } => Retry::Slowly,
        };
        self.fail(error.reason(), error.to_string(), retry)
    }

    fn fail(self, reason: Reason, message: String, retry: Retry) -> Pass {
        Pass {
            outcome: Outcome::Failed,
            at_rest: Outcome::Failed,
            reason: Some(reason),
            message: Some(message),
            yielded: 0,
            found: self.found,
            live: self.live,
            writing: self.started.map(|started| started.elapsed()),
            retry,
        }
    }
}

impl Pass {
    /// The pass as reports show it: each unit as it was found, and what was done about it.
    #[must_use]
    pub fn report(&self, default: &DefaultClass, manager: &FieldManager) -> ClassReport {
        let found = self.found.as_deref();
        ClassReport {
            name: default.name.clone(),
            outcome: self.outcome,
            reason: self.reason,
            message: self.message.clone(),
            source: Some(default.origin.to_string()),
            resource_version: self.live.as_ref().map(|live| live.resource_version.clone()),
            units: Plan::new(default, found, manager).unit_reports(found),
            last_change: None,
        }
    }
}
