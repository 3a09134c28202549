//! The manual page, by groff as `man` calls it.

use std::io::Write;
use std::process::Command;

use crate::{printed, shell};

/// The commands of the help.
fn commands() -> Vec<String> {
    let help = printed("classkeeper -h");
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let list = list.split("\n\n").next().unwrap();
    let names =
        list.lines().filter(|line| !line.starts_with("   ")).map(|line| line.split_whitespace().next().unwrap());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// A page as a reader sees it. Only CI must have groff; who hasn't is told.
fn read(line: &str) -> Option<String> {
    if Command::new("groff").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "there is no groff: install Debian's groff-base or the like");
        let _ = writeln!(std::io::stderr(), "The manual was NOT read, for want of groff");
        return None;
    }
    let output = shell(&format!("{line} | groff -man -Tutf8 -ww -rHY=0 -rLL=80n -P-cbou")).output().unwrap();
    let warnings = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && warnings.is_empty(), "{line}: {warnings}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn one_page_has_every_command_and_groff_has_nothing_against_it() {
    let Some(page) = read("classkeeper man") else { return };
    for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXAMPLES", "EXIT STATUS"] {
        assert!(page.lines().any(|line| line == heading), "{heading} is missing in\n{page}");
    }
    for command in commands() {
        assert!(page.contains(&format!("   classkeeper {command}\n")), "{command} is missing in\n{page}");
    }
    for text in
        ["classkeeper pin edge spec.description \"metadata.labels['team']\"", "--deny-warnings", "--removal-delay"]
    {
        assert!(page.contains(text), "{text} is missing in\n{page}");
    }
    let long: Vec<_> = page.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn each_command_has_a_page_of_its_own() {
    let commands = commands();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        let Some(page) = read(&format!("classkeeper man {command}")) else { return };
        let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&format!(" NAME classkeeper-{command} - ")), "{page}");
        assert!(words.contains(&format!(" SYNOPSIS classkeeper {command} [OPTIONS]")), "{page}");
        assert!(page.contains("\nEXAMPLES\n") && page.contains("\nEXIT STATUS\n"), "{page}");
    }
}
