//! Metrics under the names that client-go and controller-runtime give them, where they mean the same.

use std::sync::OnceLock;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::cluster::leader::LEASE;

/// The name of our one queue and controller.
const NAME: &str = "gatewayclass";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRequest {
    code: String,
    host: String,
    method: &'static str,
}

/// How a pass ended, in controller-runtime's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileResult {
    /// There is nothing more to do.
    Success,
    /// It failed, and is tried again.
    Error,
    /// It is looked at again after some time, without having failed.
    RequeueAfter,
}

impl ReconcileResult {
    const ALL: [Self; 3] = [Self::Success, Self::Error, Self::RequeueAfter];

    fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::RequeueAfter => "requeue_after",
        }
    }
}

/// What the ecosystem's dashboards know.
#[derive(Debug)]
pub(crate) struct Ecosystem {
    depth: Gauge,
    adds: Counter,
    retries: Counter,
    waited: Histogram,
    worked: Histogram,
    reconciles: Family<ByResult, Counter>,
    errors: Counter,
    reconcile_time: Histogram,
    active: Gauge,
    most_active: Gauge,
    requests: Family<ByRequest, Counter>,
    host: OnceLock<String>,
    leader: Gauge,
}

impl Ecosystem {
    pub(super) fn register(registry: &mut Registry) -> Self {
        // client-go's buckets of queue times, and the lower ones of controller-runtime's reconcile times: 1 ms to 10 s.
        let seconds = || Histogram::new([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]);
        let this = Self {
            depth: Gauge::default(),
            adds: Counter::default(),
            retries: Counter::default(),
            waited: seconds(),
            worked: seconds(),
            reconciles: Family::default(),
            errors: Counter::default(),
            reconcile_time: seconds(),
            active: Gauge::default(),
            most_active: Gauge::default(),
            requests: Family::default(),
            host: OnceLock::new(),
            leader: Gauge::default(),
        };
        for result in ReconcileResult::ALL {
            let _ = this.reconciles.get_or_create(&ByResult { controller: NAME, result: result.as_str() });
        }
        let queue = registry.sub_registry_with_labels([("name".into(), NAME.into())].into_iter());
        queue.register("workqueue_depth", "Classes that wait for a pass", this.depth.clone());
        queue.register("workqueue_adds", "Classes that were put into the queue", this.adds.clone());
        queue.register(
            "workqueue_retries",
            "Classes that were put into the queue to be tried again",
            this.retries.clone(),
        );
        queue.register("workqueue_queue_duration_seconds", "How long classes wait for a pass", this.waited.clone());
        queue.register("workqueue_work_duration_seconds", "How long passes take", this.worked.clone());
        registry.register("controller_runtime_reconcile", "Passes over classes, by result", this.reconciles.clone());
        let controller = registry.sub_registry_with_labels([("controller".into(), NAME.into())].into_iter());
        controller.register("controller_runtime_reconcile_errors", "Passes that failed", this.errors.clone());
        controller.register(
            "controller_runtime_reconcile_time_seconds",
            "How long passes take",
            this.reconcile_time.clone(),
        );
        controller.register("controller_runtime_active_workers", "Passes under way", this.active.clone());
        controller.register(
            "controller_runtime_max_concurrent_reconciles",
            "The most passes under way at once",
            this.most_active.clone(),
        );
        registry.register(
            "rest_client_requests",
            "Requests to the API server, by HTTP status (\"<error>\": no answer), method and host",
            this.requests.clone(),
        );
        registry.sub_registry_with_labels([("name".into(), LEASE.into())].into_iter()).register(
            "leader_election_master_status",
            "Whether this replica holds the Lease",
            this.leader.clone(),
        );
        this
    }

    pub(super) fn set_host(&self, host: &str) {
        let _ = self.host.set(host.to_owned());
    }

    pub(super) fn count_request(&self, method: &'static str, code: Option<u16>) {
        let Some(host) = self.host.get().cloned() else { return };
        let code = code.map_or_else(|| "<error>".to_owned(), |code| code.to_string());
        self.requests.get_or_create(&ByRequest { code, host, method }).inc();
    }

    pub(super) fn set_leader(&self, leader: bool) {
        self.leader.set(i64::from(leader));
    }

    /// Notes how many passes there may be at once.
    pub(crate) fn set_most_active(&self, count: usize) {
        self.most_active.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Notes how many classes wait, and how many were added since.
    pub(crate) fn note_queue(&self, depth: usize, added: u64, retried: u64) {
        self.depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
        self.adds.inc_by(added);
        self.retries.inc_by(retried);
    }

    /// Notes that a pass begins that waited for this long.
    pub(crate) fn begin(&self, waited: Duration) {
        self.waited.observe(waited.as_secs_f64());
        self.active.inc();
    }

    /// Notes that a pass ended.
    pub(crate) fn end(&self, result: ReconcileResult, took: Duration) {
        self.active.dec();
        self.worked.observe(took.as_secs_f64());
        self.reconcile_time.observe(took.as_secs_f64());
        self.reconciles.get_or_create(&ByResult { controller: NAME, result: result.as_str() }).inc();
        match result {
            ReconcileResult::Error => {
                self.errors.inc();
            }
            ReconcileResult::Success | ReconcileResult::RequeueAfter => {}
        }
    }
}
