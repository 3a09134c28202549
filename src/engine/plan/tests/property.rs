//! Whatever happens to a class, a pass comes to rest, and no request breaks a promise.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::history::{Event, Files, Write, history};
use super::{OURS, ours, send};
use crate::engine::annotations::{HELM_KEEP, HELM_POLICY, HELM_RELEASE, IGNORE, RECONCILE};
use crate::engine::defaults::DefaultClass;
use crate::engine::outcome::{Outcome, UnitAction};
use crate::engine::plan::server::{Operation, Refusal, Server, Writer};
use crate::engine::plan::{Force, Plan, Rewrite, Step};
use crate::engine::policy::{Conflicts, Mode, OnReplace};
use crate::engine::unit::{Unit, UnitPath};
use crate::engine::value::UnitValue;

/// A pass has this many requests at most, and one more for each time that somebody writes in between.
const STEPS: usize = 5;

/// The server and what the files say, with the judgements that the promises speak of. They come from the model's own
/// sets and values, never from the planner's view of them.
#[derive(Clone)]
struct World {
    server: Server,
    default: Box<DefaultClass>,
    /// What was left without any owner, by whoever took a manager's entry off.
    orphans: BTreeSet<Unit>,
}

impl World {
    fn wanted(&self, unit: &Unit) -> Option<Value> {
        self.default.units.get(unit).map(UnitValue::to_json)
    }

    fn is_as_wanted(&self, unit: &Unit) -> bool {
        self.server.value(unit) == self.wanted(unit).as_ref()
    }

