//! What is done about a name from the queue.

use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;

use super::{CONCURRENCY, Loop};
use crate::cluster::class_api::{Classes, DryRun};
use crate::cluster::classes::CacheState;
use crate::cluster::execute::{Pass, Retry, Task, pass};
use crate::cluster::leader::Role;
use crate::cluster::memory::Absence;
use crate::cluster::withheld;
use crate::engine::author::Author;
use crate::engine::defaults::DefaultClass;
use crate::engine::live::Live;
use crate::engine::plan::{Inherit, Step};
use crate::engine::policy::OnReplace;
use crate::engine::protection::{Grip, KindPhase, Use, Word, grip};
use crate::engine::source::Leaving;

impl Loop {
    /// Begins passes as long as there is work and room.
    pub(super) fn start_passes(&mut self) {
        while self.under_way.len() < CONCURRENCY {
            let cache = self.board.cache_state();
            if matches!(cache, CacheState::Unknown | CacheState::Listing(_)) {
                break;
            }
            let now = Instant::now();
            let Some((name, waited)) = self.queue.pop(now) else { break };
            let default = self.default(&name);
            let live = self.board.lock().cache.get(&name).cloned();
            let Some(task) = self.task(&name, default, live.as_deref(), now) else {
                self.queue.done(&name, Retry::Never, now);
                continue;
            };
            let CacheState::Synced(version) = cache else {
                self.finish(&task, &withheld::kind_missing());
                continue;
            };
            if let Some(pass) = self.instead_of_a_pass(&task, live.as_ref(), now) {
                self.finish(&task, &pass);
                continue;
            }
            let manager = self.installation.manager(task.author());
            let classes = Classes::new(self.client.clone(), version, manager, DryRun::No);
            let classes = classes.behind(self.gate.clone());
            self.metrics.ecosystem().begin(waited);
            let work = async move {
                let pass = pass(&classes, &task, live).await;
                (task, pass, now.elapsed())
            };
            self.under_way.push(work.boxed());
        }
        let (added, retried) = self.queue.take_counts();
        self.metrics.ecosystem().note_queue(self.queue.depth(), added, retried);
    }

    /// What is to be done to a class now; `None` for nothing at all.
    fn task(
        &mut self,
        name: &Arc<str>,
        default: Option<Arc<DefaultClass>>,
        live: Option<&Live>,
        now: Instant,
    ) -> Option<Task> {
        if let (Some(live), Role::Leader) = (live, self.role) {
            let word = match &default {
                Some(default) => Word::Described(default),
                None => self.word_on(live, now),
            };
            let author = default.as_ref().map_or(&Author::Platform, |default| &default.author);
            let manager = self.installation.manager(author);
            // First, and whatever stands in the way of everything else.
            let grip = grip(live, word, self.gateways.of(name), self.kind_phase(), &manager);
            if grip.is_none() {
                self.grips.nothing_due(name);
            }
            let is_unmet = |default: &Arc<DefaultClass>| withheld::unmet(default, self.round.as_ref(), None).is_some();
            match grip.filter(|_| self.grips.pause(name, now).is_none()) {
                // Not written to: whatever is there stays, and nothing comes.
                Some(Grip::Hold) if default.as_ref().is_some_and(is_unmet) => {}
                Some(grip) => return Some(Task::Grip(name.clone(), live.uid.clone(), grip)),
                None => {}
            }
        }
        if let Some(default) = default {
            let inherit = self.inherit(&default, live, now);
            return Some(Task::Keep(default, inherit));
        }
        match live.filter(|live| self.installation.applies_to(live)) {
            Some(live) => self.leaver(live, now).map(|(author, leaving)| Task::Leave(name.clone(), author, leaving)),
            // Nothing is left to do about what isn't ours.
            None => Some(Task::Leave(name.clone(), Author::Platform, Leaving::AsMarked)),
        }
    }

    /// What comes of a class that isn't to be written now, whatever its plan.
    fn instead_of_a_pass(&mut self, task: &Task, live: Option<&Arc<Live>>, now: Instant) -> Option<Pass> {
        if let Task::Keep(default, _) = task
            && let Some(pass) = withheld::unmet(default, self.round.as_ref(), live)
        {
            return Some(pass);
        }
        if self.role == Role::Standby {
            return Some(withheld::standby(task, live.cloned(), &self.installation.manager(task.author())));
        }
        if let Task::Keep(default, _) = task {
            if self.kind_phase() == KindPhase::Terminating {
                return Some(withheld::kind_terminating(live.cloned()));
            }
            let absence = if live.is_none() { self.memory.absence(default) } else { Absence::Missing };
            match absence {
                Absence::Missing => {}
                Absence::Deleted => return Some(withheld::stays_deleted()),
                Absence::Unknown => return Some(withheld::names_not_known()),
            }
            if let Some(pause) = self.breaker.pause(default, now) {
                return Some(withheld::fighting(default, live.cloned(), self.installation.platform(), pause));
            }
        }
        self.in_use(task, live)
    }

    /// Whether a class may be taken over that was applied for somebody else: a tenant mustn't take it before the other one's
    /// files are known not to describe it. What the platform describes is the platform's whatever the others say.
    fn inherit(&self, default: &DefaultClass, live: Option<&Live>, now: Instant) -> Inherit {
        match default.author {
            Author::Platform => return Inherit::Everything,
            Author::Tenant(_) => {}
        }
        let mut others = live.into_iter().flat_map(|live| self.installation.authors_of(live));
        let has_kept = |holder: Author| holder != default.author && self.removal.leaving(&holder, now).is_none();
        let is_theirs =
            live.is_some_and(|live| self.installation.authors_of(live).any(|author| author != default.author));
        // Of what is found on the way, and wasn't known before, nothing is known.
        if !is_theirs || others.any(has_kept) { Inherit::Nothing } else { Inherit::Everything }
    }

    /// What comes of a class that was to be deleted, if a Gateway is known to use it.
    fn in_use(&self, task: &Task, live: Option<&Arc<Live>>) -> Option<Pass> {
        // Most tasks never delete, and a plan is made by the pass anyway.
        let may_delete = match task {
            Task::Keep(default, _) => default.policy.on_replace == OnReplace::Recreate,
            Task::Leave(..) => true,
            Task::Release(..) | Task::Grip(..) => false,
        };
        let live = live.filter(|_| may_delete)?;
        match task.plan(Some(&**live), &self.installation.manager(task.author())).step {
            Step::Delete | Step::Replace => {
                self.need_gateways();
                // A deletion asks the server once more; that there is a user is enough not to ask.
                let user = self.gateways.user_of(task.name());
                let user = user.filter(|_| self.gateways.of(task.name()) == Use::Used)?;
                Some(withheld::in_use(user, Some(live.clone())))
            }
            Step::Rest | Step::Create(_) | Step::Apply(..) | Step::Rewrite(_) | Step::Grip(_) => None,
        }
    }
}
