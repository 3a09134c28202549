//! `schema`: prints the JSON Schema of the defaults files.

use super::{Verdict, output};
use crate::engine::schema::schema_text;

/// Print the JSON Schema (draft-07) of the defaults files
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(&self) -> anyhow::Result<Verdict> {
        let Self {} = self;
        output::data(&schema_text())?;
        Ok(Verdict::Good)
    }
}