    fn annotation(&self, key: &str) -> &str {
        self.server.value(&Unit::annotation(key)).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_ignored(&self, unit: &Unit) -> bool {
        let names = self.annotation(IGNORE);
        names.contains("the rest") || names.split(", ").any(|name| name == unit.to_string())
    }

    fn is_create_only(&self, unit: &Unit) -> bool {
        self.wanted(unit).is_some() && self.default.policy.create_only.contains(unit)
    }

    /// Whether the policy takes a unit from other owners.
    fn is_taken(&self, unit: &Unit) -> bool {
        let policy = &self.default.policy;
        let left_alone = self.is_ignored(unit) || self.is_create_only(unit) || self.wanted(unit).is_none();
        !left_alone && (policy.conflicts == Conflicts::Force || policy.enforce.contains(unit))
    }

    /// Whether a manager's share of a unit is taken over: only of what the files name.
    fn is_adopted(&self, unit: &Unit, manager: &str) -> bool {
        let left_alone = self.is_ignored(unit) || self.is_create_only(unit) || self.wanted(unit).is_none();
        !left_alone && self.default.policy.adopt_from.iter().any(|name| name == manager)
    }

    /// Whose a unit is besides us. Without any managedFields whatever is there is somebody's.
    fn others(&self, unit: &Unit) -> Vec<Writer> {
        let owners = self.server.owners(unit).into_iter().filter(|owner| owner.manager != OURS);
        let unknown = self.server.is_wiped() && self.server.value(unit).is_some();
        owners.cloned().chain(unknown.then(|| Writer::new("unknown", Operation::Update))).collect()
    }

    /// Whether a unit is in the hands of somebody who keeps it or from whom it must be taken by force.
    fn is_held(&self, unit: &Unit) -> bool {
        self.others(unit).iter().any(|owner| !self.is_adopted(unit, &owner.manager))
    }

    /// Whether the server took a label or annotation that nobody owned along with the last one that anybody did.
    fn lost_orphan(&self, unit: &Unit, after: &Self) -> bool {
        let UnitPath::Metadata(map, _) = unit.path() else { return false };
        let is_in_map = |unit: &Unit| matches!(unit.path(), UnitPath::Metadata(of, _) if of == map);
        self.orphans.contains(unit)
            && self.server.owners(unit).is_empty()
            && !after.server.units().iter().any(is_in_map)
    }

    /// Whether Helm, whose class is adopted, was told to keep it.
    fn tells_helm(&self, unit: &Unit, after: &Self) -> bool {
        let is_helms = !self.annotation(HELM_RELEASE).is_empty() && !self.default.policy.adopt_from.is_empty();
        is_helms && *unit == Unit::annotation(HELM_POLICY) && after.annotation(HELM_POLICY) == HELM_KEEP
    }

    fn note_orphans(&mut self) {
        if !self.server.is_wiped() {
            let units = self.server.units();
            self.orphans.extend(units.into_iter().filter(|unit| self.server.owners(unit).is_empty()));
        }
    }

    fn is_ours(&self, unit: &Unit) -> bool {
        self.server.owners(unit).into_iter().any(is_our_apply)
    }

    fn is_wholly_ours(&self, unit: &Unit) -> bool {
        let owned = |part: Option<&str>| self.server.owners_at(unit, part).into_iter().any(is_our_apply);
        match self.server.value(unit) {
            Some(Value::Object(parts)) => parts.keys().all(|part| owned(Some(part))),
            _ => owned(None),
        }
    }

    /// Whether somebody else keeps a unit by the policy `Yield` or stops the class by `Fail`.
    fn is_contested(&self, unit: &Unit) -> bool {
        let ours = self.wanted(unit).is_some() && !self.is_ignored(unit) && !self.is_create_only(unit);
        ours && !self.is_taken(unit) && !self.is_as_wanted(unit) && self.is_held(unit)
    }

    /// Units anybody can speak of.
    fn units(&self) -> BTreeSet<Unit> {
        let wanted = self.default.units.iter().map(|(unit, _)| unit.clone());
        self.server.units().into_iter().chain(wanted).collect()
    }

    /// What a class at rest must be called.
    fn outcome(&self) -> Outcome {
        let observed = self.default.policy.mode == Mode::Observe;
        if self.server.object().is_none() {
            return if observed { Outcome::Observed } else { Outcome::Created };
        }
        if !matches!(self.annotation(RECONCILE), "" | "enabled") {
            return Outcome::Paused;
        }
        let is_foreign = !self.is_as_wanted(&Unit::ControllerName);
        if is_foreign && self.default.policy.on_replace == OnReplace::Block {
            return Outcome::Blocked;
        }
        if observed {
            return Outcome::Observed;
        }
        if is_foreign {
            return Outcome::Recreated;
        }
        let contested = self.units().iter().any(|unit| self.is_contested(unit));
        let fails = self.default.policy.conflicts == Conflicts::Fail && contested;
        if fails { Outcome::Conflict } else { Outcome::Unchanged }
    }
}

fn is_our_apply(writer: &Writer) -> bool {
    writer.manager == OURS && writer.operation == Operation::Apply
}

/// How often what was seen, to show that the histories reach what they are meant to reach.
type Seen = BTreeMap<String, usize>;

/// One pass of the program: plans and requests until there is nothing left to do.
fn pass(world: &mut World, mut between: Option<&Write>, seen: &mut Seen) {
    let manager = ours();
    let before = world.clone();
    let undisturbed = between.is_none();
    for _ in 0..=STEPS {
        let live = world.server.live();
        let plan = Plan::new(&world.default, live.as_ref(), &manager);
        if plan.step == Step::Rest {
            assert_at_rest(world, &plan, seen);
            if undisturbed && world.outcome() == Outcome::Unchanged {
                assert_removed(&before, world);
            }
            return;
        }
        let outcome = world.outcome();
        assert!(matches!(outcome, Outcome::Created | Outcome::Recreated | Outcome::Unchanged), "{outcome:?}: {plan:?}");
        assert_eq!(plan.outcome == Outcome::Created, live.is_none(), "{plan:?}");
        assert_eq!(plan.outcome == Outcome::Recreated, plan.step == Step::Replace, "{plan:?}");
        let planned = world.clone();
        let raced = between.take().is_some_and(|write| write.send(&mut world.server).is_ok());
        let prior = world.clone();
        match send(&plan.step, live.as_ref(), &mut world.server) {
            Ok(()) => {
                count(seen, word(&plan.step));
                if prior.annotation(HELM_POLICY) != world.annotation(HELM_POLICY) {
                    count(seen, "helm told");
                }
                plan.units.iter().for_each(|unit| count(seen, unit.action.as_str()));
                if plan.step != Step::Replace {
                    assert_request_kept_promises(&planned, &prior, world);
                }
            }
            // Whoever came between is heard: the class is planned anew.
            Err(refusal) if raced => count(seen, if refusal == Refusal::Stale { "stale" } else { "raced" }),
            Err(refusal) => panic!("{:?} was refused: {refusal:?}", plan.step),
        }
    }
    panic!("no rest after {STEPS} requests");
}

fn word(step: &Step) -> &'static str {
    match step {
        Step::Rest => "rest",
        Step::Create(_) => "created",
        Step::Apply(_, Force::No) => "applied",
        Step::Apply(_, Force::Yes) => "forced",
        Step::Rewrite(Rewrite::Take { .. }) => "taken",
        Step::Rewrite(Rewrite::Seed { .. }) => "seeded",
        Step::Rewrite(Rewrite::Release) => "released",
        Step::Replace => "replaced",
        Step::Delete => "deleted",
        Step::Grip(_) => "gripped",
    }
}

