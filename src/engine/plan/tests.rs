//! Tests of the planner, against a [model of the API server](super::server).
//!
//! Mutations that were tried, each with a test that went red for it; most turned the one in `property` red, too.
//!
//! | mutation | red |
//! |---|---|
//! | `sent`: a reference that is `StillOwned` is `Omitted` | `our_half_of_a_reference_is_held_until_the_other_half_goes` |
//! | `sent`: a `Yielded` unit is `Omitted` | `a_yielded_value_that_we_own_too_is_repeated` |
//! | `sent`: an `Ignored` unit is `Omitted` | `an_ignored_unit_of_ours_is_repeated_as_it_is` |
//! | `sent`: `Kept` sends the wanted value also for `createOnly` | `a_unit_for_creation_only_is_set_with_the_class_and_never_again` |
//! | `set`: what is contested is applied without force | `force_takes_what_another_owns` |
//! | `set`: equal values count as contested | `the_same_value_set_by_another_is_co_owned_once` |
//! | `set`: no `opens_map` | `the_first_label_is_no_conflict_with_whoever_had_labels_once` |
//! | `has_orphans` is always false | `a_part_that_nobody_owns_is_claimed_before_it_is_removed` |
//! | `depends_on_live` leaves out `Force::Yes` | `a_forced_apply_never_steals_an_edit_that_came_between` |
//! | `depends_on_live` leaves out `Held` | `a_removal_that_comes_between_is_not_undone_by_repeating_the_value` |
//! | `depends_on_live` leaves out structs | `a_part_that_somebody_adds_meanwhile_is_not_mixed_with_ours` |
//! | `rewrite`: `Seed` forgets what the default doesn't name, or claims what differs | `without_managed_fields_what_is_as_wanted_is_ours_and_all_else_is_the_unknowns` |
//! | `rewrite`: nothing is taken for `Removed` | `a_reference_whose_container_another_made_is_removed` |
//! | `rewrite`: nothing is taken for `Enforced` | `a_reference_is_taken_with_the_parts_that_the_wanted_one_does_not_name` |
//! | `rewrite`: nothing is taken for `Set` | `a_part_that_was_patched_in_under_our_own_name_is_removed` |
//! | `is_adopted` forgets `createOnly`, or `Ignored` | `every_history_comes_to_rest_and_no_request_breaks_a_promise` |
//! | `Plan::new`: no uid in the intent | `an_apply_names_the_object_it_is_meant_for` |
//! | `Plan::new`: `Fail` isn't looked at | `fail_writes_nothing_at_all_while_a_unit_is_contested` |
//! | `Plan::new`: the phase isn't looked at | `a_class_that_is_being_deleted_is_left_alone` |
//! | `Plan::leave`: other owners aren't looked at | `a_marked_class_is_deleted_unless_somebody_else_has_a_unit_of_it` |
//! | `action`: an equal value is `Kept`, whoever owns it | `the_same_value_set_by_another_is_co_owned_once` |
//! | `action`: units that left the files are adopted | `what_the_file_does_not_name_any_more_stays_the_former_managers` |
//! | `action`: `enforce` takes every unit if it names one | `enforce_takes_its_unit_and_leaves_the_other_contested_ones` |
//! | `action`: `ignore` isn't looked at for units that left the files | `an_ignored_unit_that_leaves_the_files_stays` |
//! | `units`: only those of the default | `what_nobody_else_owns_is_removed` |
//! | `is_change`: ownership alone is none | `the_same_value_set_by_another_is_co_owned_once` |
//! | `FieldSet::decode`: `f:parametersRef: {}` is `Whole` | `who_has_only_the_container_does_not_own_the_reference` |
//! | `Fields::covers`: any part is enough | `an_equal_reference_is_co_owned_part_by_part` |
//! | `Live::applied_by`: an entry of the status will do | `an_apply_to_the_status_under_our_name_is_not_our_entry` |
//! | `Live::applied_by`: an update will do | `an_update_under_our_own_name_with_the_wanted_value_is_not_yet_applied` |

use serde_json::Value;

use super::server::{API_VERSION, Refusal, Server};
use super::{Force, Plan, Step};
use crate::engine::author::Author;
use crate::engine::defaults::{DefaultClass, Origin};
use crate::engine::intent::Intent;
use crate::engine::live::{FieldManager, Live};
use crate::engine::outcome::{Outcome, Reason, UnitAction};
use crate::engine::policy::{Conflicts, Policy};
use crate::engine::unit::{Unit, UnitPath};

mod annotations;
mod history;
mod moves;
mod obstacles;
mod ownership;
mod policies;
mod property;
mod reference;
mod removal;
mod server_facts;

/// The name under which the program writes.
const OURS: &str = "classkeeper";
/// The controller that all defaults name.
const CONTROLLER: &str = "example.dev/c";

fn default_class(units: impl IntoIterator<Item = (Unit, Value)>, policy: Policy) -> DefaultClass {
    let controller = (Unit::ControllerName, CONTROLLER.into());
    let units = units.into_iter().chain([controller]).collect();
    let origin = Origin { file: "10-edge.yaml".into(), line: 1 };
    DefaultClass { name: "edge".into(), units, policy, when: None, author: Author::Platform, origin }
}

