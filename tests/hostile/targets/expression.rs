//! CEL: what stands as `when`.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use classkeeper::engine::expression::Problem;
use classkeeper::engine::facts::{Facts, GatewayApi};
use classkeeper::engine::when::When;

/// Neither compiling nor evaluating may take longer, on a slow machine and without optimisation.
const LONGEST: Duration = Duration::from_secs(10);

/// Clusters about which conditions are evaluated: one with everything, and one that is only just there.
static CLUSTERS: LazyLock<[Arc<Facts>; 2]> = LazyLock::new(|| {
    let full = Facts {
        kubernetes: "1.37.2".into(),
        gateway_api: GatewayApi {
            bundle_version: "v1.6.3".into(),
            channel: "standard".into(),
            served_versions: vec!["v1".into(), "v1beta1".into()],
        },
        kinds: [("v1", "ConfigMap"), ("gateway.networking.k8s.io/v1", "GatewayClass")].into_iter().collect(),
    };
    [Arc::new(full), Arc::default()]
});

/// Compiles the bytes, and evaluates what compiles. What is wrong with them has a place in them; what compiles is
/// evaluated soon, to the same result each time.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let start = Instant::now();
    match When::compile(text) {
        Ok(when) => {
            assert_eq!(when.text(), text);
            for cluster in CLUSTERS.iter() {
                assert_eq!(when.holds(cluster), when.holds(cluster), "{text:?}");
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "{text:?}");
            for problem in &problems {
                check(problem, text);
            }
        }
    }
    assert!(start.elapsed() < LONGEST, "{text:?} took {:?}", start.elapsed());
}

fn check(problem: &Problem, text: &str) {
    assert!(text.get(problem.range.clone()).is_some(), "{problem:?} in {text:?}");
    assert!(!problem.message.is_empty(), "{problem:?} in {text:?}");
}
