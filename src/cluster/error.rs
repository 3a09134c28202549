//! What can go wrong between us and the API server, sorted by what is to be done about it.

use std::time::Duration;

use http::StatusCode;
use kube::core::Status;

use crate::engine::outcome::Reason;

/// A call to the API server that didn't do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// An apply would change fields that others own. Plan anew from the live object: it says whose they are.
    #[error("{message}")]
    FieldConflict {
        /// The server's words.
        message: String,
    },
    /// The object isn't the one, or not in the state, that the request was bound to. Plan anew.
    #[error("{message}")]
    Stale {
        /// The server's words.
        message: String,
    },
    /// The server understood and refused; the same request would be refused again.
    #[error("{message}")]
    Refused {
        /// Which of the refusals.
        reason: Reason,
        /// The server's words.
        message: String,
    },
    /// An entry of `managedFields` names a version that the kind's CRD no longer serves; no apply succeeds until it is
    /// rewritten.
    #[error("{message}")]
    UnservedEntry {
        /// The server's words.
        message: String,
    },
    /// There is no such object, in a kind that is served.
    #[error("{message}")]
    NotFound {
        /// The server's words.
        message: String,
    },
    /// The cluster has no such kind in this version.
    #[error("the API server doesn't serve {kind}")]
    KindMissing {
        /// The kind and its version.
        kind: String,
    },
    /// It wasn't sent: another replica writes, or may do so by now.
    #[error("another replica is the leader")]
    NotLeader,
    /// The server couldn't be reached, was too slow, or failed. Trying again may help.
    #[error("{message}")]
    Unavailable {
        /// What happened.
        message: String,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
}

impl ApiError {
    /// Why a class isn't as wanted, if this error was the last word on it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::FieldConflict { .. } | Self::Stale { .. } | Self::NotFound { .. } => Reason::Contended,
            Self::Refused { reason, .. } => *reason,
            Self::UnservedEntry { .. } => Reason::Invalid,
            Self::KindMissing { .. } => Reason::CrdMissing,
            Self::Unavailable { .. } | Self::NotLeader => Reason::Unavailable,
        }
    }

    /// Adds the rule that a refused user lacks, told from the server's words.
    pub(super) fn name_missing_rule(self, rule: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Refused { reason: Reason::Forbidden, mut message } => {
                message += &rule(&message);
                Self::Refused { reason: Reason::Forbidden, message }
            }
            Self::Refused { .. }
            | Self::FieldConflict { .. }
            | Self::Stale { .. }
            | Self::UnservedEntry { .. }
            | Self::NotFound { .. }
            | Self::KindMissing { .. }
            | Self::NotLeader
            | Self::Unavailable { .. } => self,
        }
    }

    /// An error of the way to the server.
    pub(super) fn unavailable(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let next = error.to_string();
            // Many errors repeat their source; saying it once is enough.
            if !message.contains(&next) {
                message = format!("{message}: {next}");
            }
            source = error.source();
        }
        Self::Unavailable { message, retry_after: None }
    }

    /// Sorts an answer that isn't a success. `missing` is what the server lacks if it knows no such path.
    pub(super) fn from_answer(code: StatusCode, retry_after: Option<Duration>, body: &[u8], missing: &str) -> Self {
        let status = serde_json::from_slice::<Status>(body).ok().filter(|status| status.code != 0);
        let message = status.as_ref().map_or_else(|| plain_text(code, body), |status| status.message.clone());
        let causes =
            status.as_ref().and_then(|status| status.details.as_ref()).map_or(&[][..], |details| &details.causes);
        match code {
            StatusCode::CONFLICT if causes.iter().any(|cause| cause.reason == "FieldManagerConflict") => {
                Self::FieldConflict { message }
            }
            StatusCode::CONFLICT => Self::Stale { message },
            // An unknown path is answered in plain text; a missing object of a known kind with a Status.
            StatusCode::NOT_FOUND if status.is_none() => Self::KindMissing { kind: missing.to_owned() },
            StatusCode::NOT_FOUND => Self::NotFound { message },
            // Not a matter of permissions, although it is a 403.
            StatusCode::FORBIDDEN if message.contains("custom resource definition is terminating") => {
                Self::Refused { reason: Reason::CrdTerminating, message }
            }
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Self::Refused { reason: Reason::Forbidden, message },
            StatusCode::INTERNAL_SERVER_ERROR
                if message.contains("request to convert CR to an invalid group/version") =>
            {
                Self::UnservedEntry { message }
            }
            // A 500 that stays: the installed CRD doesn't know a field.
            StatusCode::INTERNAL_SERVER_ERROR if message.contains("field not declared in schema") => {
                Self::Refused { reason: Reason::Invalid, message }
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Self::Unavailable { message, retry_after },
            code if code.is_server_error() => Self::Unavailable { message, retry_after },
            _ => Self::Refused { reason: Reason::Invalid, message },
        }
    }
}

fn plain_text(code: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
    match text.trim() {
        "" => code.to_string(),
        text => format!("{code}: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(code: u16, body: &str) -> ApiError {
        ApiError::from_answer(StatusCode::from_u16(code).unwrap(), None, body.as_bytes(), "GatewayClass")
    }

    #[test]
    fn the_two_kinds_of_409_are_told_apart() {
        let conflict = json!({"kind": "Status", "code": 409, "message": "m", "reason": "Conflict",
            "details": {"causes": [{"reason": "FieldManagerConflict", "field": ".spec.description", "message": "m"}]}});
        assert!(matches!(answer(409, &conflict.to_string()), ApiError::FieldConflict { .. }));
        let stale = json!({"kind": "Status", "code": 409, "message": "m", "reason": "Conflict"});
        assert!(matches!(answer(409, &stale.to_string()), ApiError::Stale { .. }));
    }

    #[test]
    fn a_missing_kind_is_no_missing_object() {
        assert!(matches!(answer(404, "404 page not found\n"), ApiError::KindMissing { .. }));
    }

    #[test]
    fn an_unknown_field_is_final_although_it_is_a_500() {
        let body = json!({"kind": "Status", "code": 500, "message": ".spec.new: field not declared in schema"});
        assert!(matches!(answer(500, &body.to_string()), ApiError::Refused { reason: Reason::Invalid, .. }));
        assert!(matches!(answer(500, "oops"), ApiError::Unavailable { .. }));
    }

    #[test]
    fn an_answer_that_is_no_status_is_quoted_shortly() {
        let message = answer(503, &"x".repeat(5000)).to_string();
        assert!(message.starts_with("503 Service Unavailable: xxx") && message.len() < 300, "{message}");
    }
}
