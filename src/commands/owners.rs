//! `owners`: for each unit of a class what is wanted, what is there, and whose it is.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueHint;

use super::output::{self, Format};
use super::render;
use super::session::{Expanded, Session, valid_defaults};
use super::{Global, Verdict, runtime};
use crate::cluster::class_api::DryRun;
use crate::engine::defaults::{DefaultClass, Defaults};
use crate::engine::live::{FieldManager, Live};
use crate::engine::outcome::{ClassReport, Outcome, Owner, Report, UnitAction, UnitReport};
use crate::engine::plan::Plan;
use crate::engine::value::UnitValue;

/// Show whose each unit of a class is, and since when
///
/// Beside it stands what is there, and what the files want.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The classes; without any, all that the files name and all that are ours
    #[arg(value_name = "CLASS")]
    classes: Vec<String>,
    /// The defaults files; without it ./defaults.d, if that is there
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    defaults: Option<PathBuf>,
    #[command(flatten)]
    report: super::apply::ReportArgs,
}

impl Args {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        let Self { classes, defaults, report } = self;
        let usual = PathBuf::from("./defaults.d");
        let defaults = match defaults {
            Some(path) => valid_defaults(&path)?,
            None if usual.exists() => valid_defaults(&usual)?,
            None => Arc::default(),
        };
        let (session, defaults) = runtime()?.block_on(async {
            let session = Session::open(global, &report.installation, DryRun::Yes).await?;
            let Expanded { defaults, held: _, verdict: _ } = session.expand(&defaults).await?;
            anyhow::Ok((session, defaults))
        })?;
        let classes: Vec<_> = if classes.is_empty() {
            let named = session.live.values().filter(|live| defaults.get(&live.name).is_some());
            named.chain(session.ours()).cloned().collect()
        } else {
            classes.iter().map(|name| session.class(name).cloned()).collect::<anyhow::Result<_>>()?
        };
        let mut owned: Vec<_> =
            classes.iter().map(|live| class(live, &defaults, report.installation.platform())).collect();
        owned.sort_by(|a, b| a.name.cmp(&b.name));
        owned.dedup_by(|a, b| a.name == b.name);
        let owned: Report = owned.into_iter().collect();
        match report.output {
            Format::Text => output::data(&render::owners(&owned, output::columns()))?,
            Format::Json => output::json(&owned)?,
            Format::Yaml => output::yaml(&owned)?,
        }
        Ok(Verdict::Good)
    }
}

/// A class with every unit that the files name or that it has.
fn class(live: &Live, defaults: &Defaults, manager: &FieldManager) -> ClassReport {
    let default: Option<&DefaultClass> = defaults.get(&live.name).map(|default| &**default);
    let plan = default.map(|default| Plan::new(default, Some(live), manager));
    let mut units = plan.as_ref().map(|plan| plan.unit_reports(Some(live))).unwrap_or_default();
    for (unit, value) in live.units.iter() {
        if units.iter().all(|known| known.unit != *unit) {
            units.push(UnitReport {
                unit: unit.clone(),
                action: UnitAction::Ignored,
                wanted: default.and_then(|default| default.units.get(unit).map(UnitValue::to_json)),
                live: Some(value.to_json()),
                owners: live.owners(unit).map(Owner::from).collect(),
            });
        }
    }
    units.sort_by(|a, b| a.unit.cmp(&b.unit));
    ClassReport {
        name: live.name.clone(),
        outcome: plan.as_ref().map_or(Outcome::Skipped, |plan| plan.outcome),
        reason: plan.as_ref().and_then(|plan| plan.reason),
        message: plan.and_then(|plan| plan.message),
        source: default.map(|default| default.origin.to_string()),
        resource_version: Some(live.resource_version.clone()),
        units,
        last_change: None,
    }
}
