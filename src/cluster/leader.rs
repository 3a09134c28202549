//! Leader election: of several replicas the one that holds the Lease writes (contract 2.5).
//!
//! Every write to the Lease carries its resourceVersion, so of two that try at once one succeeds. How long somebody else
//! holds it is told by our own clock, from when we saw the Lease last change: clocks of machines differ. Both are rules
//! of client-go's `leaderelection` package; the crates that there are for this follow neither.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Client;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::api::call;
use super::error::ApiError;
use super::gate::{LeaseTerm, Term};

/// The Lease's name.
pub const LEASE: &str = "classkeeper";
/// How long the Lease is held without being renewed.
const DURATION: Duration = Duration::from_secs(15);
/// Within this time of the last renewal it must be renewed, or we stop writing.
const RENEW_WITHIN: Duration = Duration::from_secs(10);
/// How often it is renewed, or tried for.
const PERIOD: Duration = Duration::from_secs(2);
/// A Lease that is held is renewed at least once in this time, as a rule.
const RENEWED_WITHIN: Duration = Duration::from_secs(4);
/// How long one request may take: two of them fit into the time for a renewal.
const REQUEST: Duration = Duration::from_secs(5);

/// What a replica does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It writes.
    Leader,
    /// It validates, reports, and waits.
    Standby,
}

/// Takes part in the election.
pub struct Elect {
    /// The cluster.
    pub client: Client,
    /// The Lease's namespace.
    pub namespace: String,
    /// Who we are: different for each process.
    pub identity: String,
    /// How long the Lease is ours; writes ask it.
    pub term: LeaseTerm,
    /// Where it is told what we are.
    pub role: watch::Sender<Role>,
    /// Where it is told who holds the Lease, as we saw it last.
    pub holder: watch::Sender<Option<Arc<str>>>,
    /// Ends it, once nothing is being written any more.
    pub shutdown: CancellationToken,
}

/// The Lease as we saw it last.
struct Seen {
    lease: Lease,
    /// When we first saw it like this.
    since: Instant,
}

impl Elect {
    /// Tries for the Lease and renews it until told to end, then gives it up.
    pub async fn run(self) {
        let mut seen: Option<Seen> = None;
        loop {
            let start = Instant::now();
            match tokio::time::timeout(REQUEST, self.attempt(&mut seen, start)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(%error, "the Lease can't be taken or renewed"),
                Err(_) => warn!("the API server doesn't answer about the Lease"),
            }
            let next = start + jittered(PERIOD, &self.identity, start);
            // What couldn't be renewed in time is lost, whether or not anybody else has it.
            while let Some(renew_by) = self.term.renew_by().filter(|renew_by| *renew_by < next) {
                tokio::select! {
                    () = self.shutdown.cancelled() => return self.give_up(seen).await,
                    () = tokio::time::sleep_until(renew_by.into()) => self.lose("it couldn't be renewed in time"),
                }
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return self.give_up(seen).await,
                () = tokio::time::sleep_until(next.into()) => {}
            }
        }
    }

    async fn attempt(&self, seen: &mut Option<Seen>, start: Instant) -> Result<(), ApiError> {
        let is_ours = |seen: &Seen| holder(&seen.lease) == Some(&*self.identity);
        // Whoever leads knows the Lease as it is, unless somebody took it: then the server says so.
        if let Some(ours) = seen.as_ref().filter(|seen| is_ours(seen) && self.term.renew_by().is_some()) {
            match self.replace(&ours.lease, start).await {
                Err(ApiError::Stale { .. } | ApiError::NotFound { .. }) => {}
                result => return result.map(|lease| *seen = Some(Seen { lease, since: start })),
            }
        }
        let lease = match self.read().await {
            Ok(lease) => lease,
            Err(ApiError::NotFound { .. }) => {
                self.lose("it is gone");
                return match self.create(start).await {
                    // Somebody else was faster.
                    Err(ApiError::Stale { .. }) => Ok(()),
                    result => result.map(|lease| *seen = Some(Seen { lease, since: start })),
                };
            }
            Err(error) => return Err(error),
        };
        let is_as_known = |seen: &&Seen| seen.lease.metadata.resource_version == lease.metadata.resource_version;
        let since = seen.as_ref().filter(is_as_known).map_or(start, |seen| seen.since);
        *seen = Some(Seen { lease: lease.clone(), since });
        let duration = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
        let duration = Duration::from_secs(u64::try_from(duration).unwrap_or(0));
        let held_by = holder(&lease).unwrap_or_default();
        self.tell_holder(held_by);
        if held_by != self.identity && !held_by.is_empty() && start < since + duration {
            self.lose("another replica has it");
            debug!(held_by, "another replica leads");
            return Ok(());
        }
        match self.replace(&lease, start).await {
            // Somebody else was faster.
            Err(ApiError::Stale { .. } | ApiError::NotFound { .. }) => {
                self.lose("another replica took it");
                Ok(())
            }
            result => result.map(|lease| *seen = Some(Seen { lease, since: start })),
        }
    }

    async fn read(&self) -> Result<Lease, ApiError> {
        call(&self.client, Method::GET, &format!("{}/{LEASE}", self.path()), None, "Lease").await
    }

