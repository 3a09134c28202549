//! What comes of a pass: it is noted, counted, logged and told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use super::Loop;
use crate::cluster::board::{Cause, News};
use crate::cluster::classes::CacheState;
use crate::cluster::events::{Happening, Regarding, Told, obstacle};
use crate::cluster::execute::{Pass, Retry, Task};
use crate::cluster::journal::{Subject, What};
use crate::cluster::leader::Role;
use crate::cluster::withheld;
use crate::engine::author::are_siblings;
use crate::engine::live::{Live, Phase};
use crate::engine::outcome::{Outcome, Reason};
use crate::engine::plan::Inherit;
use crate::engine::protection::{Grip, is_held_by};
use crate::engine::unit::Unit;
use crate::metrics::ReconcileResult;

impl Loop {
    /// Takes in a pass that was under way.
    pub(super) fn finish_pass(&mut self, task: &Task, pass: &Pass, took: Duration) {
        let result = match (pass.outcome, pass.retry) {
            (Outcome::Failed, _) => ReconcileResult::Error,
            (_, Retry::Never) => ReconcileResult::Success,
            (_, Retry::Soon(_) | Retry::Slowly | Retry::After(_)) => ReconcileResult::RequeueAfter,
        };
        self.metrics.ecosystem().end(result, took);
        self.finish(task, pass);
    }

    /// Takes in what came of a class, whether or not anything was sent.
    pub(super) fn finish(&mut self, task: &Task, pass: &Pass) {
        let now = Instant::now();
        if let Task::Grip(name, uid, grip) = task {
            self.finish_grip(name, uid, *grip, pass);
            return;
        }
        // A finalizer that waits for its next try is looked at then.
        let retry = match (self.settling.retry(pass.retry, now), self.grips.pause(task.name(), now)) {
            (Retry::Never, Some(pause)) => Retry::After(pause),
            (retry, _) => retry,
        };
        self.queue.done(task.name(), retry, now);
        if let Task::Keep(..) = task
            && self.default(task.name()).is_none()
        {
            // The default left the files while the pass was under way: the next pass leaves the class.
            self.board.lock().answer(task.name(), pass);
            self.look_for_leavers();
            return;
        }
        if self.role == Role::Leader {
            self.remember(task, pass);
        }
        if let (Task::Keep(default, Inherit::Nothing), Some(live)) = (task, &pass.live)
            && self.installation.authors_of(live).any(|author| author != default.author)
        {
            // Whose the name is may have been decided before it was known who has applied it.
            self.doubt.notify_one();
        }
        let with_failure;
        let pass = match self.grips.failure(task.name()) {
            Some(failure) if pass.message.is_none() => {
                with_failure = Pass { message: Some(failure.to_owned()), ..pass.clone() };
                &with_failure
            }
            Some(_) | None => pass,
        };
        let news = self.board.settle(task, pass);
        if let Some(duration) = pass.writing {
            self.metrics.count_apply(pass.outcome, duration);
        }
        if let Task::Keep(default, _) = task
            && news.changed.is_some()
            // The first write for an intent undoes nobody's.
            && !news.is_first
            && let Some(pause) = self.breaker.rewritten(default, now)
        {
            // As the class was found: what our rewrite took is not in the other one's name any more.
            let pass = withheld::fighting(default, pass.found.clone(), self.installation.platform(), pause);
            self.queue.push(task.name(), now);
            warn!(class = &*default.name, detail = pass.message, "the class is being rewritten again and again");
        }
        if let Task::Keep(default, _) = task
            && default.policy.protect
            && news.changed.is_some()
        {
            // It is ours now, and Gateways may use it already.
            self.queue.push(task.name(), now);
        }
        let (class, outcome) = (&**task.name(), pass.outcome.as_str());
        match news.changed {
            Some(Cause::Drift) => {
                self.metrics.count_repaired_drift();
                info!(class, outcome, "repaired what somebody else changed");
            }
            Some(Cause::Default) => info!(class, outcome, detail = pass.message, "carried out"),
            None if pass.outcome == Outcome::Failed => {
                warn!(
                    class,
                    reason = pass.reason.map(Reason::as_str),
                    detail = pass.message,
                    "the class can't be kept"
                );
            }
            None => debug!(class, outcome, detail = pass.message, "nothing to do"),
        }
        if self.role == Role::Leader {
            self.tell(task, pass, &news);
        }
    }

