//! The decisions about one class, unit by unit: what happens to each, and what of it an apply sends.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Force, Helm, Rewrite};
use crate::engine::annotations::{HELM_KEEP, HELM_POLICY, HELM_RELEASE, Ignore};
use crate::engine::author::are_siblings;
use crate::engine::defaults::DefaultClass;
use crate::engine::field_set::{FieldSet, Fields};
use crate::engine::live::{FieldManager, Live, Manager, Operation};
use crate::engine::outcome::UnitAction;
use crate::engine::policy::{Conflicts, Policy};
use crate::engine::unit::{Unit, UnitPath};

/// What happens to one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitPlan<'a> {
    /// The unit.
    pub unit: &'a Unit,
    /// What happens to it.
    pub action: UnitAction,
    /// The value in the files.
    pub wanted: Option<&'a Value>,
    /// The value on the server.
    pub live: Option<&'a Value>,
    pub(super) sent: Sent<'a>,
}

/// What of a unit the apply's body has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sent<'a> {
    /// The wanted value; with force, if an owner other than our own apply has another one.
    Wanted(&'a Value, Force),
    /// The whole live value, because it has a part that isn't wanted and that nobody owns: an apply would leave that
    /// part. Once it is ours, the next apply takes it off.
    Claimed(&'a Value),
    /// The live value, as far as our entry has it: the server removes what its only applier omits, so that leaving a
    /// unit as it is means repeating it.
    Held(&'a Fields, &'a Value),
    /// Nothing.
    Omitted,
}

impl UnitPlan<'_> {
    /// Whether an apply would change the unit's value or our ownership of it.
    pub(super) fn is_change(&self, ours: &FieldSet) -> bool {
        let ours = ours.of(self.unit);
        match self.sent {
            Sent::Wanted(wanted, _) => self.live != Some(wanted) || !ours.is_some_and(|ours| ours.covers(wanted)),
            Sent::Claimed(_) => true,
            Sent::Held(..) => false,
            Sent::Omitted => ours.is_some(),
        }
    }

    /// Whether an edit that comes before the apply would be undone or mixed with ours, without a conflict. Then the
    /// apply is bound to the state it was planned from.
    pub(super) fn depends_on_live(&self, ours: &FieldSet) -> bool {
        match self.sent {
            Sent::Wanted(_, Force::Yes) | Sent::Claimed(_) | Sent::Held(..) => true,
            // The server merges a struct: a part that somebody adds is no conflict.
            Sent::Wanted(_, Force::No) | Sent::Omitted => {
                [self.wanted, self.live].iter().flatten().any(|value| value.is_object()) && self.is_change(ours)
            }
        }
    }
}

/// What all units of a class are decided from.
pub(super) struct Decisions<'a> {
    default: &'a DefaultClass,
    live: &'a Live,
    pub(super) ours: &'a FieldSet,
    manager: &'a FieldManager,
    pub(super) ignore: Ignore,
}

impl<'a> Decisions<'a> {
    pub(super) fn new(default: &'a DefaultClass, live: &'a Live, manager: &'a FieldManager) -> Self {
        static NOTHING: LazyLock<FieldSet> = LazyLock::new(FieldSet::default);
        let ours = live.applied_by(manager).unwrap_or(&NOTHING);
        Self { default, live, ours, manager, ignore: Ignore::of(live) }
    }

