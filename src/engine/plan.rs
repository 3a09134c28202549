//! The plan: what is to be done to one class, decided unit by unit from the default, the live class and who owns
//! what. A value; making it sends nothing, and printing it is `diff`.
//!
//! A plan's [`Step`] is one request. After a step the class is planned again from the server's answer, until the
//! step is [`Step::Rest`]: that is also the proof that the server stored what was sent.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::annotations::{HELM_KEEP, HELM_POLICY, HELM_RELEASE, Ignore, ON_REMOVE, ON_REMOVE_DELETE, Reconcile};
use super::defaults::DefaultClass;
use super::field_set::{FieldSet, Fields};
use super::intent::Intent;
use super::live::{FieldManager, Live, Manager, Operation, Phase};
use super::outcome::{Outcome, Owner, Reason, UnitAction, UnitReport};
use super::policy::{Conflicts, Mode, OnReplace, Policy};
use super::unit::{Unit, UnitPath, Units};

/// What is to be done to one class.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<'a> {
    /// The one request that comes next.
    pub step: Step,
    /// What comes of the class if the step, and those after it, succeed.
    pub outcome: Outcome,
    /// Why, where the outcome alone doesn't say.
    pub reason: Option<Reason>,
    /// For people: what stands in the way, or what is wrong with the class's annotations.
    pub message: Option<String>,
    /// Every unit of the default and every unit of ours on the class. None if the class isn't ours to plan.
    pub units: Vec<UnitPlan<'a>>,
}

/// One request, or the reads and the one write that belong together.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// None.
    Rest,
    /// An apply of a class that isn't there.
    Create(Intent),
    /// An apply to the class that is there.
    Apply(Intent, Force),
    /// A move of ownership that no apply can do.
    Rewrite(Rewrite),
    /// A deletion, so that the class can be created anew: only while no Gateway uses it.
    Replace,
    /// The deletion of a class whose default is gone: only while no Gateway uses it.
    Delete,
}

/// A move of ownership that no apply can do: a patch of `managedFields`, bound to the state it was planned from.
#[derive(Clone, Debug, PartialEq)]
pub enum Rewrite {
    /// What these managers own of these units becomes ours.
    Take {
        /// The units.
        units: Vec<Unit>,
        /// The managers.
        from: Vec<String>,
        /// Whether Helm is told to keep the class first.
        helm: Helm,
    },
    /// The list was wiped: what is as wanted becomes ours, what isn't the unknown's.
    Seed {
        /// The units that are as wanted, with their values.
        ours: Units,
        /// All others on the class, with the values they have.
        unknown: Units,
    },
    /// Everything of ours is given up.
    Release,
}

/// Whether Helm is told to keep the class when its chart drops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helm {
    /// It is none of Helm's, or it is told already.
    Leave,
    /// The annotation `helm.sh/resource-policy: keep` is set with the same patch.
    Keep,
}

/// Whether an apply takes what others own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// The server refuses to change what others own (409), and tells whose it is.
    No,
    /// It takes everything it names. Bound to the state it was planned from, so that an edit that came between isn't
    /// stolen.
    Yes,
}

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
    sent: Sent<'a>,
}

/// What of a unit the apply's body has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sent<'a> {
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

