//! Keeps the webhook's certificates: read from the Secret by every replica, made and renewed there by the one that
//! writes, and put into the webhook configuration by it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_rustls::rustls::pki_types::ServerName;
use tracing::{debug, info, warn};

use super::authority::{Authority, Renewal};
use super::bundle;
use super::certificate::CertificateError;
use super::served::Served;
use super::store::Store;
use crate::cluster::error::ApiError;
use crate::cluster::gate::Gate;
use crate::cluster::leader::Role;
use crate::metrics::Metrics;

/// Without any reason, everything is looked at this often: a certificate may be due.
const LOOK: Duration = Duration::from_hours(1);
/// How long to wait after what failed, at first and at most; and after a write that somebody undoes.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// A new authority is known to every API server when a certificate by it is served.
const KNOWN_BY_THEN: Duration = Duration::from_secs(10);
/// The label by which a Secret is known to be ours to write.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "classkeeper");

/// Keeps the certificates.
pub struct KeepCertificates {
    /// The Secret and the webhook configuration.
    pub store: Store,
    /// The names by which the webhook is called.
    pub names: Vec<ServerName<'static>>,
    /// Where the certificate is served.
    pub served: Arc<Served>,
    /// What lets us write.
    pub gate: Gate,
    /// Whether this replica writes.
    pub role: watch::Receiver<Role>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Why there is no certificate, or none that is trusted.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("the webhook's Secret {secret} can't be read or written: {source}")]
    Secret { secret: String, source: ApiError },
    #[error("the webhook configuration {configuration} can't be read or written: {source}")]
    Configuration { configuration: String, source: ApiError },
    #[error("the Secret {secret} isn't ours, since it isn't labelled {label}: name another, or delete it")]
    NotOurs { secret: String, label: String },
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl KeepError {
    /// Whether somebody else was faster.
    fn is_race(&self) -> bool {
        match self {
            Self::Secret { source, .. } | Self::Configuration { source, .. } => {
                matches!(source, ApiError::Stale { .. })
            }
            Self::NotOurs { .. } | Self::Certificate(_) => false,
        }
    }
}

/// What is known from one look to the next.
#[derive(Default)]
struct Known {
    /// When an authority was made of which not every API server may know.
    last_authority: Option<Instant>,
    /// Whether it was told that there is no webhook configuration.
    told_missing: bool,
    /// The last error that was told.
    error: String,
}

/// How long to wait: longer after each failure, and after each write that is undone at once, by somebody who would be
/// followed at any speed otherwise.
#[derive(Default)]
struct Brake {
    pause: Duration,
    last_write: Option<(Instant, Duration)>,
}

impl Brake {
    fn succeeded(&mut self, wrote: bool) {
        self.pause = Duration::ZERO;
        if wrote {
            let before = self.last_write.filter(|(last, pause)| last.elapsed() < *pause * 4 + PAUSE.0);
            self.pause = before.map_or(Duration::ZERO, |(_, pause)| (pause * 2).clamp(PAUSE.0, PAUSE.1));
            self.last_write = Some((Instant::now(), self.pause));
        }
    }

    fn failed(&mut self) {
        self.pause = (self.pause * 2).clamp(PAUSE.0, PAUSE.1);
    }
}

/// What one look came to.
struct Looked {
    /// Whether something was written.
    wrote: bool,
    /// When to look again.
    again: Duration,
}

