//! What `--help` and the manual say beside the options: examples, and how a command ends.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use clap::Command;
use clap::builder::{StyledStr, Styles};

use super::called::Called;

/// What is said of a command.
pub(super) struct Manual {
    /// The command; the program itself has none.
    command: Option<&'static str>,
    /// What somebody wants to do, and how they do it. `{}` stands for what is typed to call the program.
    pub(super) examples: &'static [(&'static str, &'static str)],
    /// What each exit status means.
    pub(super) statuses: &'static [(u8, &'static str)],
}

/// How a command ends that writes to classes.
const WRITES: [(u8, &str); 3] = [
    (0, "all as wanted"),
    (1, "some class is Conflict, Blocked, Fighting or Failed"),
    (2, "it couldn't run, and nothing more was sent"),
];
/// How a command ends that only shows.
const SHOWS: [(u8, &str); 2] = [(0, "shown"), (2, "it couldn't look")];
/// How a command ends that needs neither files nor a cluster.
const PRINTS: [(u8, &str); 2] = [(0, "printed"), (2, "it couldn't be written")];

const MANUALS: [Manual; 14] = [
    Manual {
        command: None,
        examples: &[
            ("Validate files, without a cluster", "{} check defaults"),
            ("See what they would change, then change it", "{} diff defaults\n{} apply defaults"),
            ("See whose each field of a class is", "{} owners edge"),
        ],
        statuses: &[
            (0, "all as wanted"),
            (1, "it was done, and something isn't as wanted"),
            (2, "it couldn't be done, or wasn't understood"),
        ],
    },
    Manual {
        command: Some("run"),
        examples: &[
            ("Keep the classes of a folder, and follow its changes", "{} run --defaults defaults"),
            (
                "Read files from the API server; of several replicas one writes",
                "{} run --configmap platform/gateway-classes --leader-elect",
            ),
        ],
        statuses: &[(0, "ended by SIGTERM or SIGINT"), (2, "wrong use, or it couldn't go on")],
    },
    Manual {
        command: Some("check"),
        examples: &[
            ("Validate ./defaults.d", "{} check"),
            ("Two sources, strictly", "{} check --deny-warnings platform edge.yaml"),
            ("Mark the lines of a pull request, in GitHub Actions", "{} check -o github defaults"),
            ("A report for GitLab or Jenkins", "{} check -o junit defaults > classkeeper.xml"),
        ],
        statuses: &[(0, "valid"), (1, "findings"), (2, "it couldn't look")],
    },
    Manual {
        command: Some("diff"),
        examples: &[
            ("What would change, and what stays somebody else's", "{} diff defaults"),
            ("Also what would leave, if this folder is all there is", "{} diff --prune defaults"),
        ],
        statuses: &[
            (0, "all as wanted"),
            (1, "something differs, or would be left alone as Conflict or Blocked"),
            (2, "it couldn't ask"),
        ],
    },
    Manual {
        command: Some("apply"),
        examples: &[
            ("Apply a folder once", "{} apply defaults"),
            ("Release or delete the classes that left it, too", "{} apply --prune defaults"),
            ("The outcome of each class, for a program", "{} apply -o json defaults | jq '.summary'"),
        ],
        statuses: &WRITES,
    },
    Manual {
        command: Some("owners"),
        examples: &[
            ("One class, beside what the files want", "{} owners edge --defaults defaults"),
            ("Every class that is ours or that ./defaults.d names", "{} owners"),
        ],
        statuses: &SHOWS,
    },
    Manual {
        command: Some("adopt"),
        examples: &[
            ("Take a class over from a Helm chart", "{} adopt edge --from helm --defaults defaults"),
            ("From whoever applied it by hand", "{} adopt edge --from kubectl kubectl-client-side-apply"),
        ],
        statuses: &WRITES,
    },
    Manual {
        command: Some("pin"),
        examples: &[(
            "Keep the description and a label as they are",
            "{} pin edge spec.description \"metadata.labels['team']\"",
        )],
        statuses: &WRITES,
    },
    Manual {
        command: Some("unpin"),
        examples: &[("Let the files decide on the description again", "{} unpin edge spec.description")],
        statuses: &WRITES,
    },
    Manual {
        command: Some("release"),
        examples: &[
            ("Give up one class", "{} release edge"),
            (
                "Uninstall: stop the controller, then give up every class",
                "kubectl -n classkeeper scale deployment classkeeper --replicas=0\n{} release --all --namespace classkeeper",
            ),
        ],
        statuses: &WRITES,
    },
    Manual {
        command: Some("schema"),
        examples: &[("Keep a copy beside the files, for editors", "{} schema > defaults.v1alpha1.json")],
        statuses: &PRINTS,
    },
    Manual {
        command: Some("completions"),
        examples: &[
            ("bash", "echo 'source <({} completions bash)' >> ~/.bashrc"),
            ("zsh, into a folder of $fpath", "{} completions zsh > \"${fpath[1]}/_classkeeper\""),
            ("fish", "cd ~/.config/fish/completions\n{} completions fish > classkeeper.fish"),
            ("PowerShell", "{} completions powershell >> $PROFILE"),
            ("elvish", "{} completions elvish >> ~/.config/elvish/rc.elv"),
            (
                "kubectl's plugin: kubectl asks the program itself, by a second link",
                "ln -s classkeeper kubectl-classkeeper\nln -s classkeeper kubectl_complete-classkeeper",
            ),
        ],
        statuses: &PRINTS,
    },
    Manual {
        command: Some("man"),
        examples: &[
            ("Read it", "{} man | man -l -"),
            (
                "Install it, with a page of its own for a command",
                "{} man > classkeeper.1\n{} man apply > classkeeper-apply.1",
            ),
        ],
        statuses: &PRINTS,
    },
    Manual { command: Some("help"), examples: &[], statuses: &[] },
];

