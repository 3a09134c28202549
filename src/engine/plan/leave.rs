//! Plans for a class that no default names any more. What is ours is found in its `managedFields` alone.

use super::{Plan, Rewrite, Step};
use crate::engine::annotations::{ON_REMOVE, ON_REMOVE_DELETE, Reconcile};
use crate::engine::live::{FieldManager, Live, Manager, Phase};
use crate::engine::outcome::{Outcome, Reason};
use crate::engine::protection::is_held_by;
use crate::engine::source::Leaving;
use crate::engine::unit::Unit;

impl<'a> Plan<'a> {
    /// Plans to give up what is ours of a class, whatever its policy was.
    #[must_use]
    pub fn release(live: &Live, manager: &FieldManager) -> Self {
        let is_ours = |entry: &Manager| *entry.name == *manager.as_str() && entry.subresource.is_none();
        if !live.managers.iter().any(is_ours) && !is_held_by(live, manager) {
            return Self::gone();
        }
        Self { step: Step::Rewrite(Rewrite::Release), outcome: Outcome::Released, ..Self::gone() }
    }

    /// Nothing is left to do about a class that isn't there.
    #[must_use]
    pub fn gone() -> Self {
        Self { step: Step::Rest, outcome: Outcome::Unchanged, reason: None, message: None, units: Vec::new() }
    }

    /// Plans the leave of a class that no default names any more. What is ours is found in `managedFields` alone.
    #[must_use]
    pub fn leave(live: &'a Live, manager: &FieldManager, leaving: Leaving) -> Self {
        let rest = |outcome, reason, message: Option<String>| Self::at_rest(outcome, reason, message, Vec::new());
        let Some(ours) = live.applied_by(manager) else { return Self::gone() };
        if live.phase == Phase::Terminating {
            return rest(Outcome::Blocked, Some(Reason::Terminating), Some("the class is being deleted".to_owned()));
        }
        match Reconcile::of(live) {
            Reconcile::Enabled => {}
            Reconcile::Disabled => return rest(Outcome::Paused, None, None),
            Reconcile::Malformed(message) => return rest(Outcome::Paused, None, Some(message)),
        }
        let on_remove = Unit::annotation(ON_REMOVE);
        let is_marked = live.annotation(ON_REMOVE) == Some(ON_REMOVE_DELETE) && ours.of(&on_remove).is_some();
        let delete = is_marked && leaving == Leaving::AsMarked;
        let is_foreign = |owner: &&Manager| {
            *owner.name != *manager.as_str() && owner.subresource.is_none() && owner.fields.units().next().is_some()
        };
        let foreign = live.managers.iter().find(is_foreign);
        let (step, outcome, message) = match (delete, foreign) {
            (true, None) => (Step::Delete, Outcome::Deleted, None),
            (true, Some(owner)) => {
                let message = format!("released rather than deleted: {} owns a part of it", owner.name);
                (Step::Rewrite(Rewrite::Release), Outcome::Released, Some(message))
            }
            (false, _) => (Step::Rewrite(Rewrite::Release), Outcome::Released, None),
        };
        Self { step, outcome, reason: None, message, units: Vec::new() }
    }
}