/// Waits until this replica's role changes; for ever if it never does.
async fn changes(role: &mut watch::Receiver<Role>) {
    if role.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl KeepCertificates {
    /// Keeps them; never ends.
    pub async fn run(mut self) {
        let changed = Arc::new(Notify::new());
        let (secret, configuration) = self.store.watches(&changed);
        let keep = async {
            let (mut known, mut brake) = (Known::default(), Brake::default());
            loop {
                let wait = match self.look(&mut known).await {
                    Ok(Looked { wrote, again }) => {
                        known.error.clear();
                        brake.succeeded(wrote);
                        again
                    }
                    Err(error) => {
                        let (is_race, error) = (error.is_race(), error.to_string());
                        if is_race || error == known.error {
                            debug!(error, "the webhook's certificates are looked at again");
                        } else {
                            warn!(error, "the webhook's certificates can't be kept");
                            known.error = error;
                        }
                        brake.failed();
                        Duration::ZERO
                    }
                };
                tokio::time::sleep(brake.pause).await;
                tokio::select! {
                    () = changed.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                    () = changes(&mut self.role) => {}
                }
            }
        };
        tokio::join!(secret, configuration, keep);
    }

    async fn look(&self, known: &mut Known) -> Result<Looked, KeepError> {
        let now = Timestamp::now();
        let may_write = || self.gate.time_left(Instant::now()).is_some();
        let secret = self.secret().await?;
        let mut wrote = false;
        let kept = secret.as_ref().and_then(|secret| self.read(secret));
        let is_useless = |kept: &Authority| kept.due(&self.names, now) == Renewal::Both;
        let kept = match kept {
            Some(kept) if !is_useless(&kept) => kept,
            kept if !may_write() => {
                // What is there, until the leader has made another one.
                if let Some(kept) = kept {
                    self.serve(&kept)?;
                }
                return Ok(Looked { wrote, again: LOOK });
            }
            _ => {
                let kept = Authority::new(&self.names, now)?;
                self.write(secret.as_ref(), &kept).await?;
                info!(secret = self.store.secret(), "made the webhook's certificates");
                wrote = true;
                kept
            }
        };
        self.serve(&kept)?;
        let again = |kept: &Authority| {
            let left = kept.next_renewal().duration_since(Timestamp::now());
            Duration::try_from(left).unwrap_or(Duration::ZERO).clamp(PAUSE.0, LOOK)
        };
        if !may_write() {
            return Ok(Looked { wrote, again: again(&kept) });
        }
        // First what is trusted: what is renewed below is by it.
        wrote |= self.trust(&kept, &mut known.told_missing).await?;
        let renewal = kept.due(&self.names, now);
        let left = known.last_authority.map_or(Duration::ZERO, |last| KNOWN_BY_THEN.saturating_sub(last.elapsed()));
        match renewal {
            Renewal::None => return Ok(Looked { wrote, again: again(&kept) }),
            Renewal::Certificate if !left.is_zero() => return Ok(Looked { wrote, again: left }),
            Renewal::Certificate | Renewal::Authority | Renewal::Both => {}
        }
        let renewed = kept.renewed(renewal, &self.names, now)?;
        let secret = if wrote { self.secret().await? } else { secret };
        self.write(secret.as_ref(), &renewed).await?;
        match renewal {
            Renewal::Authority => known.last_authority = Some(Instant::now()),
            Renewal::None | Renewal::Certificate | Renewal::Both => {}
        }
        let end = renewed.certificate().validity.end;
        info!(secret = self.store.secret(), ?renewal, %end, "renewed the webhook's certificates");
        self.serve(&renewed)?;
        self.trust(&renewed, &mut known.told_missing).await?;
        Ok(Looked { wrote: true, again: again(&renewed) })
    }

    fn serve(&self, kept: &Authority) -> Result<(), KeepError> {
        let certificate = kept.certificate();
        self.metrics.admission().set_certificate_end(certificate.validity.end);
        if self.served.replace(certificate.certified()?) {
            info!(end = %certificate.validity.end, "the webhook serves this certificate");
        }
        Ok(())
    }

    /// What a Secret holds; `None` if that is nothing to go on with.
    fn read(&self, secret: &Secret) -> Option<Authority> {
        let data = secret.data.as_ref().filter(|data| !data.is_empty())?;
        match Authority::read(data) {
            Ok(kept) => Some(kept),
            Err(error) => {
                warn!(secret = self.store.secret(), %error, "what is in the webhook's Secret is of no use");
                None
            }
        }
    }

    async fn secret(&self) -> Result<Option<Secret>, KeepError> {
        let read = self.store.read_secret().await;
        read.map_err(|source| KeepError::Secret { secret: self.store.secret().to_owned(), source })
    }

    async fn write(&self, before: Option<&Secret>, kept: &Authority) -> Result<(), KeepError> {
        let secret = self.store.secret().to_owned();
        if let Some(before) = before {
            let (key, value) = MANAGED_BY;
            let label = before.metadata.labels.as_ref().and_then(|labels| labels.get(key));
            // One that is empty was made for us to fill.
            let is_empty = before.data.as_ref().is_none_or(std::collections::BTreeMap::is_empty);
            if !is_empty && label.is_none_or(|label| label != value) {
                return Err(KeepError::NotOurs { secret, label: format!("{key}: {value}") });
            }
        }
        let written = self.store.write_secret(before, kept.data()).await;
        written.map_err(|source| KeepError::Secret { secret, source })
    }

    /// Puts the authorities into the webhook configuration; says whether they weren't there.
    async fn trust(&self, kept: &Authority, told_missing: &mut bool) -> Result<bool, KeepError> {
        let failed = |source| KeepError::Configuration { configuration: self.store.configuration().to_owned(), source };
        let Some(configuration) = self.store.read_configuration().await.map_err(failed)? else {
            // Whoever makes it later is seen.
            if !std::mem::replace(told_missing, true) {
                warn!(configuration = self.store.configuration(), "there is no such webhook configuration yet");
            }
            return Ok(false);
        };
        *told_missing = false;
        let operations = bundle::patch(&configuration, &kept.bundle());
        if operations.is_empty() {
            return Ok(false);
        }
        self.store.patch_configuration(operations).await.map_err(failed)?;
        info!(
            configuration = self.store.configuration(),
            "put the authority's certificate into the webhook configuration"
        );
        Ok(true)
    }
}
