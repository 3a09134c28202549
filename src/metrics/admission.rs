//! What is counted of admission: reviews, and until when the certificate is good.

use std::sync::atomic::AtomicU64;

use k8s_openapi::jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResourceAndResult {
    resource: &'static str,
    result: &'static str,
}

/// What a review was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reviewed {
    /// A ConfigMap.
    ConfigMaps,
    /// A GatewayClass.
    GatewayClasses,
}

impl Reviewed {
    /// The resource.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMaps => "configmaps",
            Self::GatewayClasses => "gatewayclasses",
        }
    }
}

/// How a review ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewResult {
    /// Allowed without a word.
    Allowed,
    /// Allowed with warnings.
    Warned,
    /// Refused.
    Refused,
    /// Not answered: no review, too large, or too late.
    Failed,
}

impl Reviewed {
    const ALL: [Self; 2] = [Self::ConfigMaps, Self::GatewayClasses];
}

impl ReviewResult {
    const ALL: [Self; 4] = [Self::Allowed, Self::Warned, Self::Refused, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Warned => "warned",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The metrics of admission.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    reviews: Family<ByResourceAndResult, Counter>,
    certificate_end: Gauge<f64, AtomicU64>,
}

impl Admission {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for (reviewed, result) in
            Reviewed::ALL.iter().flat_map(|reviewed| ReviewResult::ALL.map(|result| (reviewed, result)))
        {
            let labels = ByResourceAndResult { resource: reviewed.as_str(), result: result.as_str() };
            let _ = metrics.reviews.get_or_create(&labels);
        }
        registry.register(
            "webhook_reviews",
            "Requests to the admission webhook, by resource and result",
            metrics.reviews.clone(),
        );
        registry.register(
            "webhook_certificate_expiry_timestamp_seconds",
            "When the certificate that the webhook serves ends (0: there is none)",
            metrics.certificate_end.clone(),
        );
        metrics
    }

    /// Counts a review.
    pub(crate) fn count_review(&self, reviewed: Reviewed, result: ReviewResult) {
        let labels = ByResourceAndResult { resource: reviewed.as_str(), result: result.as_str() };
        self.reviews.get_or_create(&labels).inc();
    }

    /// Notes when the certificate ends that is served.
    pub(crate) fn set_certificate_end(&self, end: Timestamp) {
        self.certificate_end.set(end.as_duration().as_secs_f64());
    }
}
