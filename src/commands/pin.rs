//! `pin` and `unpin`: keep a unit as it is, through the annotation that every user may set by hand.

use std::collections::BTreeSet;

use super::advice::{Advised, unknown_class};
use super::called::name as program;
use super::output;
use super::session::Session;
use super::{Global, Verdict, runtime};
use crate::cluster::class_api::{Classes, DryRun};
use crate::cluster::error::ApiError;
use crate::engine::annotations::{IGNORE, Ignore};
use crate::engine::author::Installation;
use crate::engine::unit::Unit;
use crate::engine::validate::suggest::did_you_mean;

/// How often to read the class again when somebody wrote in between.
const ATTEMPTS: usize = 5;
/// The annotation is the user's, not the controller's.
const MANAGER: &str = "classkeeper-pin";

/// Keep units of a class as they are now, whatever the files say
///
/// Sets the annotation classkeeper.dev/ignore. Units are written as in reports. A unit that the class hasn't is kept away.
#[derive(Debug, clap::Args)]
pub(super) struct PinArgs {
    #[command(flatten)]
    which: Which,
}

/// Let the files decide on units again
///
/// Takes them out of the annotation classkeeper.dev/ignore.
#[derive(Debug, clap::Args)]
pub(super) struct UnpinArgs {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The class
    #[arg(value_name = "CLASS")]
    class: String,
    /// The units
    #[arg(required = true, value_name = "UNIT")]
    units: Vec<Unit>,
}

impl PinArgs {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        self.which.change(global, BTreeSet::extend)
    }
}

impl UnpinArgs {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<Verdict> {
        self.which.change(global, |pinned, units| pinned.retain(|unit| !units.contains(unit)))
    }
}

impl Which {
    fn change(self, global: &Global, how: impl Fn(&mut BTreeSet<Unit>, Vec<Unit>)) -> anyhow::Result<Verdict> {
        let Self { class, units } = self;
        let pinned = runtime()?.block_on(async {
            let manager = Installation::new(MANAGER)?;
            let session = Session::open(global, &manager, DryRun::No).await?;
            let live = session.class(&class)?;
            let pinned = set(&session.classes, &class, |pinned| how(pinned, units.clone())).await?;
            for unit in units.iter().filter(|unit| pinned.contains(unit) && live.units.get(unit).is_none()) {
                // It may be meant: a unit that somebody removed stays away that way.
                output::say(&absent(&class, unit));
            }
            anyhow::Ok(pinned)
        })?;
        let names: Vec<_> = pinned.iter().map(ToString::to_string).collect();
        output::data(&match names.as_slice() {
            [] => format!("{class}: nothing is pinned\n"),
            names => format!("{class}: pinned are {}\n", names.join(", ")),
        })?;
        Ok(Verdict::Good)
    }
}

/// What is said about a unit that the class hasn't.
fn absent(class: &str, unit: &Unit) -> String {
    let fields = [Unit::ControllerName, Unit::Description, Unit::ParametersRef].map(|field| field.to_string());
    let unit_text = unit.to_string();
    let others = fields.iter().map(String::as_str).filter(|field| *field != unit_text);
    let meant = did_you_mean(&unit_text, others);
    let meant = meant.map(|meant| format!("; {meant}")).unwrap_or_default();
    format!("{class} has no {unit}: as long as it's pinned, the files don't bring it{meant}")
}

/// Changes the pinned units of a class; which are pinned then.
async fn set(classes: &Classes, name: &str, how: impl Fn(&mut BTreeSet<Unit>)) -> anyhow::Result<BTreeSet<Unit>> {
    for _ in 0..ATTEMPTS {
        let live = classes.get(name).await?.ok_or_else(|| unknown_class(name, []))?;
        let before: BTreeSet<_> = match Ignore::of(&live) {
            Ignore::Units(units) => units.into_iter().collect(),
            Ignore::Malformed(complaint) => {
                let advice = format!("correct it with `kubectl annotate gatewayclass {name} --overwrite {IGNORE}=…`");
                return Err(Advised::new(complaint, advice).into());
            }
        };
        let mut after = before.clone();
        how(&mut after);
        if after == before {
            return Ok(after);
        }
        let names: Vec<_> = after.iter().map(ToString::to_string).collect();
        let value = (!names.is_empty()).then(|| names.join(", "));
        match classes.annotate(&live, IGNORE, value.as_deref()).await {
            Ok(_) => return Ok(after),
            Err(ApiError::Stale { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Advised::new(
        format!("others kept writing to {name}"),
        format!("try again; `{} owners {name}` tells who", program()),
    )
    .into())
}