/// Somebody makes the program give the class up.
fn release(world: &mut World) {
    let Some(live) = world.server.live() else { return };
    let before = world.clone();
    let plan = Plan::release(&live, &ours());
    if plan.step == Step::Rest {
        return assert!(!world.units().iter().any(|unit| world.is_ours(unit)));
    }
    send(&plan.step, Some(&live), &mut world.server).unwrap();
    for unit in &before.units() {
        assert_eq!(before.server.value(unit), world.server.value(unit), "{unit}");
        assert_eq!(before.others(unit), world.others(unit), "{unit}");
        assert!(!world.is_ours(unit), "{unit}");
    }
    assert!(!world.server.is_wiped());
    world.note_orphans();
}

fn count(seen: &mut Seen, what: &str) {
    *seen.entry(what.to_owned()).or_default() += 1;
}

fn assert_request_kept_promises(planned: &World, prior: &World, after: &World) {
    for unit in &prior.units().union(&after.units()).cloned().collect::<BTreeSet<_>>() {
        let (was, is) = (prior.server.value(unit), after.server.value(unit));
        for other in prior.others(unit) {
            let moves = prior.is_taken(unit) || prior.is_adopted(unit, &other.manager) || prior.server.is_wiped();
            let kept = after.server.owners(unit).contains(&&other);
            assert!(kept || moves, "{unit} was taken from {other:?}");
        }
        // The list that is made anew says of all that isn't as wanted that it is somebody's.
        let keeps_owner = prior.is_as_wanted(unit) || !after.others(unit).is_empty();
        assert!(keeps_owner || was.is_none() || !prior.server.is_wiped(), "{unit} lost its unknown owner");
        if was == is || prior.lost_orphan(unit, after) || prior.tells_helm(unit, after) {
            continue;
        }
        assert_eq!(is, after.wanted(unit).as_ref(), "{unit} got a value that nobody wants");
        if prior.server.object().is_none() || planned.server.object().is_none() {
            continue;
        }
        assert!(!planned.is_ignored(unit), "{unit} is ignored");
        assert!(!prior.is_create_only(unit), "{unit} is set at creation only");
        assert!(prior.is_ours(unit) || prior.wanted(unit).is_some(), "{unit} is none of ours");
        assert!(prior.is_taken(unit) || !prior.is_held(unit), "{unit} is {:?}'s", prior.others(unit));
    }
}

