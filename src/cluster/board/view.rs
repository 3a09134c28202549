//! One class as the board knows it, whole: its default, what is on the cluster, and what happens to each unit.

use std::sync::Arc;

use super::Board;
use super::listing::Standing;
use crate::engine::defaults::DefaultClass;
use crate::engine::live::{FieldManager, Live};
use crate::engine::outcome::{LastChange, Outcome, Owner, Reason, UnitAction, UnitReport};
use crate::engine::unit::{Unit, Units};
use crate::engine::value::UnitValue;

/// One class.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: Arc<str>,
    /// How it stands.
    pub standing: Standing,
    /// Why, where the outcome alone doesn't say.
    pub reason: Option<Reason>,
    /// For people: the server's words, or what to do.
    pub message: Option<String>,
    /// The last outcome that was a change.
    pub last_change: Option<LastChange>,
    /// Its default; `None` if it left the files.
    pub default: Option<Arc<DefaultClass>>,
    /// The class on the cluster, if it is there.
    pub live: Option<Arc<Live>>,
    /// The field manager that it is kept under.
    pub manager: FieldManager,
    /// Each unit that the default names or that the class has, in order.
    pub units: Vec<UnitView>,
}

/// One unit of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitView {
    /// The unit.
    pub unit: Unit,
    /// What happens to it; `None` if nothing does: no file names it, or nothing came of the class.
    pub action: Option<UnitAction>,
    /// The value in the files.
    pub wanted: Option<UnitValue>,
    /// The value on the server.
    pub live: Option<UnitValue>,
    /// Everybody who owns a part of it on the server.
    pub owners: Vec<Owner>,
}

impl Board {
    /// One class; `None` if no default names it and nothing came of it.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<View> {
        let (default, verdict, live) = {
            let state = self.lock();
            let default = state.defaults.as_ref().and_then(|defaults| defaults.get(name)).cloned();
            (default, state.verdicts.get(name).cloned(), state.cache.get(name).cloned())
        };
        let name =
            default.as_ref().map(|default| &default.name).or(verdict.as_ref().map(|verdict| verdict.task.name()))?;
        let author = verdict.as_ref().map(|verdict| verdict.task.author().clone());
        let author = author.or(default.as_ref().map(|default| default.author.clone())).unwrap_or_default();
        let manager = self.installation.manager(&author);
        let planned = match &verdict {
            // Nothing happens to any unit.
            Some(verdict) if verdict.outcome == Outcome::Skipped => Vec::new(),
            Some(verdict) => verdict.task.plan(live.as_deref(), &manager).unit_reports(live.as_deref()),
            None => Vec::new(),
        };
        Some(View {
            name: name.clone(),
            standing: verdict.as_ref().map_or(Standing::Waiting, |verdict| Standing::Reached(verdict.outcome)),
            reason: verdict.as_ref().and_then(|verdict| verdict.reason),
            message: verdict.as_ref().and_then(|verdict| verdict.message.clone()),
            last_change: verdict.as_ref().and_then(|verdict| verdict.last_change),
            units: units(&planned, default.as_ref().map(|default| &default.units), live.as_deref()),
            default,
            live,
            manager,
        })
    }
}

/// What is planned, and what the default names or the class has beside it.
fn units(planned: &[UnitReport], wanted: Option<&Units>, live: Option<&Live>) -> Vec<UnitView> {
    let names = |units: Option<&Units>| units.into_iter().flat_map(Units::iter).map(|(unit, _)| unit.clone()).collect();
    let mut all: Vec<Unit> = names(wanted);
    all.extend::<Vec<_>>(names(live.map(|live| &live.units)));
    all.extend(planned.iter().map(|report| report.unit.clone()));
    all.sort();
    all.dedup();
    let action = |unit: &Unit| planned.iter().find(|report| report.unit == *unit).map(|report| report.action);
    all.into_iter()
        .map(|unit| UnitView {
            action: action(&unit),
            wanted: wanted.and_then(|wanted| wanted.get(&unit)).cloned(),
            live: live.and_then(|live| live.units.get(&unit)).cloned(),
            owners: live.into_iter().flat_map(|live| live.owners(&unit)).map(Owner::from).collect(),
            unit,
        })
        .collect()
}
