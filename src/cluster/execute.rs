//! One pass over one class: plan, send the plan's step, plan again from the answer, until nothing is left to do. The
//! only place that writes to the cluster.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::class_api::{Classes, DryRun};
use super::error::ApiError;
use super::rewrite::{finalizer, rewrite};
use crate::engine::author::Author;
use crate::engine::defaults::DefaultClass;
use crate::engine::live::{FieldManager, Live};
use crate::engine::managed_fields::ManagedFields;
use crate::engine::outcome::{ClassReport, Outcome, Reason};
use crate::engine::plan::{Force, Inherit, Plan, Step};
use crate::engine::policy::OnDelete;
use crate::engine::protection::{Grip, is_held_by};
use crate::engine::source::Leaving;
use crate::engine::unit::Unit;

/// Steps that a pass may take before it gives way to others. A plan needs two or three.
const MOST_STEPS: usize = 8;

/// What a pass is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Keep a class as its default says.
    Keep(Arc<DefaultClass>, Inherit),
    /// Leave a class that no default names any more, and that was applied for this author.
    Leave(Arc<str>, Author, Leaving),
    /// Give up what was applied of a class for this author, whatever its policy was.
    Release(Arc<str>, Author),
    /// Put our finalizer on the class of this name and uid, or take it off.
    Grip(Arc<str>, Box<str>, Grip),
}

impl Task {
    /// The class's name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::Keep(default, _) => &default.name,
            Self::Leave(name, ..) | Self::Release(name, _) | Self::Grip(name, ..) => name,
        }
    }

    /// Whether another task is the same wish: who may be inherited from is no part of it.
    #[must_use]
    pub fn is_same_wish(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Keep(default, _), Self::Keep(other, _)) => default == other,
            (Self::Keep(..) | Self::Leave(..) | Self::Release(..) | Self::Grip(..), other) => self == other,
        }
    }

    /// Under whose field manager it is done.
    #[must_use]
    pub fn author(&self) -> &Author {
        match self {
            Self::Keep(default, _) => &default.author,
            Self::Leave(_, author, _) | Self::Release(_, author) => author,
            // Whoever the class belongs to: a finalizer is no unit.
            Self::Grip(..) => &Author::Platform,
        }
    }

    /// Whether it is respected that somebody deletes the class.
    fn respects_deletion(&self) -> bool {
        match self {
            Self::Keep(default, _) => default.policy.on_delete == OnDelete::StayDeleted,
            Self::Leave(..) | Self::Release(..) | Self::Grip(..) => false,
        }
    }

    /// Plans the task for what is there.
    #[must_use]
    pub fn plan<'a>(&'a self, live: Option<&'a Live>, manager: &'a FieldManager) -> Plan<'a> {
        match (self, live) {
            (Self::Keep(default, inherit), live) => Plan::inheriting(default, live, manager, *inherit),
            (Self::Leave(.., leaving), Some(live)) => Plan::leave(live, manager, *leaving),
            (Self::Release(..), Some(live)) => Plan::release(live, manager),
            (Self::Grip(_, uid, grip), Some(live)) if live.uid == *uid => Plan::grip(live, *grip),
            // Also of a grip: the class that it was about isn't the one that is there.
            (Self::Grip(..), Some(_)) | (Self::Leave(..) | Self::Release(..) | Self::Grip(..), None) => Plan::gone(),
        }
    }
}

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
    /// The units that other owners keep.
    pub yielded: Box<[Unit]>,
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
    /// When this time is over.
    After(Duration),
    /// Now and then: what was refused may be allowed one day, and nothing tells when.
    Slowly,
}