fn assert_at_rest(world: &World, plan: &Plan<'_>, seen: &mut Seen) {
    count(seen, plan.outcome.as_str());
    assert_eq!(plan.outcome, world.outcome());
    if plan.outcome != Outcome::Unchanged {
        return;
    }
    for unit in &world.units() {
        let planned = plan.units.iter().find(|planned| planned.unit == unit);
        let action = planned.map(|planned| planned.action);
        if let Some(action) = action {
            count(seen, &format!("{} at rest", action.as_str()));
        }
        if world.wanted(unit).is_none() {
            let held = world.is_ignored(unit) || *unit == Unit::ParametersRef && !world.others(unit).is_empty();
            assert!(held || !world.is_ours(unit), "{unit} is in our entry, and not in the files");
        } else if world.is_ignored(unit) {
            assert_eq!(action, Some(UnitAction::Ignored), "{unit}");
        } else if world.is_create_only(unit) {
            assert_eq!(action, Some(UnitAction::Kept), "{unit}");
        } else if world.is_contested(unit) {
            assert_eq!(action, Some(UnitAction::Yielded), "{unit}");
        } else {
            assert_eq!(action, Some(UnitAction::Kept), "{unit}");
            assert!(world.is_as_wanted(unit), "{unit} is {:?}", world.server.value(unit));
            assert!(world.is_wholly_ours(unit), "{unit} isn't ours");
        }
        for other in world.others(unit) {
            assert!(!world.is_adopted(unit, &other.manager), "{unit} is still {other:?}'s");
        }
    }
}

/// What left the files and nobody else owned is gone.
fn assert_removed(before: &World, after: &World) {
    for unit in before.units() {
        let alone = before.others(&unit).is_empty();
        if before.is_ours(&unit) && alone && after.wanted(&unit).is_none() && !before.is_ignored(&unit) {
            assert_eq!(after.server.value(&unit), None, "{unit} left the files");
        }
    }
}

#[test]
fn every_history_comes_to_rest_and_no_request_breaks_a_promise() {
    let seen = RefCell::new(Seen::new());
    // So many that the rarest of what is counted below comes often enough every time; PROPTEST_CASES asks for more.
    let config = Config { failure_persistence: None, ..Config::default() };
    let config = Config { cases: config.cases.max(2500), ..config };
    let result = TestRunner::new(config).run(&history(), |(Files(default), events)| {
        let seen = &mut seen.borrow_mut();
        let mut world = World { server: Server::default(), default, orphans: BTreeSet::new() };
        for event in events {
            count(seen, "events");
            match event {
                Event::Pass(between) => pass(&mut world, between.as_ref(), seen),
                Event::Write(write) => count(seen, if write.send(&mut world.server).is_ok() { "write" } else { "-" }),
                Event::Disown(manager) => {
                    world.server.disown(manager);
                    world.note_orphans();
                }
                Event::Release => release(&mut world),
                Event::Wipe => world.server.wipe(),
                Event::Delete => world.server.delete(),
                Event::Files(Files(default)) => world.default = default,
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error:?}");
    }
    let seen = seen.into_inner();
    for (what, times) in [
        ("events", 8_000),
        ("write", 1_000),
        ("applied", 500),
        ("forced", 100),
        ("taken", 50),
        ("helm told", 5),
        ("seeded", 30),
        ("replaced", 1),
        ("raced", 20),
        ("stale", 20),
        ("Unchanged", 2_000),
        ("Paused", 50),
        ("Blocked", 10),
        ("Conflict", 50),
        ("Observed", 50),
        ("Enforced", 100),
        ("Removed", 100),
        ("StillOwned", 2),
        ("Yielded at rest", 500),
        ("Ignored at rest", 200),
        ("StillOwned at rest", 2),
    ] {
        assert!(seen.get(what).is_some_and(|seen| *seen >= times), "{what}, fewer than {times}: {seen:?}");
    }
}
