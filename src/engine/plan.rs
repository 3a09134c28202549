//! The plan: what is to be done to one class, decided unit by unit from the default, the live class and who owns
//! what. A value; making it sends nothing, and printing it is `diff`.
//!
//! A plan's [`Step`] is one request. After a step the class is planned again from the server's answer, until the
//! step is [`Step::Rest`]: that is also the proof that the server stored what was sent.

use std::collections::BTreeSet;

use serde_json::Value;

use super::annotations::{Ignore, Reconcile};
use super::defaults::DefaultClass;
use super::field_set::{FieldSet, Fields};
use super::intent::Intent;
use super::live::{FieldManager, Live, Manager, Operation, Phase};
use super::outcome::{Outcome, Owner, Reason, UnitAction, UnitReport};
use super::policy::{Conflicts, Mode, Policy};
use super::unit::Unit;

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

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// None.
    Rest,
    /// An apply of a class that isn't there.
    Create(Intent),
    /// An apply to the class that is there.
    Apply(Intent, Force),
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
            return Self::at_rest(Outcome::Blocked, Some(Reason::ForeignController), message, Vec::new());
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
        if !units.iter().any(|unit| unit.is_change(decisions.ours)) {
            return Self { step: Step::Rest, outcome: Outcome::Unchanged, reason: None, message, units };
        }
        let mut intent = Intent::new(&live.name);
        intent.require_uid(&live.uid);
        let forced = units.iter().any(|unit| matches!(unit.sent, Sent::Wanted(_, Force::Yes)));
        let force = if forced { Force::Yes } else { Force::No };
        if force == Force::Yes {
            intent.require_resource_version(live.resource_version.as_str());
        }
        for unit in &units {
            match unit.sent {
                Sent::Wanted(value, _) => intent.set(unit.unit, value.clone()),
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
            Sent::Held(..) => false,
            Sent::Omitted => ours.is_some(),
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

    fn unit(&self, unit: &'a Unit) -> UnitPlan<'a> {
        let wanted = self.default.units.get(unit);
        let live = self.live.units.get(unit);
        let action = self.action(unit, wanted, live);
        let held = match (self.ours.of(unit), live) {
            (Some(ours), Some(live)) => Sent::Held(ours, live),
            (None, _) | (_, None) => Sent::Omitted,
        };
        let sent = match (action, wanted) {
            (UnitAction::Set | UnitAction::Enforced, Some(wanted)) => {
                // An update under our own name (a patch by an earlier version, or by hand) is ours, but to the server
                // it is another manager, which only force overrules.
                let contested = live != Some(wanted) && self.others(unit).next().is_some();
                Sent::Wanted(wanted, if contested { Force::Yes } else { Force::No })
            }
            (UnitAction::Kept | UnitAction::Yielded | UnitAction::Ignored, _) => held,
            // Half a reference would be refused: as long as another owns any of it, our half stays where it is.
            (UnitAction::StillOwned, _) if *unit == Unit::ParametersRef => held,
            (UnitAction::Set | UnitAction::Enforced | UnitAction::Removed | UnitAction::StillOwned, _) => Sent::Omitted,
        };
        UnitPlan { unit, action, wanted, live, sent }
    }

    /// Everybody but our own apply who owns a part of a unit.
    fn others(&self, unit: &Unit) -> impl Iterator<Item = &'a Manager> {
        let ours = |owner: &Manager| *owner.name == *self.manager.as_str() && owner.operation == Operation::Apply;
        self.live.owners(unit).filter(move |owner| !ours(owner))
    }

    fn action(&self, unit: &Unit, wanted: Option<&Value>, live: Option<&Value>) -> UnitAction {
        let Policy { conflicts, enforce, create_only, .. } = &self.default.policy;
        let others = self.others(unit).any(|owner| *owner.name != *self.manager.as_str());
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