/// Does its task to one class. `live` may be old: the server tells, and the pass plans anew.
pub async fn pass(classes: &Classes, task: &Task, live: Option<Arc<Live>>) -> Pass {
    let mut progress = Progress { found: live.clone(), live, went: None, started: None, changed: None, message: None };
    let mut sent = None;
    for _ in 0..MOST_STEPS {
        let live = progress.live.clone();
        let plan = task.plan(live.as_deref(), classes.manager());
        if plan.step == Step::Rest {
            return progress.rest(&plan);
        }
        if sent.as_ref() == Some(&plan.step) {
            return progress.not_applied();
        }
        if let (Step::Create(_), Some(went)) = (&plan.step, progress.went.clone())
            && task.respects_deletion()
        {
            return progress.deleted(went);
        }
        progress.started.get_or_insert_with(Instant::now);
        match take(classes, task.name(), &plan.step, live.as_deref()).await {
            Ok(Taken::Answered(answer)) if classes.dry_run() == DryRun::Yes => {
                let is_last = matches!(plan.step, Step::Create(_) | Step::Apply(..));
                let stored = !is_last || task.plan(Some(&answer), classes.manager()).step == Step::Rest;
                return if stored { progress.rest(&plan) } else { progress.not_applied() };
            }
            Ok(Taken::Gone) if classes.dry_run() == DryRun::Yes => return progress.rest(&plan),
            Ok(Taken::Answered(answer)) => {
                progress.change(&plan, Some(Arc::new(answer)));
                sent = Some(plan.step);
            }
            Ok(Taken::Gone) => progress.change(&plan, None),
            Ok(Taken::InUse(gateway)) => {
                let message = format!("it isn't deleted while the Gateway {gateway} uses it");
                return progress.block(Reason::InUse, message);
            }
            Ok(Taken::Outdated(fresh)) => progress.look(fresh.map(|fresh| *fresh)),
            // The server knows better than our copy of the class: look, and plan anew.
            Err(ApiError::FieldConflict { .. } | ApiError::Stale { .. } | ApiError::NotFound { .. }) => {
                match classes.get(task.name()).await {
                    Ok(fresh) => progress.look(fresh),
                    Err(error) => return progress.refused(&error),
                }
            }
            Err(ApiError::UnservedEntry { message }) => match rewrite_versions(classes, task.name(), &message).await {
                // Nothing was stored, so asking again would be answered as before.
                Ok(Some(_)) if classes.dry_run() == DryRun::Yes => return progress.rest(&plan),
                Ok(Some(fresh)) => progress.look(Some(fresh)),
                Ok(None) => return progress.fail(Reason::Invalid, message, Retry::Slowly),
                Err(error) => return progress.refused(&error),
            },
            Err(error) => return progress.refused(&error),
        }
    }
    progress.fail(Reason::Contended, "others kept writing to the class".to_owned(), Retry::Soon(None))
}

/// How a step ended.
enum Taken {
    /// The server has this class now.
    Answered(Live),
    /// The server has no such class now.
    Gone,
    /// It wasn't taken: a Gateway, `namespace/name`, uses the class.
    InUse(String),
    /// It wasn't taken: the class is no longer what the plan was made from.
    Outdated(Option<Box<Live>>),
}

/// Takes one step of a plan.
async fn take(classes: &Classes, name: &str, step: &Step, live: Option<&Live>) -> Result<Taken, ApiError> {
    match (step, live) {
        (Step::Create(intent), _) => classes.apply(name, intent, Force::No).await.map(Taken::Answered),
        (Step::Apply(intent, force), _) => classes.apply(name, intent, *force).await.map(Taken::Answered),
        (Step::Rewrite(how), Some(live)) => Ok(match rewrite(classes, live, how).await? {
            Ok(answer) => Taken::Answered(answer),
            Err(fresh) => Taken::Outdated(fresh.map(Box::new)),
        }),
        (Step::Replace | Step::Delete, Some(live)) => {
            // Read afresh, the class and its Gateways: the watch may be behind, and a deletion can't be taken back.
            let fresh = classes.get(name).await?;
            if fresh.as_ref().is_none_or(|fresh| fresh.resource_version != live.resource_version) {
                return Ok(Taken::Outdated(fresh.map(Box::new)));
            }
            if let Some(gateway) = classes.used_by(name).await? {
                return Ok(Taken::InUse(gateway));
            }
            // Nobody uses it, so nothing is to be held; and who would let go of it once its default is gone?
            let freed = match classes.dry_run() {
                DryRun::No if is_held_by(live, classes.manager()) => {
                    Some(classes.patch(name, finalizer(live, Grip::LetGo)).await?)
                }
                DryRun::No | DryRun::Yes => None,
            };
            classes.delete(freed.as_ref().unwrap_or(live)).await?;
            // Somebody's finalizer may hold it.
            Ok(classes.get(name).await?.map_or(Taken::Gone, Taken::Answered))
        }
        (Step::Grip(grip), Some(live)) => classes.patch(name, finalizer(live, *grip)).await.map(Taken::Answered),
        (Step::Rest, _) | (Step::Rewrite(_) | Step::Replace | Step::Delete | Step::Grip(_), None) => {
            Ok(Taken::Outdated(None))
        }
    }
}

