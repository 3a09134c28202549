//! By which name the program was called: as itself, as kubectl's plugin, or by kubectl to complete a command line.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;

/// What the program is, told from its own name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// `classkeeper`.
    Itself,
    /// `kubectl-classkeeper`: people write `kubectl classkeeper`.
    Plugin,
    /// `kubectl_complete-classkeeper`: kubectl asks what a command line may go on with.
    Completer,
}

/// Set once at the start, and read by all who tell people what to type.
static CALLED: OnceLock<Called> = OnceLock::new();

impl Called {
    /// What the program is, by the name it was called with.
    pub(super) fn by(name: &OsStr) -> Self {
        match Path::new(name).file_stem().and_then(OsStr::to_str) {
            Some("kubectl_complete-classkeeper") => Self::Completer,
            Some(name) if name.starts_with("kubectl-") => Self::Plugin,
            Some(_) | None => Self::Itself,
        }
    }

    /// Lets everybody know.
    pub(super) fn remember(self) {
        // The first word on it is the last one: a process has one name.
        let _ = CALLED.set(self);
    }

    /// What people type to call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Itself => "classkeeper",
            Self::Plugin | Self::Completer => "kubectl classkeeper",
        }
    }
}

/// What people type to call the program.
pub(super) fn name() -> &'static str {
    CALLED.get().copied().unwrap_or(Called::Itself).name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_plugin_from_the_program() {
        let by = |name: &str| Called::by(OsStr::new(name));
        assert_eq!(by("/usr/local/bin/classkeeper"), Called::Itself);
        assert_eq!(by("./kubectl-classkeeper"), Called::Plugin);
        assert_eq!(by("/home/a/bin/kubectl_complete-classkeeper"), Called::Completer);
        assert_eq!(by(""), Called::Itself);
    }
}
