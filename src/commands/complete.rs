//! What a command line may go on with, as kubectl asks its plugins: `kubectl_complete-classkeeper WORD…`, of which the last
//! word is still being written.
//!
//! The answer is that of Cobra's programs: a candidate on each line, after a tab what it is, and at the end what else the
//! shell may do. From <https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/> and Cobra's
//! `ShellCompDirective`.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command, ValueHint};

/// The shell may offer files.
const FILES: u8 = 0;
/// The shell offers nothing of its own.
const NO_FILES: u8 = 4;
/// The shell offers directories only.
const DIRECTORIES: u8 = 16;

/// The answer, for these words after the program's name.
pub(super) fn answer(mut root: Command, words: &[String]) -> String {
    root.build();
    let (last, before) = words.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let (mut command, mut unfinished, mut positionals) = (&root, None, 0);
    for word in before {
        // What stands after an option that takes a value is that value, whatever it looks like.
        if unfinished.take().is_some() {
            continue;
        }
        if word.starts_with('-') {
            unfinished = option(command, word).filter(|arg| takes_value(arg) && !word.contains('='));
        } else if let Some(inner) = command.find_subcommand(word) {
            command = inner;
        } else {
            positionals += 1;
        }
    }
    if let Some(arg) = unfinished {
        return values(arg, last, "");
    }
    if let Some((flag, value)) = last.split_once('=').filter(|_| last.starts_with("--")) {
        return option(command, flag)
            .map_or_else(|| text(&[], NO_FILES), |arg| values(arg, value, &format!("{flag}=")));
    }
    if last.starts_with('-') {
        return text(&options(command, last), NO_FILES);
    }
    let commands: Vec<_> = command
        .get_subcommands()
        .filter(|inner| inner.get_name().starts_with(last))
        .map(|inner| (inner.get_name().to_owned(), inner.get_about().map(ToString::to_string)))
        .collect();
    if command.has_subcommands() {
        return text(&commands, NO_FILES);
    }
    let places: Vec<_> = command.get_positionals().collect();
    // The last place takes all further words, if it takes more than one.
    let further = places.last().filter(|arg| takes_many(arg));
    places.get(positionals).or(further).map_or_else(|| text(&[], NO_FILES), |arg| values(arg, last, ""))
}

/// The option that a word names.
fn option<'c>(command: &'c Command, word: &str) -> Option<&'c Arg> {
    let name = word.split('=').next().unwrap_or_default();
    command.get_arguments().find(|arg| match name.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short().is_some_and(|short| name.strip_prefix('-') == Some(short.to_string().as_str())),
    })
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) && !arg.is_require_equals_set()
}

fn takes_many(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.max_values() > 1) || matches!(arg.get_action(), ArgAction::Append)
}

/// The long options that begin so, each with what it is.
fn options(command: &Command, begin: &str) -> Vec<(String, Option<String>)> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let long =
        shown.filter_map(|arg| Some((format!("--{}", arg.get_long()?), arg.get_help().map(ToString::to_string))));
    long.filter(|(name, _)| name.starts_with(begin)).collect()
}

/// What an option or a place may be.
fn values(arg: &Arg, begin: &str, prefix: &str) -> String {
    let possible = arg.get_possible_values();
    let possible: Vec<_> = possible
        .iter()
        .filter(|value| value.get_name().starts_with(begin))
        .map(|value| (format!("{prefix}{}", value.get_name()), value.get_help().map(ToString::to_string)))
        .collect();
    let directive = match arg.get_value_hint() {
        ValueHint::FilePath | ValueHint::AnyPath => FILES,
        ValueHint::DirPath => DIRECTORIES,
        _ => NO_FILES,
    };
    text(&possible, directive)
}

fn text(candidates: &[(String, Option<String>)], directive: u8) -> String {
    let mut text = String::new();
    // Writing to a String can't fail, here and below.
    for (candidate, what) in candidates {
        match what {
            Some(what) => drop(writeln!(text, "{candidate}\t{}", what.lines().next().unwrap_or_default())),
            None => drop(writeln!(text, "{candidate}")),
        }
    }
    let _ = writeln!(text, ":{directive}");
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::commands::Cli;

    /// The candidates without what they are, and the directive.
    fn asked(line: &str) -> (Vec<String>, String) {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let answer = answer(Cli::command(), &words);
        let mut lines: Vec<_> =
            answer.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect();
        let directive = lines.pop().unwrap();
        (lines, directive)
    }

    fn is(line: &str, candidates: &[&str], directive: &str) {
        let expected = candidates.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert_eq!(asked(line), (expected, directive.to_owned()), "{line}");
    }

    #[test]
    fn commands_options_and_values_are_completed() {
        is("ap", &["apply"], ":4");
        is("-v --context prod ap", &["apply"], ":4");
        is("apply --dry", &["--dry-run"], ":4");
        is("apply --kubec", &["--kubeconfig"], ":4");
        is("check -o g", &["github"], ":4");
        is("check -o=j", &[], ":4");
        is("check --output=j", &["--output=json", "--output=junit"], ":4");
        is("--color a", &["auto", "always"], ":4");
        is("completions z", &["zsh"], ":4");
    }

    #[test]
    fn paths_are_left_to_the_shell() {
        is("check ", &[], ":0");
        is("check one t", &[], ":0");
        is("apply ", &[], ":0");
        is("apply one t", &[], ":4");
        is("run --defaults ", &[], ":16");
        is("owners ", &[], ":4");
        is("owners a --defaults ", &[], ":0");
    }

    #[test]
    fn an_empty_line_has_every_command() {
        let (commands, directive) = asked("");
        assert!(commands.len() > 10 && commands.contains(&"owners".to_owned()), "{commands:?}");
        assert_eq!(directive, ":4");
    }
}
