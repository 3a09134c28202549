//! Set-up, dispatch and exit status; everything else is in the library.

use std::process::ExitCode;

use clap::Parser;
use classkeeper::commands::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
