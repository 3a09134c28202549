//! `completions`: prints what a shell needs to complete this program's command lines.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Verdict, output};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Args {
    pub(super) fn run(&self) -> anyhow::Result<Verdict> {
        let Self { shell } = self;
        let mut text = Vec::new();
        clap_complete::generate(*shell, &mut Cli::command(), "classkeeper", &mut text);
        output::data(&String::from_utf8(text)?)?;
        Ok(Verdict::Good)
    }
}
