//! How much something should be noticed: the colour beside the word that says it.

use crate::cluster::board::listing::Standing;
use crate::cluster::events::Happening;
use crate::cluster::journal::What;
use crate::engine::diagnostic::Severity;
use crate::engine::outcome::{Outcome, UnitAction};
use crate::engine::source::LoadState;

/// How much something should be noticed. The word beside it says what it is; nothing is said by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// It is as it should be.
    Good,
    /// Neither.
    Plain,
    /// Something is going on that somebody may want to know.
    Notice,
    /// Somebody should look at it.
    Bad,
}

impl Tone {
    /// The name in the stylesheet.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Plain => "plain",
            Self::Notice => "notice",
            Self::Bad => "bad",
        }
    }

    /// Whether somebody should look at it.
    pub(super) fn is_bad(self) -> bool {
        self == Self::Bad
    }
}

impl From<Standing> for Tone {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Waiting => Self::Plain,
            Standing::Reached(outcome) => outcome.into(),
        }
    }
}

impl From<Outcome> for Tone {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Created
            | Outcome::Configured
            | Outcome::Unchanged
            | Outcome::Adopted
            | Outcome::Recreated
            | Outcome::Released
            | Outcome::Deleted => Self::Good,
            Outcome::Paused | Outcome::Skipped | Outcome::Observed => Self::Plain,
            Outcome::Conflict | Outcome::Blocked | Outcome::Failed | Outcome::Fighting => Self::Bad,
        }
    }
}

impl From<UnitAction> for Tone {
    fn from(action: UnitAction) -> Self {
        match action {
            UnitAction::Kept | UnitAction::Set => Self::Good,
            UnitAction::Removed
            | UnitAction::Enforced
            | UnitAction::Yielded
            | UnitAction::Ignored
            | UnitAction::StillOwned => Self::Notice,
        }
    }
}

impl From<What> for Tone {
    fn from(what: What) -> Self {
        match what {
            What::Became(outcome) => outcome.into(),
            What::Told(happening) => match happening {
                Happening::Created
                | Happening::Configured
                | Happening::Adopted
                | Happening::Released
                | Happening::Deleted
                | Happening::DefaultsAccepted => Self::Good,
                Happening::FieldsYielded | Happening::DriftRepaired => Self::Notice,
                Happening::Blocked | Happening::Fighting | Happening::DefaultsRejected => Self::Bad,
            },
        }
    }
}

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Bad,
            Severity::Warning => Self::Notice,
        }
    }
}

impl From<LoadState> for Tone {
    fn from(state: LoadState) -> Self {
        match state {
            LoadState::Pending => Self::Plain,
            LoadState::Accepted => Self::Good,
            LoadState::Rejected => Self::Bad,
        }
    }
}