    /// The units of the default and those of ours on the class, in order.
    pub(super) fn units(&self) -> Vec<UnitPlan<'a>> {
        let wanted = self.default.units.iter().map(|(unit, _)| unit);
        let units: BTreeSet<&'a Unit> = wanted.chain(self.ours.units()).collect();
        units.into_iter().map(|unit| self.unit(unit)).collect()
    }

    /// Whether a manager's units are to be taken over.
    pub(super) fn adopts(&self, manager: &str) -> bool {
        self.default.policy.adopt_from.iter().any(|name| name == manager)
    }

    /// The move of ownership that must come before an apply, if one must.
    pub(super) fn rewrite(&self, units: &[UnitPlan<'a>]) -> Option<Rewrite> {
        if self.live.managers.is_empty() {
            // Also what no file names is somebody's: the server removes what nobody owns with the last of its kind.
            let is_wanted = |(unit, live): &(&Unit, &Value)| self.default.units.get(unit) == Some(*live);
            let (ours, unknown): (Vec<_>, Vec<_>) = self.live.units.iter().partition(is_wanted);
            let with_values = |units: Vec<(&Unit, &Value)>| {
                units.into_iter().map(|(unit, live)| (unit.clone(), live.clone())).collect()
            };
            return Some(Rewrite::Seed { ours: with_values(ours), unknown: with_values(unknown) });
        }
        let adopted: Vec<_> = units.iter().filter(|unit| self.is_adopted(unit)).map(|unit| unit.unit.clone()).collect();
        let from = &self.default.policy.adopt_from;
        let is_helm_s = self.live.annotation(HELM_RELEASE).is_some();
        let is_kept = self.live.annotation(HELM_POLICY) == Some(HELM_KEEP);
        // A file or a user that says otherwise of this very annotation has the last word.
        let policy = Unit::annotation(HELM_POLICY);
        let is_denied =
            self.default.units.get(&policy).is_some_and(|wanted| wanted != HELM_KEEP) || self.ignore.covers(&policy);
        let helm = if is_helm_s && !is_kept && !is_denied { Helm::Keep } else { Helm::Leave };
        // Helm deletes what it made, whoever owns the fields: the annotation is due also when there's nothing to take.
        if !adopted.is_empty() || (helm == Helm::Keep && !from.is_empty()) {
            return Some(Rewrite::Take { units: adopted, from: from.clone(), helm });
        }
        if let Some(inherited) = self.inherited() {
            return Some(inherited);
        }
        let entries = || self.live.managers.iter().filter(|owner| !self.is_ours(owner) && owner.subresource.is_none());
        let is_stuck = |plan: &UnitPlan<'a>, owner: &Manager| match plan.action {
            // Nobody else wants it, but an update under our own name, or a reference's mere container, keeps it there.
            UnitAction::Removed => owner.fields.touches(plan.unit),
            // A reference is taken with all its leaves, also those that our apply doesn't name.
            UnitAction::Enforced => *plan.unit == Unit::ParametersRef && owner.fields.touches(plan.unit),
            UnitAction::Set => {
                *plan.unit == Unit::ParametersRef && plan.live != plan.wanted && owner.fields.of(plan.unit).is_some()
            }
            UnitAction::Kept | UnitAction::Yielded | UnitAction::Ignored | UnitAction::StillOwned => false,
        };
        let stuck: Vec<_> = units.iter().filter(|unit| entries().any(|owner| is_stuck(unit, owner))).collect();
        let from = entries().filter(|owner| stuck.iter().any(|unit| is_stuck(unit, owner)));
        let from = from.map(|owner| owner.name.to_string()).collect();
        let units: Vec<_> = stuck.iter().map(|unit| unit.unit.clone()).collect();
        (!units.is_empty()).then_some(Rewrite::Take { units, from, helm: Helm::Leave })
    }

    /// What was applied for another author of this installation, whose class it was: all of it becomes ours, also what the
    /// default doesn't name, so that it goes as if the files had never changed hands.
    fn inherited(&self) -> Option<Rewrite> {
        let is_sibling = |owner: &&Manager| {
            *owner.name != *self.manager.as_str()
                && are_siblings(&owner.name, self.manager.as_str())
                && owner.operation == Operation::Apply
                && owner.subresource.is_none()
        };
        let siblings = || self.live.managers.iter().filter(is_sibling);
        let units: BTreeSet<_> = siblings().flat_map(|owner| owner.fields.units().cloned()).collect();
        let from = siblings().map(|owner| owner.name.to_string()).collect();
        let units: Vec<_> = units.into_iter().collect();
        (!units.is_empty()).then_some(Rewrite::Take { units, from, helm: Helm::Leave })
    }

    /// Whether a unit that the file names is still in the hands of a manager whose units are taken over.
    fn is_adopted(&self, plan: &UnitPlan<'a>) -> bool {
        let is_wanted = plan.wanted.is_some() && !self.default.policy.create_only.contains(plan.unit);
        is_wanted
            && plan.action != UnitAction::Ignored
            && self.others(plan.unit).any(|owner| owner.subresource.is_none() && self.adopts(&owner.name))
    }

    fn is_ours(&self, owner: &Manager) -> bool {
        *owner.name == *self.manager.as_str() && owner.operation == Operation::Apply && owner.subresource.is_none()
    }

    fn unit(&self, unit: &'a Unit) -> UnitPlan<'a> {
        let wanted = self.default.units.get(unit);
        let live = self.live.units.get(unit);
        let action = self.action(unit, wanted, live);
        UnitPlan { unit, action, wanted, live, sent: self.sent(unit, action, wanted, live) }
    }

    fn sent(&self, unit: &Unit, action: UnitAction, wanted: Option<&'a Value>, live: Option<&'a Value>) -> Sent<'a> {
        let held = match (self.ours.of(unit), live) {
            (Some(ours), Some(live)) => Sent::Held(ours, live),
            (None, _) | (_, None) => Sent::Omitted,
        };
        match (action, wanted) {
            (UnitAction::Set | UnitAction::Enforced, Some(wanted)) => self.set(unit, wanted, live),
            (UnitAction::Kept, Some(wanted)) if !self.default.policy.create_only.contains(unit) => {
                Sent::Wanted(wanted, Force::No)
            }
            (UnitAction::Kept | UnitAction::Yielded | UnitAction::Ignored, _) => held,
            // Half a reference would be refused: as long as another owns any of it, our half stays where it is.
            (UnitAction::StillOwned, _) if *unit == Unit::ParametersRef => held,
            (UnitAction::Set | UnitAction::Enforced | UnitAction::Removed | UnitAction::StillOwned, _) => Sent::Omitted,
        }
    }

    fn set(&self, unit: &Unit, wanted: &'a Value, live: Option<&'a Value>) -> Sent<'a> {
        // An update under our own name (a patch by an earlier version, or by hand) is ours, but to the server it is
        // another manager, which only force overrules.
        let contested = live != Some(wanted) && self.others(unit).next().is_some();
        match live {
            _ if contested || self.opens_map(unit) => Sent::Wanted(wanted, Force::Yes),
            Some(live) if self.has_orphans(unit, wanted, live) => Sent::Claimed(live),
            _ => Sent::Wanted(wanted, Force::No),
        }
    }

    /// Whether the unit would be the first key of a map that another's entry still has from before the map was gone.
    /// Nobody owns anything in it, but to the server it is a conflict.
    fn opens_map(&self, unit: &Unit) -> bool {
        let UnitPath::Metadata(map, _) = unit.path() else { return false };
        let is_in_map = |unit: &Unit| matches!(unit.path(), UnitPath::Metadata(of, _) if of == map);
        !self.live.units.iter().any(|(unit, _)| is_in_map(unit))
            && self.live.managers.iter().any(|manager| manager.fields.has_map(map))
    }

    /// Whether a live value has parts beyond the wanted one that our entry hasn't.
    fn has_orphans(&self, unit: &Unit, wanted: &Value, live: &Value) -> bool {
        let (Value::Object(wanted), Value::Object(live)) = (wanted, live) else { return false };
        let beyond = live.iter().filter(|(part, _)| !wanted.contains_key(*part));
        let beyond = Value::Object(beyond.map(|(part, value)| (part.clone(), value.clone())).collect());
        beyond != json!({}) && !self.ours.of(unit).is_some_and(|ours| ours.covers(&beyond))
    }

    /// Everybody but our own apply who owns a part of a unit.
    fn others(&self, unit: &Unit) -> impl Iterator<Item = &'a Manager> {
        self.live.owners(unit).filter(move |owner| !self.is_ours(owner))
    }

    fn action(&self, unit: &Unit, wanted: Option<&Value>, live: Option<&Value>) -> UnitAction {
        let Policy { conflicts, enforce, create_only, .. } = &self.default.policy;
        // Only what the file names is adopted.
        let adopts = |name: &str| wanted.is_some() && self.adopts(name);
        let is_somebody_else =
            |owner: &Manager| !are_siblings(&owner.name, self.manager.as_str()) && !adopts(&owner.name);
        // Without any list of owners, a value that isn't the wanted one is taken for somebody's.
        let unknown = self.live.managers.is_empty() && live.is_some();
        let others = unknown || self.others(unit).any(is_somebody_else);
        if self.ignore.covers(unit) {
            return UnitAction::Ignored;
        }
        let Some(wanted) = wanted else {
            return if others { UnitAction::StillOwned } else { UnitAction::Removed };
        };
        if create_only.contains(unit) {
            return UnitAction::Kept;
        }
        if live == Some(wanted) {
            let owned = self.ours.of(unit).is_some_and(|ours| ours.covers(wanted));
            return if owned { UnitAction::Kept } else { UnitAction::Set };
        }
        if !others {
            return UnitAction::Set;
        }
        if *conflicts == Conflicts::Force || enforce.contains(unit) {
            UnitAction::Enforced
        } else {
            UnitAction::Yielded
        }
    }
}