    /// Keeps in mind what must be known when the class is gone.
    fn remember(&mut self, task: &Task, pass: &Pass) {
        match task {
            Task::Keep(default, _) => match pass.live.as_deref() {
                Some(live) if live.phase == Phase::Present => {
                    // Of another controller, it isn't yet what the default says. We may delete it ourselves, and the
                    // answer may be lost: nobody's wish that it stay away.
                    if live.units.get(&Unit::ControllerName) == default.units.get(&Unit::ControllerName) {
                        self.memory.is_there(default);
                    }
                    if is_held_by(live, self.installation.platform()) {
                        self.grips.is_on(&default.name);
                    }
                }
                // We deleted it, to create it anew: nobody's wish that it stay away.
                Some(_) if pass.outcome == Outcome::Recreated => self.forget(task.name()),
                // And so if it is gone since, unless it was somebody else, while the pass was under way.
                None if pass.found.is_some() && pass.outcome != Outcome::Skipped => self.forget(task.name()),
                Some(_) => {}
                None => self.grips.forget(task.name()),
            },
            // Its default left while the program was down: what was known of it is not known of the next one.
            Task::Leave(name, ..) => self.forget(name),
            Task::Release(..) | Task::Grip(..) => {}
        }
    }

    /// Drops what was known of a class that is gone or not ours any more.
    fn forget(&mut self, name: &str) {
        self.memory.forget(name);
        self.grips.forget(name);
    }

    fn finish_grip(&mut self, name: &Arc<str>, uid: &str, grip: Grip, pass: &Pass) {
        let now = Instant::now();
        match &pass.live {
            Some(_) => self.board.lock().answer(name, pass),
            None => self.board.lock().cache.answer_gone(name, uid),
        }
        if let Some(duration) = pass.writing {
            self.metrics.count_apply(pass.outcome, duration);
        }
        if pass.outcome == Outcome::Configured {
            self.note_grip(name, grip, pass.live.as_deref(), now);
        } else if pass.outcome == Outcome::Failed {
            let message = pass.message.as_deref().unwrap_or_default();
            warn!(
                class = &**name,
                reason = pass.reason.map(Reason::as_str),
                detail = message,
                "the finalizer can't be changed"
            );
            self.grips.failed(name, format!("the finalizer can't be changed: {message}"), now);
        } else if pass.outcome != Outcome::Unchanged {
            self.grips.later(name, now);
        }
        if let Retry::Soon(Some(_)) = pass.retry {
            // The server wants to be left alone.
            self.queue.done(name, pass.retry, now);
            return;
        }
        // What else there is to do comes now, also if this failed.
        self.queue.done(name, Retry::Never, now);
        self.queue.push(name, now);
    }

    fn note_grip(&mut self, name: &Arc<str>, grip: Grip, live: Option<&Live>, now: Instant) {
        let was_held = match grip {
            Grip::Hold => self.grips.put(name, now),
            Grip::LetGo => {
                self.grips.forget(name);
                true
            }
        };
        let (what, note) = match grip {
            Grip::Hold if was_held => {
                self.metrics.count_repaired_drift();
                (Happening::DriftRepaired, "put back the finalizer that somebody took off")
            }
            Grip::Hold => (Happening::Configured, "holds the class by a finalizer, since Gateways use it"),
            Grip::LetGo => (Happening::Configured, "took the finalizer off"),
        };
        info!(class = &**name, "{note}");
        self.tell_of(name, live, what, note.to_owned());
    }

