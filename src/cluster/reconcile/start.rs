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
use crate::engine::defaults::DefaultClass;
use crate::engine::live::Live;
use crate::engine::plan::Step;
use crate::engine::policy::OnReplace;
use crate::engine::protection::{Grip, KindPhase, Use, Word, grip};

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
            let classes = Classes::new(self.client.clone(), version, self.manager.clone(), DryRun::No);
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
        let may_leave = self.removal.is_open(now);
        if let (Some(live), Role::Leader) = (live, self.role) {
            let word = match &default {
                Some(default) => Word::Described(default),
                None if may_leave => Word::Gone,
                None => Word::NotYetKnown,
            };
            // First, and whatever stands in the way of everything else.
            let grip = grip(live, word, self.gateways.of(name), self.kind_phase(), &self.manager);
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
        match default {
            Some(default) => Some(Task::Keep(default)),
            // Nothing is left to do about what isn't ours.
            None if may_leave || !live.is_some_and(|live| self.is_ours(live)) => Some(Task::Leave(name.clone())),
            None => None,
        }
    }

    /// What comes of a class that isn't to be written now, whatever its plan.
    fn instead_of_a_pass(&mut self, task: &Task, live: Option<&Arc<Live>>, now: Instant) -> Option<Pass> {
        if let Task::Keep(default) = task
            && let Some(pass) = withheld::unmet(default, self.round.as_ref(), live)
        {
            return Some(pass);
        }
        if self.role == Role::Standby {
            return Some(withheld::standby(task, live.cloned(), &self.manager));
        }
        if let Task::Keep(default) = task {
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
                return Some(withheld::fighting(default, live.cloned(), &self.manager, pause));
            }
        }
        self.in_use(task, live)
    }

    /// What comes of a class that was to be deleted, if a Gateway is known to use it.
    fn in_use(&self, task: &Task, live: Option<&Arc<Live>>) -> Option<Pass> {
        // Most tasks never delete, and a plan is made by the pass anyway.
        let may_delete = match task {
            Task::Keep(default) => default.policy.on_replace == OnReplace::Recreate,
            Task::Leave(_) => true,
            Task::Release(_) | Task::Grip(..) => false,
        };
        let live = live.filter(|_| may_delete)?;
        match task.plan(Some(&**live), &self.manager).step {
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
