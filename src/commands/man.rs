//! `man`: prints the manual page, of the whole program or of one command.

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
    let program = page(root, "CLASSKEEPER");
    let mut text = rendered(&program, &[Man::render_title, Man::render_name_section, Man::render_synopsis_section])?;
    text += &rendered(&program, &[Man::render_description_section, Man::render_options_section])?;
    text += ".SH COMMANDS\n";
    for command in commands(root) {
        text += &format!(".SS {}\n", quoted(&format!("{} {}", root.get_name(), command.get_name())));
        let of_command = page(command, "");
        let sections = rendered(&of_command, &[Man::render_synopsis_section, Man::render_description_section])?;
        // Headings below the command's own would look as if they were the program's.
        text += &headings(&sections, |_| ".PP\n".to_owned());
        text += &headings(&own_options(command)?, |heading| format!(".PP\n{}\n", bold(heading)));
        text += &below(manual(Some(command.get_name())), |heading| format!(".PP\n{}\n", bold(heading)));
    }
    Ok(text + &below(manual(None), |heading| format!(".SH {}\n", quoted(heading))))
}

/// The page of one command.
fn alone(root: &Command, command: &Command) -> anyhow::Result<String> {
    let of_command = page(command, &format!("CLASSKEEPER-{}", command.get_name().to_uppercase()));
    let mut text = rendered(&of_command, &[Man::render_title, Man::render_name_section, Man::render_synopsis_section])?;
    text += &rendered(&of_command, &[Man::render_description_section, Man::render_options_section])?;
    text += &below(manual(Some(command.get_name())), |heading| format!(".SH {}\n", quoted(heading)));
    Ok(text + &format!(".SH \"SEE ALSO\"\n.BR {} (1)\n", root.get_name()))
}

fn page(command: &Command, title: &str) -> Man {
    Man::new(command.clone())
        .title(title)
        .manual("classkeeper")
        .source(concat!("classkeeper ", env!("CARGO_PKG_VERSION")))
}

fn commands(root: &Command) -> impl Iterator<Item = &Command> {
    root.get_subcommands().filter(|command| command.get_name() != "help")
}

/// The options that a command has and the program hasn't; those of the program stand once.
fn own_options(command: &Command) -> anyhow::Result<String> {
    let hidden = command.get_arguments().filter(|arg| arg.is_global_set() || arg.get_id() == "help");
    let hidden: Vec<_> = hidden.map(|arg| arg.get_id().clone()).collect();
    let command = hidden.into_iter().fold(command.clone(), |command, id| command.mut_arg(id, |arg| arg.hide(true)));
    rendered(&page(&command, ""), &[Man::render_options_section])
}

type Section = fn(&Man, &mut dyn io::Write) -> io::Result<()>;

fn rendered(page: &Man, sections: &[Section]) -> anyhow::Result<String> {
    let mut text = Vec::new();
    for section in sections {
        section(page, &mut text)?;
    }
    // Each section defines what it needs to show an apostrophe; once is enough, and so is what a line break needs.
    Ok(String::from_utf8(text)?)
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
        text += &format!(".PP\n{}:\n.PP\n.RS 4\n.nf\n{how}.fi\n.RE\n", escaped(what));
    }
    if !manual.statuses.is_empty() {
        text += &heading("EXIT STATUS");
    }
    for (code, meaning) in manual.statuses {
        text += &format!(".TP 4\n{}\n{}\n", bold(&code.to_string()), escaped(meaning));
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