impl<'a> Plan<'a> {
    /// Plans one class: what its default asks for, held against what is there and who owns it.
    #[must_use]
    pub fn new(default: &'a DefaultClass, live: Option<&'a Live>, manager: &'a FieldManager) -> Self {
        let Some(live) = live else { return Self::creation(default) };
        if live.phase == Phase::Terminating {
            let message = "the class is being deleted; it is created again once it is gone";
            return Self::at_rest(Outcome::Blocked, Some(Reason::Terminating), message.to_owned(), Vec::new());
        }
        let decisions = Decisions::new(default, live, manager);
        match Reconcile::of(live) {
            Reconcile::Enabled => {}
            Reconcile::Disabled => return Self { message: None, ..Self::paused(&decisions, String::new()) },
            Reconcile::Malformed(message) => return Self::paused(&decisions, message),
        }
        if let Some(message) = foreign_controller(default, live) {
            return match default.policy.on_replace {
                OnReplace::Block => {
                    Self::at_rest(Outcome::Blocked, Some(Reason::ForeignController), message, Vec::new())
                }
                OnReplace::Recreate if default.policy.mode == Mode::Observe => {
                    Self::at_rest(Outcome::Observed, Some(Reason::ForeignController), message, Vec::new())
                }
                OnReplace::Recreate => {
                    Self { step: Step::Replace, ..Self::creation(default).becomes(Outcome::Recreated) }
                }
            };
        }
        let units = decisions.units();
        let message = decisions.ignore.complaint().map(str::to_owned);
        if default.policy.mode == Mode::Observe {
            return Self { message, ..Self::at_rest(Outcome::Observed, None, String::new(), units) };
        }
        if default.policy.conflicts == Conflicts::Fail
            && let Some(contested) = units.iter().find(|unit| unit.action == UnitAction::Yielded)
        {
            let message = format!("{} has another owner, and conflicts: Fail writes nothing then", contested.unit);
            return Self::at_rest(Outcome::Conflict, None, message, units);
        }
        if let Some(rewrite) = decisions.rewrite(&units) {
            let adopts =
                matches!(&rewrite, Rewrite::Take { from, .. } if from.iter().any(|name| decisions.adopts(name)));
            let outcome = if adopts { Outcome::Adopted } else { Outcome::Configured };
            return Self { step: Step::Rewrite(rewrite), outcome, reason: None, message, units };
        }
        if !units.iter().any(|unit| unit.is_change(decisions.ours)) {
            return Self { step: Step::Rest, outcome: Outcome::Unchanged, reason: None, message, units };
        }
        let mut intent = Intent::new(&live.name);
        intent.require_uid(&live.uid);
        let forced = units.iter().any(|unit| matches!(unit.sent, Sent::Wanted(_, Force::Yes)));
        let force = if forced { Force::Yes } else { Force::No };
        if units.iter().any(|unit| unit.depends_on_live(decisions.ours)) {
            intent.require_resource_version(live.resource_version.as_str());
        }
        for unit in &units {
            match unit.sent {
                Sent::Wanted(value, _) | Sent::Claimed(value) => intent.set(unit.unit, value.clone()),
                Sent::Held(ours, value) => {
                    if let Some(value) = ours.extract(value) {
                        intent.set(unit.unit, value);
                    }
                }
                Sent::Omitted => {}
            }
        }
        Self { step: Step::Apply(intent, force), outcome: Outcome::Configured, reason: None, message, units }
    }

    fn creation(default: &'a DefaultClass) -> Self {
        let units = default
            .units
            .iter()
            .map(|(unit, wanted)| UnitPlan {
                unit,
                action: UnitAction::Set,
                wanted: Some(wanted),
                live: None,
                sent: Sent::Wanted(wanted, Force::No),
            })
            .collect();
        let (step, outcome) = match default.policy.mode {
            Mode::Observe => (Step::Rest, Outcome::Observed),
            Mode::Apply => {
                let mut intent = Intent::new(&default.name);
                default.units.iter().for_each(|(unit, value)| intent.set(unit, value.clone()));
                (Step::Create(intent), Outcome::Created)
            }
        };
        Self { step, outcome, reason: None, message: None, units }
    }

    /// Plans to give up what is ours of a class, whatever its policy was.
    #[must_use]
    pub fn release(live: &Live, manager: &FieldManager) -> Self {
        let is_ours = |entry: &Manager| *entry.name == *manager.as_str() && entry.subresource.is_none();
        if !live.managers.iter().any(is_ours) {
            return Self::gone();
        }
        Self { step: Step::Rewrite(Rewrite::Release), outcome: Outcome::Released, ..Self::gone() }
    }

    /// Nothing is left to do about a class that isn't there.
    #[must_use]
    pub fn gone() -> Self {
        Self { step: Step::Rest, outcome: Outcome::Unchanged, reason: None, message: None, units: Vec::new() }
    }