    /// Tells the news of a pass: one Event for a change, and one for what is left to others. What no Event tells stands in
    /// the journal alone.
    fn tell(&self, task: &Task, pass: &Pass, news: &News) {
        let (name, class) = (task.name(), pass.live.as_deref().or(pass.found.as_deref()));
        // A class that was as wanted when the program began is no news.
        let became = || news.is_new && (news.before.is_some() || pass.at_rest != Outcome::Unchanged);
        if let Some(what) = happening(pass.outcome, news) {
            self.tell_of(name, class, what, self.note(what, task, pass));
        } else if became() {
            let note = obstacle(pass.reason, pass.message.as_deref());
            self.events.note(Subject::Class(name.clone()), What::Became(pass.at_rest), &note);
        }
        if !news.yielded.is_empty() {
            let owners = |unit: &Unit| {
                let owners = class.into_iter().flat_map(|class| class.owners(unit)).map(|owner| &*owner.name);
                let is_other = |name: &&str| !are_siblings(name, self.installation.platform().as_str());
                let others: Vec<_> = owners.filter(is_other).collect();
                format!("{unit} ({})", others.join(", "))
            };
            let units: Vec<_> = news.yielded.iter().map(owners).collect();
            self.tell_of(name, class, Happening::FieldsYielded, format!("left to their owners: {}", units.join(", ")));
        }
    }

    /// What an Event says beside its reason. Units are named, values never are.
    fn note(&self, what: Happening, task: &Task, pass: &Pass) -> String {
        let units = || {
            let manager = self.installation.manager(task.author());
            let plan = task.plan(pass.found.as_deref(), &manager);
            plan.changed().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let source = match task {
            Task::Keep(default, _) => format!("as {} says", default.origin),
            Task::Leave(..) | Task::Release(..) | Task::Grip(..) => String::new(),
        };
        let message = pass.message.as_deref().unwrap_or_default();
        match what {
            Happening::Created if pass.outcome == Outcome::Recreated => format!("deleted and created anew, {source}"),
            Happening::Created => source,
            Happening::DriftRepaired if pass.found.is_none() => format!("created again, {source}"),
            Happening::DriftRepaired => format!("put back {}, {source}", units()),
            Happening::Configured => format!("set {}, {source}", units()),
            Happening::Adopted => format!("took over {}, {source}", units()),
            Happening::Released if message.is_empty() => "its default is gone; its values stay".to_owned(),
            Happening::Released => message.to_owned(),
            Happening::Deleted => "its default is gone".to_owned(),
            Happening::Blocked | Happening::Fighting => obstacle(pass.reason, pass.message.as_deref()),
            Happening::FieldsYielded | Happening::DefaultsAccepted | Happening::DefaultsRejected => String::new(),
        }
    }

    fn tell_of(&self, name: &Arc<str>, class: Option<&Live>, what: Happening, note: String) {
        self.events.note(Subject::Class(name.clone()), What::Told(what), &note);
        // An Event needs an object; and without a version there is none.
        let (Some(class), CacheState::Synced(version)) = (class, self.board.cache_state()) else { return };
        let regarding = Regarding::Class { name: class.name.clone(), uid: class.uid.clone(), version };
        self.events.tell(Told { what, regarding, note });
    }
}

/// What there is to tell of a pass, if anything: one Event for a change, and none for each further pass.
fn happening(outcome: Outcome, news: &News) -> Option<Happening> {
    let changed = |what| match news.changed? {
        Cause::Drift => Some(Happening::DriftRepaired),
        Cause::Default => Some(what),
    };
    match outcome {
        Outcome::Created | Outcome::Recreated => changed(Happening::Created),
        Outcome::Configured => changed(Happening::Configured),
        Outcome::Adopted => changed(Happening::Adopted),
        Outcome::Released => changed(Happening::Released),
        Outcome::Deleted => changed(Happening::Deleted),
        Outcome::Blocked => news.is_new.then_some(Happening::Blocked),
        Outcome::Fighting => news.is_new.then_some(Happening::Fighting),
        Outcome::Unchanged
        | Outcome::Conflict
        | Outcome::Paused
        | Outcome::Skipped
        | Outcome::Observed
        | Outcome::Failed => None,
    }
}
