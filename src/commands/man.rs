//! `man`: prints the manual page, of the whole program or of one command.

use std::fmt::Write;
use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::manual::{Manual, manual};
use super::{Cli, Verdict, output};
use crate::commands::called::Called;

/// Print the manual page
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The command whose page it is to be; without it, one page has all
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<Verdict> {
        let Self { command: asked } = self;
        let mut root = Cli::command().bin_name("classkeeper").disable_help_subcommand(true);
        root.build();
        let page = match asked {
            None => whole(&root)?,
            Some(name) => {
                let command =
                    root.find_subcommand(&name).ok_or_else(|| super::advice::unknown_command(&name, &root))?;
                alone(&root, command)?
            }
        };
        output::data(&page)?;
        Ok(Verdict::Good)
    }
}

/// A page with every command.
fn whole(root: &Command) -> anyhow::Result<String> {
    let program = page(root);
    let mut text = title(root.get_name());
    text += &rendered(&program, &[Man::render_name_section, Man::render_synopsis_section])?;
    text += &rendered(&program, &[Man::render_description_section, Man::render_options_section])?;
    text += ".SH COMMANDS\n";
    for command in commands(root) {
        let heading = quoted(&format!("{} {}", root.get_name(), command.get_name()));
        // Writing to a String can't fail, here and below.
        let _ = writeln!(text, ".SS {heading}");
        let sections = rendered(&page(command), &[Man::render_synopsis_section, Man::render_description_section])?;
        // Headings below the command's own would look as if they were the program's.
        text += &headings(&sections, |_| ".PP\n".to_owned());
        text += &headings(&own_options(command)?, |heading| format!(".PP\n{}\n", bold(heading)));
        text += &below(manual(Some(command.get_name())), |heading| format!(".PP\n{}\n", bold(heading)));
    }
    Ok(text + &below(manual(None), |heading| format!(".SH {}\n", quoted(heading))))
}

/// The page of one command.
fn alone(root: &Command, command: &Command) -> anyhow::Result<String> {
    let of_command = page(command);
    let mut text = title(&format!("{}-{}", root.get_name(), command.get_name()));
    text += &rendered(&of_command, &[Man::render_name_section, Man::render_synopsis_section])?;
    text += &rendered(&of_command, &[Man::render_description_section, Man::render_options_section])?;
    text += &below(manual(Some(command.get_name())), |heading| format!(".SH {}\n", quoted(heading)));
    Ok(text + &format!(".SH \"SEE ALSO\"\n.BR {} (1)\n", root.get_name()))
}

/// How a page begins. Without a date, since it is that of the build.
fn title(name: &str) -> String {
    let (name, version) = (quoted(&name.to_uppercase()), env!("CARGO_PKG_VERSION"));
    format!("{APOSTROPHE}.TH {name} 1 \"\" \"classkeeper {version}\" \"classkeeper\"\n")
}

/// A command as its page has it: its synopsis is that of the help.
fn page(command: &Command) -> Man {
    let usage = command.clone().render_usage().to_string();
    Man::new(command.clone().override_usage(usage.trim_start_matches("Usage: ").to_owned()))
}

fn commands(root: &Command) -> impl Iterator<Item = &Command> {
    root.get_subcommands().filter(|command| command.get_name() != "help")
}

/// The options that a command has and the program hasn't; those of the program stand once.
fn own_options(command: &Command) -> anyhow::Result<String> {
    let hidden = command.get_arguments().filter(|arg| arg.is_global_set() || arg.get_id() == "help");
    let hidden: Vec<_> = hidden.map(|arg| arg.get_id().clone()).collect();
    let command = hidden.into_iter().fold(command.clone(), |command, id| command.mut_arg(id, |arg| arg.hide(true)));
    rendered(&page(&command), &[Man::render_options_section])
}

/// How the sections show an apostrophe, on old programs too.
const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

type Section = fn(&Man, &mut dyn io::Write) -> io::Result<()>;

fn rendered(page: &Man, sections: &[Section]) -> anyhow::Result<String> {
    let mut text = Vec::new();
    for section in sections {
        section(page, &mut text)?;
    }
    // Each section brings it along; once is enough.
    Ok(String::from_utf8(text)?.replace(APOSTROPHE, ""))
}

/// The text with other headings.
fn headings(text: &str, heading: impl Fn(&str) -> String) -> String {
    text.lines()
        .map(|line| match line.strip_prefix(".SH ") {
            Some(words) => heading(words.trim_matches('"')),
            None => format!("{line}\n"),
        })
        .collect()
}

/// Examples and exit statuses.
fn below(manual: &Manual, heading: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    if !manual.examples.is_empty() {
        text += &heading("EXAMPLES");
    }
    for (what, how) in manual.examples {
        let how: String = how.replace("{}", Called::Itself.name()).lines().map(|line| escaped(line) + "\n").collect();
        let _ = write!(text, ".PP\n{}:\n.PP\n.RS 4\n.nf\n{how}.fi\n.RE\n", escaped(what));
    }
    if !manual.statuses.is_empty() {
        text += &heading("EXIT STATUS");
    }
    for (code, meaning) in manual.statuses {
        let _ = writeln!(text, ".TP 4\n{}\n{}", bold(&code.to_string()), escaped(meaning));
    }
    text
}

fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escaped(text))
}

/// An argument of a macro.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text).replace('"', "\\(dq"))
}

/// A text as roff shows it letter by letter.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('~', "\\(ti");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}