/// What is said of a command; of the program itself without one.
pub(super) fn manual(command: Option<&str>) -> &'static Manual {
    const NOTHING: Manual = Manual { command: None, examples: &[], statuses: &[] };
    MANUALS.iter().find(|manual| manual.command == command).unwrap_or(&NOTHING)
}

/// The command line with its manual, in the words of how it is called.
pub(super) fn dressed(command: Command, called: Called) -> Command {
    let command = command.bin_name(called.name()).after_long_help(after(manual(None), called));
    let command = command.after_help(format!("'{} COMMAND --help' tells more, with examples.", called.name()));
    command.mut_subcommands(|sub| {
        let text = after(manual(Some(sub.get_name())), called);
        let sub = if text.to_string().is_empty() { sub } else { sub.after_long_help(text) };
        sub.after_help("--help tells more, with examples.")
    })
}

/// Examples and exit statuses, as they stand below the options.
fn after(manual: &Manual, called: Called) -> StyledStr {
    let header = *Styles::styled().get_header();
    let comment = Style::new().dimmed();
    let status = AnsiColor::Cyan.on_default();
    let mut text = String::new();
    // Writing to a String can't fail, here and below.
    if !manual.examples.is_empty() {
        let _ = writeln!(text, "{header}Examples:{header:#}");
    }
    for (index, (what, how)) in manual.examples.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let _ = writeln!(text, "  {comment}# {what}{comment:#}");
        for line in how.replace("{}", called.name()).lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    if !manual.statuses.is_empty() {
        let _ = writeln!(text, "\n{header}Exit status:{header:#}");
    }
    for (code, meaning) in manual.statuses {
        let _ = writeln!(text, "  {status}{code}{status:#}  {meaning}");
    }
    text.trim_end().to_owned().into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::commands::Cli;

    #[test]
    fn every_command_has_examples_that_it_understands() {
        let mut root = Cli::command();
        root.build();
        for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
            let examples = manual(Some(command.get_name())).examples;
            assert!(!examples.is_empty(), "{} has none", command.get_name());
            for (what, how) in examples {
                assert!(what.len() <= 76, "{what} is too long for 80 columns");
                let calls = how.lines().filter_map(|line| line.strip_prefix("{} "));
                for call in calls {
                    let words = call.split(['>', '|']).next().unwrap().split_whitespace();
                    let words = words.map(|word| word.trim_matches('"'));
                    let understood = Cli::command().try_get_matches_from(std::iter::once("classkeeper").chain(words));
                    assert!(understood.is_ok(), "{call}: {}", understood.unwrap_err());
                }
            }
        }
    }
}