    async fn create(&self, start: Instant) -> Result<Lease, ApiError> {
        let metadata = ObjectMeta { name: Some(LEASE.to_owned()), ..ObjectMeta::default() };
        let lease = Lease { metadata, spec: Some(self.spec(None)) };
        let lease = self.write(Method::POST, &self.path(), &lease).await?;
        self.win(start);
        Ok(lease)
    }

    /// Takes or renews the Lease, if it is still as it was (409 otherwise).
    async fn replace(&self, known: &Lease, start: Instant) -> Result<Lease, ApiError> {
        let lease = Lease { metadata: known.metadata.clone(), spec: Some(self.spec(known.spec.as_ref())) };
        let lease = self.write(Method::PUT, &format!("{}/{LEASE}", self.path()), &lease).await?;
        self.win(start);
        Ok(lease)
    }

    async fn write(&self, method: Method, path: &str, lease: &Lease) -> Result<Lease, ApiError> {
        let body = serde_json::to_vec(lease).map_err(|error| ApiError::unavailable(&error))?;
        call(&self.client, method, path, Some(("application/json", body)), "Lease").await
    }

    /// The Lease as ours.
    fn spec(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let is_ours = before.is_some_and(|before| before.holder_identity.as_deref() == Some(&self.identity));
        let transitions = before.and_then(|before| before.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: before.filter(|_| is_ours).map_or(Some(now.clone()), |before| before.acquire_time.clone()),
            renew_time: Some(now),
            lease_transitions: Some(if is_ours || before.is_none() { transitions } else { transitions + 1 }),
            ..before.cloned().unwrap_or_default()
        }
    }

    /// The time counts from before the request: the server can't have taken it earlier.
    fn win(&self, start: Instant) {
        self.term.set(Some(Term { renew_by: start + RENEW_WITHIN, expires: start + DURATION }));
        self.tell_holder(&self.identity);
        self.become_role(Role::Leader, "");
    }

    fn lose(&self, why: &str) {
        self.term.set(None);
        self.become_role(Role::Standby, why);
    }

    fn tell_holder(&self, held_by: &str) {
        self.holder.send_if_modified(|known| {
            let is_new = known.as_deref().unwrap_or_default() != held_by;
            if is_new {
                *known = Some(held_by.into()).filter(|_| !held_by.is_empty());
            }
            is_new
        });
    }

    fn become_role(&self, role: Role, why: &str) {
        self.role.send_if_modified(|known| {
            let is_new = *known != role;
            *known = role;
            if is_new {
                match role {
                    Role::Leader => info!(identity = self.identity, "this replica leads"),
                    Role::Standby => warn!(why, "this replica leads no more"),
                }
            }
            is_new
        });
    }

    /// Gives the Lease up, so that the next one needn't wait for its end.
    async fn give_up(&self, seen: Option<Seen>) {
        let was_ours = self.term.renew_by().is_some();
        self.lose("this replica ends");
        let Some(Seen { mut lease, .. }) = seen.filter(|seen| was_ours && holder(&seen.lease) == Some(&*self.identity))
        else {
            return;
        };
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        let path = format!("{}/{LEASE}", self.path());
        match tokio::time::timeout(REQUEST, self.write(Method::PUT, &path, &lease)).await {
            Ok(Ok(_)) => info!("the Lease is released"),
            Ok(Err(error)) => warn!(%error, "the Lease can't be released; it runs out by itself"),
            Err(_) => warn!("the Lease can't be released; it runs out by itself"),
        }
    }

    fn path(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace)
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref()
}

/// Who holds the Lease of a namespace now, if anybody does. Where it seems to have run out by this machine's clock, it is
/// looked at for a while: that clock may be ahead.
pub async fn holder_of(client: &Client, namespace: &str) -> Result<Option<String>, ApiError> {
    let Some(lease) = lease_of(client, namespace).await? else { return Ok(None) };
    let Some(held_by) = holder(&lease).filter(|held_by| !held_by.is_empty()) else { return Ok(None) };
    if lasts_until(&lease).is_some_and(|end| end > Timestamp::now()) {
        return Ok(Some(held_by.to_owned()));
    }
    tokio::time::sleep(RENEWED_WITHIN).await;
    let later = lease_of(client, namespace).await?;
    let is_renewed = |later: &&Lease| later.metadata.resource_version != lease.metadata.resource_version;
    let held_by = later.as_ref().filter(is_renewed).and_then(holder).filter(|held_by| !held_by.is_empty());
    Ok(held_by.map(str::to_owned))
}

async fn lease_of(client: &Client, namespace: &str) -> Result<Option<Lease>, ApiError> {
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}");
    match call(client, Method::GET, &path, None, "Lease").await {
        Err(ApiError::NotFound { .. }) => Ok(None),
        lease => lease.map(Some),
    }
}

fn lasts_until(lease: &Lease) -> Option<Timestamp> {
    let spec = lease.spec.as_ref()?;
    let lasts = SignedDuration::from_secs(spec.lease_duration_seconds.unwrap_or(0).into());
    Some(spec.renew_time.as_ref()?.0 + lasts)
}

/// A time and up to a fifth more, so that replicas don't try in step.
fn jittered(period: Duration, identity: &str, now: Instant) -> Duration {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((identity, now));
    period + period * u32::try_from(hash % 200).unwrap_or(0) / 1000
}