    fn becomes(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    /// Plans the leave of a class that no default names any more. What is ours is found in `managedFields` alone.
    #[must_use]
    pub fn leave(live: &'a Live, manager: &FieldManager) -> Self {
        let rest = |outcome, reason, message: &str| Self::at_rest(outcome, reason, message.to_owned(), Vec::new());
        let Some(ours) = live.applied_by(manager) else {
            return Self { message: None, ..rest(Outcome::Unchanged, None, "") };
        };
        if live.phase == Phase::Terminating {
            return rest(Outcome::Blocked, Some(Reason::Terminating), "the class is being deleted");
        }
        match Reconcile::of(live) {
            Reconcile::Enabled => {}
            Reconcile::Disabled => return Self { message: None, ..rest(Outcome::Paused, None, "") },
            Reconcile::Malformed(message) => return rest(Outcome::Paused, None, &message),
        }
        let on_remove = Unit::annotation(ON_REMOVE);
        let delete = live.annotation(ON_REMOVE) == Some(ON_REMOVE_DELETE) && ours.of(&on_remove).is_some();
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

    fn paused(decisions: &Decisions<'a>, message: String) -> Self {
        let mut units = decisions.units();
        for unit in &mut units {
            unit.action = UnitAction::Ignored;
        }
        Self::at_rest(Outcome::Paused, None, message, units)
    }

    fn at_rest(outcome: Outcome, reason: Option<Reason>, message: String, units: Vec<UnitPlan<'a>>) -> Self {
        Self { step: Step::Rest, outcome, reason, message: Some(message), units }
    }

    /// The units as reports show them.
    #[must_use]
    pub fn unit_reports(&self, live: Option<&Live>) -> Vec<UnitReport> {
        self.units
            .iter()
            .map(|plan| UnitReport {
                unit: plan.unit.clone(),
                action: plan.action,
                wanted: plan.wanted.cloned(),
                live: plan.live.cloned(),
                owners: live.map(|live| live.owners(plan.unit).map(Owner::from).collect()).unwrap_or_default(),
            })
            .collect()
    }

    /// How many units another owner keeps.
    #[must_use]
    pub fn yielded(&self) -> usize {
        self.units.iter().filter(|unit| unit.action == UnitAction::Yielded).count()
    }
}

impl UnitPlan<'_> {
    /// Whether an apply would change the unit's value or our ownership of it.
    fn is_change(&self, ours: &FieldSet) -> bool {
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
    fn depends_on_live(&self, ours: &FieldSet) -> bool {
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
struct Decisions<'a> {
    default: &'a DefaultClass,
    live: &'a Live,
    ours: &'a FieldSet,
    manager: &'a FieldManager,
    ignore: Ignore,
}

impl<'a> Decisions<'a> {
    fn new(default: &'a DefaultClass, live: &'a Live, manager: &'a FieldManager) -> Self {
        static NOTHING: std::sync::LazyLock<FieldSet> = std::sync::LazyLock::new(FieldSet::default);
        let ours = live.applied_by(manager).unwrap_or(&NOTHING);
        Self { default, live, ours, manager, ignore: Ignore::of(live) }
    }

    /// The units of the default and those of ours on the class, in order.
    fn units(&self) -> Vec<UnitPlan<'a>> {
        let wanted = self.default.units.iter().map(|(unit, _)| unit);
        let units: BTreeSet<&'a Unit> = wanted.chain(self.ours.units()).collect();
        units.into_iter().map(|unit| self.unit(unit)).collect()
    }

    /// Whether a manager's units are to be taken over.
    fn adopts(&self, manager: &str) -> bool {
        self.default.policy.adopt_from.iter().any(|name| name == manager)
    }

    /// The move of ownership that must come before an apply, if one must.
    fn rewrite(&self, units: &[UnitPlan<'a>]) -> Option<Rewrite> {
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
        let helm = if is_helm_s && !is_kept { Helm::Keep } else { Helm::Leave };
        // Helm deletes what it made, whoever owns the fields: the annotation is due also when there's nothing to take.
        if !adopted.is_empty() || (helm == Helm::Keep && !from.is_empty()) {
            return Some(Rewrite::Take { units: adopted, from: from.clone(), helm });
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
        let is_somebody_else = |owner: &Manager| *owner.name != *self.manager.as_str() && !adopts(&owner.name);
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

/// Says so if the class belongs to another controller. That field is immutable, so nothing can be done about it.
fn foreign_controller(default: &DefaultClass, live: &Live) -> Option<String> {
    let wanted = default.units.get(&Unit::ControllerName)?;
    let is = live.units.get(&Unit::ControllerName)?;
    (wanted != is).then(|| format!("spec.controllerName is {is} and immutable; the default wants {wanted}"))
}

#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
