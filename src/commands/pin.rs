//! `pin` and `unpin`: keep a unit as it is, through the annotation that every user may set by hand.

use std::collections::BTreeSet;

use anyhow::{Context, bail};

use super::output;
use super::session::Session;
use super::{Global, Verdict, runtime};
use crate::cluster::class_api::{Classes, DryRun};
use crate::cluster::error::ApiError;
use crate::engine::annotations::{IGNORE, Ignore};
use crate::engine::author::Installation;
use crate::engine::unit::Unit;

/// How often to read the class again when somebody wrote in between.
const ATTEMPTS: usize = 5;
/// The annotation is the user's, not the controller's.
const MANAGER: &str = "classkeeper-pin";

/// Keep units of a class as they are now, whatever the files say
///
/// Sets the annotation classkeeper.dev/ignore. Units are written as in reports: `spec.description`,
/// `metadata.labels['team']`.
#[derive(Debug, clap::Args)]
pub(super) struct PinArgs {
    #[command(flatten)]
    which: Which,
}

/// Let the files decide on units again
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
            session.class(&class)?;
            set(&session.classes, &class, |pinned| how(pinned, units.clone())).await
        })?;
        let names: Vec<_> = pinned.iter().map(ToString::to_string).collect();
        output::data(&match names.as_slice() {
            [] => format!("{class}: nothing is pinned\n"),
            names => format!("{class}: pinned are {}\n", names.join(", ")),
        })?;
        Ok(Verdict::Good)
    }
}

/// Changes the pinned units of a class; which are pinned then.
async fn set(classes: &Classes, name: &str, how: impl Fn(&mut BTreeSet<Unit>)) -> anyhow::Result<BTreeSet<Unit>> {
    for _ in 0..ATTEMPTS {
        let live = classes.get(name).await?.with_context(|| format!("the cluster has no GatewayClass {name}"))?;
        let before: BTreeSet<_> = match Ignore::of(&live) {
            Ignore::Units(units) => units.into_iter().collect(),
            Ignore::Malformed(complaint) => bail!("{complaint}; correct it first"),
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
    bail!("others kept writing to {name}; try again")
}
