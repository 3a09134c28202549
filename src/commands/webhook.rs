//! The part of `run` that serves admission.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::ValueHint;
use kube::Client;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::advice::Advised;
use super::run::{Address, Tasks, address, must_exist};
use crate::admission::Admission;
use crate::admission::certificate::server_name;
use crate::admission::keep::KeepCertificates;
use crate::admission::mounted::FollowMounted;
use crate::admission::served::Served;
use crate::admission::server::Server;
use crate::admission::store::Store;
use crate::cluster::gate::Gate;
use crate::cluster::leader::Role;
use crate::serve;

/// The Service by which the API server calls the webhook, as it is shipped.
const SERVICE: &str = "classkeeper";
/// The Secret that keeps the certificates, in the namespace of the program's own objects.
const SECRET: &str = "classkeeper-webhook";
/// The ValidatingWebhookConfiguration, as it is shipped.
const CONFIGURATION: &str = "classkeeper";

/// What of `run` is about admission.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Admission")]
#[expect(clippy::struct_field_names, reason = "they are the names of the flags")]
pub(super) struct Webhook {
    /// Where admission is served, over TLS; empty: nowhere
    #[arg(long, value_name = "ADDR", default_value = "", hide_default_value = true, value_parser = address)]
    webhook_listen: Address,
    /// The Secret in which the webhook's certificates are kept; without it, classkeeper-webhook in --namespace
    #[arg(long, value_name = "NS/NAME", value_parser = object, conflicts_with = "webhook_cert_dir")]
    webhook_secret: Option<(String, String)>,
    /// The ValidatingWebhookConfiguration whose webhooks are to trust the certificates; without it, classkeeper
    #[arg(long, value_name = "NAME")]
    webhook_config: Option<String>,
    /// A host name or an address by which the webhook is called, once for each; without it, the Service's names
    #[arg(long, value_name = "NAME", conflicts_with = "webhook_cert_dir")]
    webhook_san: Vec<String>,
    /// A directory with tls.crt and tls.key that somebody else keeps, such as cert-manager
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    webhook_cert_dir: Option<PathBuf>,
}

/// Splits `NS/NAME`.
fn object(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err(format!("{text:?} names no object; write NAMESPACE/NAME")),
    }
}

/// What admission shares with the rest of the controller.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) namespace: String,
    pub(super) gate: Gate,
    pub(super) role: watch::Receiver<Role>,
    pub(super) shutdown: CancellationToken,
}

impl Webhook {
    /// Whether this makes sense, found out before anything else is done.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Self { webhook_listen, webhook_secret, webhook_config, webhook_san, webhook_cert_dir } = self;
        let is_any_given = webhook_secret.is_some()
            || webhook_config.is_some()
            || !webhook_san.is_empty()
            || webhook_cert_dir.is_some();
        if webhook_listen.0.is_none() && is_any_given {
            let advice = "add --webhook-listen 0.0.0.0:9443, or leave the other --webhook options out";
            return Err(Advised::new("what is said of the webhook needs --webhook-listen", advice).into());
        }
        let advice = "mount the Secret with tls.crt and tls.key there, or leave --webhook-cert-dir out";
        must_exist(webhook_cert_dir.as_deref(), advice)
    }

    /// Serves admission, and keeps its certificates.
    pub(super) async fn serve(self, admission: Admission, shared: Shared, tasks: &mut Tasks) -> anyhow::Result<()> {
        let Self { webhook_listen, webhook_secret, webhook_config, webhook_san, webhook_cert_dir } = self;
        let Shared { client, namespace, gate, role, shutdown } = shared;
        let Address(Some(listen)) = webhook_listen else { return Ok(()) };
        let served = Arc::new(Served::default());
        let metrics = admission.metrics.clone();
        if let Some(directory) = webhook_cert_dir {
            let follow = FollowMounted { directory, served: served.clone(), metrics };
            let shutdown = shutdown.clone();
            tasks.spawn_fallible(async move {
                let ended = shutdown.run_until_cancelled(follow.run()).await;
                ended.unwrap_or(Ok(())).context("the webhook's certificate can't be followed")
            });
        } else {
            let names = if webhook_san.is_empty() {
                let name = format!("{SERVICE}.{namespace}.svc");
                vec![name.clone(), name + ".cluster.local"]
            } else {
                webhook_san
            };
            let names = names.iter().map(|name| server_name(name)).collect::<Result<_, _>>()?;
            let secret = webhook_secret.unwrap_or_else(|| (namespace, SECRET.to_owned()));
            let configuration = webhook_config.unwrap_or_else(|| CONFIGURATION.to_owned());
            let store = Store::new(client, admission.installation.platform(), secret, configuration);
            let keep = KeepCertificates { store, names, served: served.clone(), gate, role, metrics };
            tasks.spawn_until_shutdown(keep.run());
        }
        let listener = serve::bind(listen).await?;
        info!(address = %listener.local_addr()?, "serving admission");
        let server = Server { admission, listener, served, shutdown };
        tasks.spawn_fallible(async move { server.run().await.context("admission can't be served") });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_by_its_namespace_and_its_name() {
        assert_eq!(object("a/b"), Ok(("a".to_owned(), "b".to_owned())));
        for text in ["", "a", "/b", "a/", "a/b/c"] {
            assert!(object(text).is_err(), "{text:?}");
        }
    }
}