/// A default with these units, by their spelling, and its policy.
fn wants<V: Into<Value>>(units: impl IntoIterator<Item = (&'static str, V)>, policy: Policy) -> DefaultClass {
    default_class(units.into_iter().map(|(unit, value)| (unit.parse().unwrap(), value.into())), policy)
}

fn yielding() -> Policy {
    Policy::default()
}

fn conflicts(conflicts: Conflicts) -> Policy {
    Policy { conflicts, ..Policy::default() }
}

/// What somebody sends: an object with these units. In an update nulls remove.
fn object(units: impl IntoIterator<Item = (Unit, Value)>) -> Value {
    let mut intent = Intent::new("edge");
    for (unit, value) in units {
        intent.set(&unit, value);
    }
    intent.body(API_VERSION)
}

/// An object with these units, by their spelling, and the controller.
fn class<V: Into<Value>>(units: impl IntoIterator<Item = (&'static str, V)>) -> Value {
    let units = units.into_iter().map(|(unit, value)| (unit.parse().unwrap(), value.into()));
    object(units.chain([(Unit::ControllerName, CONTROLLER.into())]))
}

/// A class that a pass over this default has made.
fn made_by(default: &DefaultClass) -> Server {
    let mut server = Server::default();
    settle(&mut server, default);
    server
}

/// A plan that owns what it speaks of.
#[derive(Debug, PartialEq)]
struct Planned {
    live: Option<Live>,
    step: Step,
    outcome: Outcome,
    reason: Option<Reason>,
    message: Option<String>,
    actions: Vec<(String, UnitAction)>,
}

fn ours() -> FieldManager {
    FieldManager::new(OURS).unwrap()
}

fn plan(server: &Server, default: &DefaultClass) -> Planned {
    let (live, manager) = (server.live(), ours());
    Planned::from(Plan::new(default, live.as_ref(), &manager), live.as_ref())
}

impl Planned {
    fn from(plan: Plan<'_>, live: Option<&Live>) -> Self {
        let Plan { step, outcome, reason, message, units } = plan;
        let actions = units.iter().map(|unit| (unit.unit.to_string(), unit.action)).collect();
        Self { step, outcome, reason, message, actions, live: live.cloned() }
    }

    fn action(&self, unit: &str) -> Option<UnitAction> {
        self.actions.iter().find(|(name, _)| name == unit).map(|(_, action)| *action)
    }

    fn body(&self) -> Value {
        match &self.step {
            Step::Create(intent) | Step::Apply(intent, _) => intent.body(API_VERSION),
            Step::Rest | Step::Rewrite(_) | Step::Replace | Step::Delete | Step::Grip(_) => {
                panic!("nothing is applied: {self:?}")
            }
        }
    }

    /// What the request says about a unit.
    fn sent(&self, unit: &str) -> Option<Value> {
        let body = self.body();
        let value = match unit.parse::<Unit>().unwrap().path() {
            UnitPath::Spec(field) => body["spec"].get(field),
            UnitPath::Metadata(map, key) => body["metadata"].get(map)?.get(key),
        };
        value.cloned()
    }

    fn force(&self) -> Option<Force> {
        match self.step {
            Step::Apply(_, force) => Some(force),
            Step::Rest | Step::Create(_) | Step::Rewrite(_) | Step::Replace | Step::Delete | Step::Grip(_) => None,
        }
    }

    /// Whether the request is refused once anybody wrote to the class.
    fn is_bound_to_state(&self) -> bool {
        self.body()["metadata"].get("resourceVersion").is_some()
    }

    /// Sends the request to the class that it was planned from.
    fn send(&self, server: &mut Server) -> Result<(), Refusal> {
        send(&self.step, self.live.as_ref(), server)
    }
}

/// Sends a step, as the program does; no Gateway uses the class.
fn send(step: &Step, planned: Option<&Live>, server: &mut Server) -> Result<(), Refusal> {
    match (step, planned) {
        (Step::Create(intent), _) => server.apply(OURS, &intent.body(API_VERSION), false),
        (Step::Apply(intent, force), _) => server.apply(OURS, &intent.body(API_VERSION), *force == Force::Yes),
        (Step::Rewrite(how), Some(planned)) => server.rewrite(&ours(), planned, how),
        (Step::Replace | Step::Delete, Some(planned)) => {
            if server.live().as_ref() != Some(planned) {
                return Err(Refusal::Stale);
            }
            server.delete();
            Ok(())
        }
        // Planned apart from all this: `engine::protection` has its tests.
        (Step::Rest | Step::Grip(_), _) | (_, None) => panic!("there is nothing to send: {step:?}"),
    }
}

/// Plans and sends until nothing is left to do; what was planned on the way, the rest last.
fn settle(server: &mut Server, default: &DefaultClass) -> Vec<Planned> {
    let mut plans = Vec::new();
    for _ in 0..5 {
        let planned = plan(server, default);
        let rests = planned.step == Step::Rest;
        if !rests {
            planned.send(server).unwrap();
        }
        plans.push(planned);
        if rests {
            return plans;
        }
    }
    panic!("no rest: {plans:#?}");
}

/// A unit's value on the server.
fn value<'a>(server: &'a Server, unit: &str) -> Option<&'a Value> {
    server.value(&unit.parse().unwrap())
}

/// Who owns any of a unit's value on the server, as `manager/Operation`.
fn owners(server: &Server, unit: &str) -> Vec<String> {
    let owners = server.owners(&unit.parse().unwrap());
    owners.iter().map(|owner| format!("{}/{:?}", owner.manager, owner.operation)).collect()
}
