//! The metrics of contract 4, and nothing that could grow: every label value comes from a closed set.
//!
//! What client-go and controller-runtime count too stands there under their names as well, in [`ecosystem`], so that
//! dashboards that are there already show it.

mod admission;
mod ecosystem;
mod process;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use self::admission::Admission;
pub use self::admission::{ReviewResult, Reviewed};
use self::ecosystem::Ecosystem;
pub use self::ecosystem::ReconcileResult;
use crate::engine::author::Author;
use crate::engine::outcome::Outcome;
use crate::engine::source::LoadState;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByVerbAndCode {
    verb: &'static str,
    code: u16,
}

/// How a reload of the files ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// New content is in force.
    Accepted,
    /// The last good content stays.
    Rejected,
}

/// What the program counts. One for each process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    last_reload_successful: Gauge,
    last_success: Gauge<f64, AtomicU64>,
    reloads: Family<ByResult, Counter>,
    tenant_sources: Family<ByState, Gauge>,
    classes: Family<ByOutcome, Gauge>,
    applies: Family<ByOutcome, Counter>,
    apply_duration: Histogram,
    units_yielded: Gauge,
    drift_repaired: Counter,
    requests: Family<ByVerbAndCode, Counter>,
    leader: Gauge,
    events_dropped: Counter,
    admission: Admission,
    ecosystem: Ecosystem,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut all = Registry::default();
        let ecosystem = Ecosystem::register(&mut all);
        let registry = all.sub_registry_with_prefix("classkeeper");
        let admission = Admission::register(registry);
        let metrics = Self {
            last_reload_successful: Gauge::default(),
            last_success: Gauge::default(),
            reloads: Family::default(),
            tenant_sources: Family::default(),
            classes: Family::default(),
            applies: Family::default(),
            // From one request on an idle server to the deadline of a call.
            apply_duration: Histogram::new([0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]),
            units_yielded: Gauge::default(),
            drift_repaired: Counter::default(),
            requests: Family::default(),
            leader: Gauge::default(),
            events_dropped: Counter::default(),
            admission,
            ecosystem,
            registry: Registry::default(),
        };
        registry.register(
            "config_last_reload_successful",
            "Whether the last load of each of the platform's sources was accepted",
            metrics.last_reload_successful.clone(),
        );
        registry.register(
            "config_last_reload_success_timestamp_seconds",
            "Time of the last accepted load of one of the platform's sources",
            metrics.last_success.clone(),
        );
        registry.register("config_reloads", "Loads of sources, by result", metrics.reloads.clone());
        registry.register(
            "tenant_sources",
            "ConfigMaps of tenants, by how their last load ended",
            metrics.tenant_sources.clone(),
        );
        registry.register("classes", "Classes by the outcome of their last pass", metrics.classes.clone());
        registry.register("apply", "Passes that sent a write, by outcome", metrics.applies.clone());
        registry.register(
            "apply_duration_seconds",
            "Duration of passes that sent a write",
            metrics.apply_duration.clone(),
        );
        registry.register("units_yielded", "Units that other owners keep", metrics.units_yielded.clone());
        registry.register(
            "drift_repaired",
            "Passes that repaired what somebody else changed or removed",
            metrics.drift_repaired.clone(),
        );
        registry.register(
            "api_requests",
            "Requests to the API server, by verb and HTTP status (0: no answer)",
            metrics.requests.clone(),
        );
        registry.register("leader", "Whether this replica writes", metrics.leader.clone());
        registry.register(
            "events_dropped",
            "Events that could not be sent, or not be kept until they could",
            metrics.events_dropped.clone(),
        );
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        let build = prometheus_client::metrics::info::Info::new(version);
        registry.register("build", "The program's version", build);
        for outcome in Outcome::ALL {
            let _ = metrics.classes.get_or_create(&ByOutcome { outcome: outcome.as_str() });
        }
        Self { registry: all, ..metrics }
    }
}

impl Metrics {
    /// Counts a load of one of this author's sources.
    pub fn count_reload(&self, result: ReloadResult, author: &Author) {
        let result_label = match result {
            ReloadResult::Accepted => "accepted",
            ReloadResult::Rejected => "rejected",
        };
        self.reloads.get_or_create(&ByResult { result: result_label }).inc();
        if result == ReloadResult::Accepted && *author == Author::Platform {
            self.last_success.set(Timestamp::now().as_duration().as_secs_f64());
        }
    }

    /// Notes whether the last load of each of the platform's sources was accepted.
    pub fn set_platform_accepted(&self, accepted: bool) {
        self.last_reload_successful.set(i64::from(accepted));
    }

    /// Notes how the last loads of the tenants' sources ended.
    pub fn set_tenant_sources(&self, states: impl Iterator<Item = LoadState>) {
        let (mut pending, mut accepted, mut rejected) = (0, 0, 0);
        for state in states {
            match state {
                LoadState::Pending => pending += 1,
                LoadState::Accepted => accepted += 1,
                LoadState::Rejected => rejected += 1,
            }
        }
        for (state, count) in [("pending", pending), ("accepted", accepted), ("rejected", rejected)] {
            self.tenant_sources.get_or_create(&ByState { state }).set(count);
        }
    }

    /// Counts a pass that sent a write.
    pub fn count_apply(&self, outcome: Outcome, duration: Duration) {
        self.applies.get_or_create(&ByOutcome { outcome: outcome.as_str() }).inc();
        self.apply_duration.observe(duration.as_secs_f64());
    }

    /// Counts a class that was brought back to its default after somebody else changed it.
    pub fn count_repaired_drift(&self) {
        self.drift_repaired.inc();
    }

    /// Counts a request to the API server; without a code if no answer came.
    pub fn count_request(&self, verb: &'static str, method: &'static str, code: Option<u16>) {
        self.requests.get_or_create(&ByVerbAndCode { verb, code: code.unwrap_or(0) }).inc();
        self.ecosystem.count_request(method, code);
    }

    /// Notes which API server requests go to, as `host:port`. Before it is known, no request is counted by it.
    pub fn set_host(&self, host: &str) {
        self.ecosystem.set_host(host);
    }

    /// Counts an Event that was dropped.
    pub fn count_dropped_event(&self) {
        self.events_dropped.inc();
    }

    /// The metrics of admission.
    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// The metrics by the ecosystem's names.
    pub(crate) fn ecosystem(&self) -> &Ecosystem {
        &self.ecosystem
    }

    /// Notes that a class's outcome changed; `None` is a class that wasn't or isn't counted.
    pub fn move_class(&self, from: Option<Outcome>, to: Option<Outcome>) {
        if let Some(outcome) = from {
            self.classes.get_or_create(&ByOutcome { outcome: outcome.as_str() }).dec();
        }
        if let Some(outcome) = to {
            self.classes.get_or_create(&ByOutcome { outcome: outcome.as_str() }).inc();
        }
    }

    /// Notes by how much the number of yielded units changed.
    pub fn add_yielded(&self, difference: i64) {
        self.units_yielded.inc_by(difference);
    }

    /// Notes whether this replica writes.
    pub fn set_leader(&self, leader: bool) {
        self.leader.set(i64::from(leader));
        self.ecosystem.set_leader(leader);
    }

    /// All metrics, in the OpenMetrics text format, the process's own included.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = text::encode_registry(&mut text, &self.registry);
        process::render(&mut text);
        text.push_str("# EOF\n");
        text
    }
}
