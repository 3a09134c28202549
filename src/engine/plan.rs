//! The plan: what is to be done to one class, decided unit by unit from the default, the live class and who owns
//! what. A value; making it sends nothing, and printing it is `diff`.
//!
//! A plan's [`Step`] is one request. After a step the class is planned again from the server's answer, until the
//! step is [`Step::Rest`]: that is also the proof that the server stored what was sent.

mod leave;
mod units;

use super::annotations::Reconcile;
use super::author::sibling_on;
use super::defaults::DefaultClass;
use super::intent::Intent;
use super::live::{FieldManager, Live, Phase};
use super::outcome::{Outcome, Owner, Reason, UnitAction, UnitReport};
use super::policy::{Conflicts, Mode, OnReplace};
use super::protection::{FINALIZER, Grip};
use super::unit::{Unit, Units};
use super::value::UnitValue;
pub use units::UnitPlan;
use units::{Decisions, Sent};

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
    /// A patch of the finalizers, bound to the state it was planned from.
    Grip(Grip),
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

/// Whether a class that was applied for another author of the installation may be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherit {
    /// It may not: that one's files may describe it still.
    Nothing,
    /// It may.
    Everything,
}

impl<'a> Plan<'a> {
    /// Plans one class: what its default asks for, held against what is there and who owns it.
    #[must_use]
    pub fn new(default: &'a DefaultClass, live: Option<&'a Live>, manager: &'a FieldManager) -> Self {
        Self::inheriting(default, live, manager, Inherit::Everything)
    }

    /// The same, if what another author has applied may be out of bounds.
    #[must_use]
    pub fn inheriting(
        default: &'a DefaultClass,
        live: Option<&'a Live>,
        manager: &'a FieldManager,
        inherit: Inherit,
    ) -> Self {
        let Some(live) = live else { return Self::creation(default) };
        if inherit == Inherit::Nothing
            && let Some(holder) = sibling_on(live, manager)
        {
            let message = format!("{holder} has applied it, and whether it gave it up isn't known yet");
            return Self::at_rest(Outcome::Skipped, None, Some(message), Vec::new());
        }
        if live.phase == Phase::Terminating {
            let message = "the class is being deleted; it is created again once it is gone";
            return Self::at_rest(Outcome::Blocked, Some(Reason::Terminating), Some(message.to_owned()), Vec::new());
        }
        let decisions = Decisions::new(default, live, manager);
        match Reconcile::of(live) {
            Reconcile::Enabled => {}
            Reconcile::Disabled => return Self::paused(&decisions, None),
            Reconcile::Malformed(message) => return Self::paused(&decisions, Some(message)),
        }
        if let Some(message) = foreign_controller(default, live) {
            return match default.policy.on_replace {
                OnReplace::Block => {
                    Self::at_rest(Outcome::Blocked, Some(Reason::ForeignController), Some(message), Vec::new())
                }
                OnReplace::Recreate if default.policy.mode == Mode::Observe => {
                    Self::at_rest(Outcome::Observed, Some(Reason::ForeignController), Some(message), Vec::new())
                }
                OnReplace::Recreate => {
                    Self { step: Step::Replace, ..Self::creation(default).becomes(Outcome::Recreated) }
                }
            };
        }
        let units = decisions.units();
        let message = decisions.ignore.complaint().map(str::to_owned);
        if default.policy.mode == Mode::Observe {
            return Self::at_rest(Outcome::Observed, None, message, units);
        }
        if default.policy.conflicts == Conflicts::Fail
            && let Some(contested) = units.iter().find(|unit| unit.action == UnitAction::Yielded)
        {
            let message = format!("{} has another owner, and conflicts: Fail writes nothing then", contested.unit);
            return Self::at_rest(Outcome::Conflict, None, Some(message), units);
        }
        if let Some(rewrite) = decisions.rewrite(&units) {
            let adopts =
                matches!(&rewrite, Rewrite::Take { from, .. } if from.iter().any(|name| decisions.adopts(name)));
            let outcome = if adopts { Outcome::Adopted } else { Outcome::Configured };
            return Self { step: Step::Rewrite(rewrite), outcome, reason: None, message, units };
        }
        if !units.iter().any(|unit| unit.is_change(decisions.ours)) {
            return Self::at_rest(Outcome::Unchanged, None, message, units);
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
                Sent::Wanted(value, _) | Sent::Claimed(value) => intent.set(unit.unit, value.to_json()),
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

    /// Plans to put our finalizer on a class, or to take it off.
    #[must_use]
    pub fn grip(live: &Live, grip: Grip) -> Self {
        let is_done = live.has_finalizer(FINALIZER) == (grip == Grip::Hold);
        if is_done || (grip == Grip::Hold && live.phase == Phase::Terminating) {
            return Self::gone();
        }
        Self { step: Step::Grip(grip), outcome: Outcome::Configured, ..Self::gone() }
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
                // What we know of the cluster may be old: a class that is there after all may be paused.
                intent.require_absence();
                default.units.iter().for_each(|(unit, value)| intent.set(unit, value.to_json()));
                (Step::Create(intent), Outcome::Created)
            }
        };
        Self { step, outcome, reason: None, message: None, units }
    }

    fn becomes(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    fn paused(decisions: &Decisions<'a>, message: Option<String>) -> Self {
        let mut units = decisions.units();
        for unit in &mut units {
            unit.action = UnitAction::Ignored;
        }
        Self::at_rest(Outcome::Paused, None, message, units)
    }

    fn at_rest(outcome: Outcome, reason: Option<Reason>, message: Option<String>, units: Vec<UnitPlan<'a>>) -> Self {
        Self { step: Step::Rest, outcome, reason, message, units }
    }

    /// The units as reports show them.
    #[must_use]
    pub fn unit_reports(&self, live: Option<&Live>) -> Vec<UnitReport> {
        self.units
            .iter()
            .map(|plan| UnitReport {
                unit: plan.unit.clone(),
                action: plan.action,
                wanted: plan.wanted.map(UnitValue::to_json),
                live: plan.live.map(UnitValue::to_json),
                owners: live.map(|live| live.owners(plan.unit).map(Owner::from).collect()).unwrap_or_default(),
            })
            .collect()
    }

    /// The units that another owner keeps.
    #[must_use]
    pub fn yielded(&self) -> Box<[Unit]> {
        self.units.iter().filter(|unit| unit.action == UnitAction::Yielded).map(|unit| unit.unit.clone()).collect()
    }

    /// The units that are set, taken or removed.
    pub fn changed(&self) -> impl Iterator<Item = &'a Unit> {
        let is_changed = |unit: &&UnitPlan<'a>| match unit.action {
            UnitAction::Set | UnitAction::Enforced | UnitAction::Removed => true,
            UnitAction::Kept | UnitAction::Yielded | UnitAction::Ignored | UnitAction::StillOwned => false,
        };
        self.units.iter().filter(is_changed).map(|unit| unit.unit)
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
