//! What to do about an error: every command that couldn't do its work ends with such a line.

use clap::Command;
use kube::config::KubeconfigError;

use super::called::name;
use crate::cluster::connect::ConnectError;
use crate::cluster::error::ApiError;
use crate::engine::outcome::Reason;
use crate::engine::validate::suggest::did_you_mean;
use crate::files::snapshot::SnapshotError;
use crate::serve::ServeError;

/// An error whose remedy is known where it happens.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Advised {
    message: String,
    advice: String,
}

impl Advised {
    /// An error and what to do about it.
    pub(super) fn new(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { message: message.into(), advice: advice.into() }
    }
}

/// A class that the cluster hasn't.
pub(super) fn unknown_class<'c>(name: &str, known: impl IntoIterator<Item = &'c str>) -> Advised {
    let advice =
        did_you_mean(name, known).unwrap_or_else(|| "`kubectl get gatewayclasses` lists those it has".to_owned());
    Advised::new(format!("the cluster has no GatewayClass {name}"), advice)
}

/// A command that the program hasn't.
pub(super) fn unknown_command(asked: &str, root: &Command) -> Advised {
    let known = root.get_subcommands().map(Command::get_name);
    let advice = did_you_mean(asked, known).unwrap_or_else(|| format!("`{} --help` lists the commands", name()));
    Advised::new(format!("there is no command {asked}"), advice)
}

/// What to do about an error, told from the first of its sources that says so.
pub(super) fn advice(error: &anyhow::Error) -> String {
    let known = error.chain().find_map(|cause| {
        if let Some(Advised { advice, .. }) = cause.downcast_ref() {
            return Some(advice.clone());
        }
        if let Some(error) = cause.downcast_ref() {
            return Some(on_connecting(error));
        }
        if let Some(error) = cause.downcast_ref() {
            return on_answer(error);
        }
        if let Some(ServeError::Bind { address, .. }) = cause.downcast_ref() {
            return Some(format!(
                "see who listens on {address}, or choose another address by the option that names it"
            ));
        }
        cause.downcast_ref().map(on_reading)
    });
    known.unwrap_or_else(|| "once more with -vv, it tells what led to it".to_owned())
}

fn on_connecting(error: &ConnectError) -> String {
    match error {
        ConnectError::Read { .. } | ConnectError::Context { source: KubeconfigError::ReadConfig(..) } => {
            "give the path of another one by --kubeconfig, or correct this one".to_owned()
        }
        ConnectError::Context { .. } => {
            "`kubectl config get-contexts` lists the contexts; --context chooses one".to_owned()
        }
        ConnectError::Infer { .. } => {
            format!("name a kubeconfig by --kubeconfig or KUBECONFIG; `{} check` needs no cluster", name())
        }
        ConnectError::Client { .. } => {
            "look at the cluster's and the user's certificates and keys in the kubeconfig".to_owned()
        }
    }
}

fn on_answer(error: &ApiError) -> Option<String> {
    match error {
        ApiError::Refused { reason: Reason::Forbidden, message } if message.contains("the rule that is missing") => {
            Some("whoever administers the cluster can add the rule; `kubectl auth whoami` tells who you are".to_owned())
        }
        ApiError::Refused { reason: Reason::Forbidden, .. } => {
            Some("the server doesn't accept who you are: log in anew, or choose another --context".to_owned())
        }
        ApiError::Refused { reason: Reason::CrdTerminating, .. } => {
            Some("wait until the Gateway API's CRDs are gone, and install them anew".to_owned())
        }
        ApiError::KindMissing { .. } => Some("install the Gateway API's CRDs, or choose another --context".to_owned()),
        ApiError::Unavailable { .. } => {
            Some("is the server up, and the context the right one? `kubectl version` asks the same server".to_owned())
        }
        ApiError::FieldConflict { .. } | ApiError::Stale { .. } | ApiError::NotFound { .. } | ApiError::NotLeader => {
            Some("somebody else changed it meanwhile: try again".to_owned())
        }
        ApiError::UnservedEntry { .. } => Some(format!("`{} run` and `apply` repair it", name())),
        ApiError::Refused { .. } => None,
    }
}

fn on_reading(error: &SnapshotError) -> String {
    match error {
        SnapshotError::Missing { .. } => "give the path of a file or a directory of defaults".to_owned(),
        SnapshotError::Unreadable { .. } => "look at the path's permissions".to_owned(),
        SnapshotError::NeitherDirectoryNorFile { .. } => {
            "write what it holds into a file, and give the path of that".to_owned()
        }
        SnapshotError::OutsideGeneration { .. } => "mount the ConfigMap anew: kubelet's links stay inside".to_owned(),
        SnapshotError::Unsettled { .. } => "try again when nobody writes there".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn advice_is_found_below_what_was_tried() {
        let missing = SnapshotError::Missing { path: "a".to_owned() };
        let error = anyhow::Error::new(missing).context("can't read a");
        assert_eq!(advice(&error), "give the path of a file or a directory of defaults");
        let error: anyhow::Result<()> = Err(Advised::new("no", "do this").into());
        assert_eq!(advice(&error.context("tried").unwrap_err()), "do this");
    }

    #[test]
    fn somebody_who_isn_t_known_isn_t_sent_for_a_rule() {
        let refused = |message: &str| {
            advice(&ApiError::Refused { reason: Reason::Forbidden, message: message.to_owned() }.into())
        };
        assert!(refused("no; the rule that is missing: x").contains("add the rule"));
        assert!(refused("Unauthorized").contains("log in anew"));
    }

    #[test]
    fn an_error_that_nobody_knows_has_advice_too() {
        assert!(advice(&anyhow::anyhow!("odd")).contains("-vv"));
    }
}
