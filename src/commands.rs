//! The command line: what can be said, and one file for each command.

mod adopt;
mod advice;
mod apply;
mod called;
mod check;
mod complete;
mod completions;
mod load;
mod man;
mod manual;
mod output;
mod owners;
mod page;
mod pin;
mod progress;
mod release;
mod render;
mod run;
mod schema;
mod session;
mod webhook;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use tracing_subscriber::EnvFilter;

use self::called::Called;

/// Keeps default `GatewayClasses`: from files, by server-side apply, with every user's edit respected.
#[derive(Debug, Parser)]
#[command(name = "classkeeper", version, max_term_width = 100, about = ABOUT, long_about = ABOUT)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What the program is, in a sentence.
const ABOUT: &str = "Keeps default GatewayClasses: from files, by server-side apply, with every user's edit respected";

/// What every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The cluster's kubeconfig; without it KUBECONFIG, ~/.kube/config or the Pod's ServiceAccount
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig other than its current one
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// Say more: -v what is done, -vv also what isn't and why
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// How log lines look
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help = "When to use colour; NO_COLOR is honoured"
    )]
    color: Color,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Check(check::Args),
    Diff(apply::DiffArgs),
    Apply(apply::Args),
    Owners(owners::Args),
    Adopt(adopt::Args),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
    Release(release::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// What a command comes to; the contract gives each its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// All is as wanted.
    Good,
    /// It was done, and something isn't as wanted.
    Bad,
    /// It couldn't be done.
    Impossible,
}

impl Verdict {
    /// The worse of two.
    fn worst(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => Self::SUCCESS,
            Verdict::Bad => Self::from(1),
            Verdict::Impossible => Self::from(2),
        }
    }
}

/// The program: does what its command line says, and tells how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let called = words.first().map_or(Called::Itself, |name| Called::by(name));
    called.remember();
    if called == Called::Completer {
        let words: Vec<_> = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        return ended(output::data(&complete::answer(Cli::command(), &words)).map(|()| Verdict::Good));
    }
    // It also holds for the help and for what isn't understood, where nothing is read from the command line yet.
    match color_of(&words) {
        Some(Color::Always) => anstream::ColorChoice::Always.write_global(),
        Some(Color::Never) => anstream::ColorChoice::Never.write_global(),
        Some(Color::Auto) | None => {}
    }
    let color = match anstream::ColorChoice::global() {
        anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi => ColorChoice::Always,
        anstream::ColorChoice::Never => ColorChoice::Never,
        anstream::ColorChoice::Auto => ColorChoice::Auto,
    };
    let matches = manual::dressed(Cli::command(), called).color(color).get_matches_from(words);
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.run(),
        Err(error) => error.exit(),
    }
}

/// What a command line says about colour.
fn color_of(words: &[OsString]) -> Option<Color> {
    let words = words.iter().map(|word| word.to_str().unwrap_or_default());
    let mut values = words.clone().zip(words.skip(1)).filter_map(|(word, next)| match word {
        "--color" => Some(next),
        _ => next.strip_prefix("--color="),
    });
    values.next_back().and_then(|value| Color::from_str(value, false).ok())
}

fn ended(verdict: anyhow::Result<Verdict>) -> ExitCode {
    let verdict = verdict.unwrap_or_else(|error| {
        output::error(&error);
        Verdict::Impossible
    });
    verdict.into()
}

impl Cli {
    fn run(self) -> ExitCode {
        let Self { global, command } = self;
        let log_level = match (&command, global.verbose) {
            (Command::Run(_), 0) | (_, 1) => "info",
            // The client says on its own how each request failed, and the command says it better.
            (_, 0) => "warn,kube_client=off",
            (_, 2) => "debug,hyper=info,tower=info,kube=info,rustls=info",
            (_, _) => "trace",
        };
        global.start_log(log_level);
        ended(match command {
            Command::Run(args) => args.run(&global),
            Command::Check(args) => args.run(),
            Command::Diff(args) => args.run(&global),
            Command::Apply(args) => args.run(&global),
            Command::Owners(args) => args.run(&global),
            Command::Adopt(args) => args.run(&global),
            Command::Pin(args) => args.run(&global),
            Command::Unpin(args) => args.run(&global),
            Command::Release(args) => args.run(&global),
            Command::Schema(args) => args.run(),
            Command::Completions(args) => args.run(),
            Command::Man(args) => args.run(),
        })
    }
}

impl Global {
    fn start_log(&self, level: &str) {
        // RUST_LOG wins: whoever sets it is looking for something.
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
        let colors = match self.color {
            Color::Auto => {
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
            Color::Always => true,
            Color::Never => false,
        };
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(progress::lasting).with_target(false);
        match self.log_format {
            LogFormat::Text => log.with_ansi(colors).init(),
            LogFormat::Json => log.json().flatten_event(true).init(),
        }
    }
}

/// A runtime on this thread alone: one cluster's classes don't need a second, and each costs memory.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
