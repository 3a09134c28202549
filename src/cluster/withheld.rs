//! What comes of a class about which nothing is sent, although there may be something to do.

use std::sync::Arc;
use std::time::Duration;

use crate::cluster::execute::{Pass, Retry, Task};
use crate::engine::author::are_siblings;
use crate::engine::defaults::DefaultClass;
use crate::engine::live::{FieldManager, Live, Manager};
use crate::engine::outcome::{Outcome, Reason};
use crate::engine::plan::Step;
use crate::engine::when::Round;

/// The cluster has no such kind.
pub(crate) fn kind_missing() -> Pass {
    let message = "the cluster has no GatewayClass kind; install the Gateway API's CRDs";
    blocked(Reason::CrdMissing, message.to_owned(), None)
}

/// The kind is going, and every class with it.
pub(crate) fn kind_terminating(live: Option<Arc<Live>>) -> Pass {
    let message = "the CRD of GatewayClasses is being deleted; waiting for its return";
    blocked(Reason::CrdTerminating, message.to_owned(), live)
}

/// A Gateway uses the class that was to be deleted; the watch on Gateways tells when the last one goes.
pub(crate) fn in_use(gateway: &str, live: Option<Arc<Live>>) -> Pass {
    blocked(Reason::InUse, format!("it isn't deleted while the Gateway {gateway} uses it"), live)
}

/// Somebody deleted it, and its default respects that.
pub(crate) fn stays_deleted() -> Pass {
    skipped("somebody deleted it, and it stays deleted until its default changes", None)
}

/// Whether somebody deleted it isn't known yet.
pub(crate) fn names_not_known() -> Pass {
    skipped("waiting for the names of the classes that stay deleted", None)
}

/// What comes of a default whose condition doesn't hold, or isn't known to; `None` if it counts.
pub(crate) fn unmet(default: &DefaultClass, round: Option<&Round>, live: Option<&Arc<Live>>) -> Option<Pass> {
    let when = default.when.as_ref()?;
    let Some(round) = round else {
        return Some(skipped("waiting for what the cluster is, which `when` asks for", None));
    };
    match round.holds(when) {
        Ok(true) => None,
        Ok(false) => Some(skipped(&format!("when is false: {}", when.text()), live.cloned())),
        // Until the default or the cluster changes, it stays like this.
        Err(error) => {
            let (reason, message) = (Some(Reason::Invalid), error.to_string());
            Some(nothing_sent(Outcome::Failed, reason, message, live.cloned(), Retry::Never))
        }
    }
}

/// Another replica is to do it.
pub(crate) fn standby(task: &Task, live: Option<Arc<Live>>, manager: &FieldManager) -> Pass {
    let plan = task.plan(live.as_deref(), manager);
    let (outcome, message) = match plan.step {
        Step::Rest => (plan.outcome, plan.message.clone()),
        Step::Create(_) | Step::Apply(..) | Step::Rewrite(_) | Step::Replace | Step::Delete | Step::Grip(_) => {
            (Outcome::Skipped, Some(format!("left to the leader; it would be {}", plan.outcome.as_str())))
        }
    };
    let (reason, yielded) = (plan.reason, plan.yielded());
    Pass {
        outcome,
        at_rest: outcome,
        reason,
        message,
        found: live.clone(),
        live,
        yielded,
        writing: None,
        retry: Retry::Never,
    }
}

/// What a class is reported as while it is left alone after a fight. The other one is whoever owns a unit that isn't as
/// wanted, else whoever wrote last but us. Who only removes is recorded nowhere.
pub(crate) fn fighting(
    default: &DefaultClass,
    live: Option<Arc<Live>>,
    manager: &FieldManager,
    pause: Duration,
) -> Pass {
    let is_rival = |other: &&Manager| !are_siblings(&other.name, manager.as_str()) && other.subresource.is_none();
    let other = live.as_deref().and_then(|live| {
        let contested = |(unit, wanted)| live.units.get(unit) != Some(wanted);
        let contested: Vec<_> = default.units.iter().filter(|&unit| contested(unit)).map(|(unit, _)| unit).collect();
        let is_contested = |other: &Manager| contested.iter().any(|unit| other.fields.of(unit).is_some());
        live.managers.iter().filter(is_rival).max_by_key(|other| (is_contested(other), other.time))
    });
    let other = other.map_or("somebody", |other| &other.name);
    let message = format!(
        "{other} rewrites the class as often as we do; leaving it alone for {} s. Pin the unit, or stop the other one",
        pause.as_secs()
    );
    nothing_sent(Outcome::Fighting, None, message, live, Retry::After(pause))
}

fn blocked(reason: Reason, message: String, live: Option<Arc<Live>>) -> Pass {
    nothing_sent(Outcome::Blocked, Some(reason), message, live, Retry::Never)
}

fn skipped(message: &str, live: Option<Arc<Live>>) -> Pass {
    nothing_sent(Outcome::Skipped, None, message.to_owned(), live, Retry::Never)
}

fn nothing_sent(
    outcome: Outcome,
    reason: Option<Reason>,
    message: String,
    live: Option<Arc<Live>>,
    retry: Retry,
) -> Pass {
    Pass {
        outcome,
        at_rest: outcome,
        reason,
        message: Some(message),
        found: live.clone(),
        live,
        yielded: Box::default(),
        writing: None,
        retry,
    }
}