/// Rewrites the entries of a version that isn't served any more, whoever's they are; `None` if there was none.
///
/// Which version that is, only the refusal tells in time: discovery lags behind it.
async fn rewrite_versions(classes: &Classes, name: &str, refusal: &str) -> Result<Option<Live>, ApiError> {
    let Some(raw) = classes.get_raw(name).await? else { return Ok(None) };
    let mut entries = ManagedFields::of(&raw);
    let is_served = |version: &str| !refusal.split_whitespace().any(|word| word == version);
    if !entries.rewrite_versions(classes.version().api_version(), is_served) {
        return Ok(None);
    }
    let version = raw["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    classes.patch(name, entries.patch(version)).await.map(Some)
}

/// A pass under way.
struct Progress {
    found: Option<Arc<Live>>,
    live: Option<Arc<Live>>,
    /// The class as it was before somebody deleted it while the pass was under way.
    went: Option<Arc<Live>>,
    started: Option<Instant>,
    changed: Option<Outcome>,
    message: Option<String>,
}

impl Progress {
    fn look(&mut self, fresh: Option<Live>) {
        let before = std::mem::replace(&mut self.live, fresh.map(Arc::new));
        self.went = if self.live.is_some() { None } else { before.or(self.went.take()) };
        if self.changed.is_none() {
            self.found.clone_from(&self.live);
        }
    }

    fn change(&mut self, plan: &Plan<'_>, live: Option<Arc<Live>>) {
        self.changed.get_or_insert(plan.outcome);
        self.message.clone_from(&plan.message);
        self.live = live;
    }

    fn rest(self, plan: &Plan<'_>) -> Pass {
        Pass {
            outcome: self.changed.unwrap_or(plan.outcome),
            at_rest: if plan.step == Step::Rest { plan.outcome } else { Outcome::Unchanged },
            reason: plan.reason,
            message: plan.message.clone().or(self.message),
            yielded: plan.yielded(),
            found: self.found,
            live: self.live,
            writing: self.started.map(|started| started.elapsed()),
            retry: Retry::Never,
        }
    }

    fn refused(self, error: &ApiError) -> Pass {
        if *error == ApiError::NotLeader {
            return self.leave_to_the_leader();
        }
        if let ApiError::KindMissing { .. } | ApiError::Refused { reason: Reason::CrdTerminating, .. } = error {
            // The watch tells when the kind is there again.
            let pass = self.block(error.reason(), error.to_string());
            return Pass { retry: Retry::Never, ..pass };
        }
        let retry = match error {
            ApiError::FieldConflict { .. } | ApiError::Stale { .. } | ApiError::NotFound { .. } => Retry::Soon(None),
            ApiError::Unavailable { retry_after, .. } => Retry::Soon(*retry_after),
            ApiError::Refused { .. }
            | ApiError::UnservedEntry { .. }
            | ApiError::KindMissing { .. }
            | ApiError::NotLeader => Retry::Slowly,
        };
        self.fail(error.reason(), error.to_string(), retry)
    }

    /// Nothing to be done here, if there is another leader. There may be none: the gate was closed while the Lease couldn't
    /// be renewed in time, and it was renewed later. A standby's next look sends nothing.
    fn leave_to_the_leader(self) -> Pass {
        self.skip("another replica is the leader", Retry::Soon(None))
    }

    /// Whether it stays so is not for this pass to say: that depends on what it was kept as.
    fn deleted(self, went: Arc<Live>) -> Pass {
        let pass = self.skip("somebody deleted it just now", Retry::After(Duration::ZERO));
        Pass { found: Some(went), ..pass }
    }

    fn skip(self, message: &str, retry: Retry) -> Pass {
        let pass = self.fail(Reason::Unavailable, message.to_owned(), retry);
        Pass { outcome: Outcome::Skipped, at_rest: Outcome::Skipped, reason: None, writing: None, ..pass }
    }

    fn not_applied(self) -> Pass {
        let message = "the server took the apply and stored something else; does an admission webhook change \
                       GatewayClasses?";
        self.fail(Reason::NotApplied, message.to_owned(), Retry::Slowly)
    }

    fn block(self, reason: Reason, message: String) -> Pass {
        let pass = self.fail(reason, message, Retry::Soon(None));
        Pass { outcome: Outcome::Blocked, at_rest: Outcome::Blocked, writing: None, ..pass }
    }

    fn fail(self, reason: Reason, message: String, retry: Retry) -> Pass {
        Pass {
            outcome: Outcome::Failed,
            at_rest: Outcome::Failed,
            reason: Some(reason),
            message: Some(message),
            yielded: Box::default(),
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
    pub fn report(&self, task: &Task, manager: &FieldManager) -> ClassReport {
        let found = self.found.as_deref();
        let source = match task {
            Task::Keep(default, _) => Some(default.origin.to_string()),
            Task::Leave(..) | Task::Release(..) | Task::Grip(..) => None,
        };
        ClassReport {
            name: task.name().clone(),
            outcome: self.outcome,
            reason: self.reason,
            message: self.message.clone(),
            source,
            resource_version: self.live.as_ref().map(|live| live.resource_version.clone()),
            units: if self.outcome == Outcome::Skipped {
                // Nothing happens to any of them.
                Vec::new()
            } else {
                task.plan(found, manager).unit_reports(found)
            },
            last_change: None,
        }
    }
}
