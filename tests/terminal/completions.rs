//! The completions, by the shells themselves: bash completes, and what other shells there are read the text.

use std::io::Write;
use std::process::Command;

use crate::{printed, shell};

/// What bash completes a command line to.
fn completed(words: &str) -> Vec<String> {
    let line = format!(
        "source <(classkeeper completions bash); COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         COMP_LINE='{words}'; COMP_POINT=${{#COMP_LINE}}; \
         _classkeeper classkeeper \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    printed(&line).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(completed("classkeeper ap"), ["apply"]);
    assert_eq!(completed("classkeeper check --deny"), ["--deny-warnings"]);
    assert_eq!(completed("classkeeper check --output g"), ["github"]);
    assert_eq!(completed("classkeeper completions fi"), ["fish"]);
    // What is no word of ours is left to bash, which has paths.
    assert_eq!(completed("classkeeper apply b"), [""]);
    let registered = printed("source <(classkeeper completions bash); complete -p classkeeper");
    assert!(registered.contains(" -o default ") && registered.contains("-F _classkeeper "), "{registered}");
}

/// zsh and fish aren't on every machine; who has none is told.
#[test]
fn other_shells_read_their_text() {
    let there =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    for (program, line) in
        [("zsh", "zsh -n <(classkeeper completions zsh)"), ("fish", "classkeeper completions fish | fish --no-execute")]
    {
        if there(program) {
            let output = shell(line).output().unwrap();
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        } else {
            let _ = writeln!(std::io::stderr(), "The completions were NOT read by {program}: it isn't there");
        }
    }
    for (name, begins) in
        [("zsh", "#compdef classkeeper"), ("elvish", "\nuse builtin;"), ("powershell", "\nusing namespace")]
    {
        let text = printed(&format!("classkeeper completions {name}"));
        assert!(text.starts_with(begins) && text.contains("deny-warnings"), "{name}: {}", &text[..80]);
    }
}
