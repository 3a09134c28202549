//! Reviews: what the webhook is asked, by whoever reaches it.

use std::sync::{Arc, LazyLock};

use classkeeper::admission::Admission;
use classkeeper::admission::review::{Answer, ReviewError};
use classkeeper::cluster::board::Board;
use classkeeper::engine::author::Installation;
use classkeeper::engine::source::ConfigMapName;
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;
use classkeeper::metrics::Metrics;
use serde_json::Value;
use tokio::sync::watch;

/// What is in force: a class with everything that may be said about one, and a tenant.
const DEFAULTS: &str = r#"
apiVersion: classkeeper.dev/v1alpha1
kind: DefaultGatewayClass
metadata: {name: edge, labels: {team: platform}, annotations: {example.com/note: a}}
spec:
  controllerName: example.com/controller
  description: first
  parametersRef: {group: example.com, kind: Parameters, name: edge, namespace: platform}
policy: {enforce: [spec.description], protect: true, onRemove: Delete}
---
apiVersion: classkeeper.dev/v1alpha1
kind: Tenant
metadata: {name: a}
namespaces: [team-a]
allow: {names: ["a-*"], controllerNames: ["example.com/*"], policies: [Delete]}
"#;

static ADMISSION: LazyLock<Admission> = LazyLock::new(|| {
    let snapshot = Snapshot::of([("a.yaml".to_owned(), DEFAULTS.as_bytes().to_vec())]);
    let Reload::Accepted { defaults, .. } = Loader::default().load(&snapshot) else {
        panic!("{DEFAULTS} isn't accepted")
    };
    let (installation, metrics) = (Installation::new("classkeeper").unwrap(), Arc::<Metrics>::default());
    let board = Arc::new(Board::new(installation.clone(), metrics.clone()));
    board.lock().load(&defaults);
    let (_, cluster) = watch::channel(None);
    let own = ConfigMapName { namespace: "platform".into(), name: "defaults".into() };
    Admission { board, cluster, installation, platform_config_maps: [own].into(), metrics }
});

/// Answers the bytes as a review of a ConfigMap, and as one of a class. What is said fits what the API server takes, a class
/// may always be edited, and the same question has the same answer.
pub(crate) fn run(bytes: &[u8]) {
    check(|| ADMISSION.review_config_map(bytes));
    let answer = check(|| ADMISSION.review_class(bytes));
    assert!(!matches!(answer, Some(Answer::Refused(_))), "{answer:?}");
}

fn check(review: impl Fn() -> Result<(String, Answer), ReviewError>) -> Option<Answer> {
    let (uid, answer) = match review() {
        Ok(answered) => answered,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    assert_eq!(review().ok().map(|(_, answer)| answer).as_ref(), Some(&answer));
    let said = match &answer {
        Answer::Allowed(warnings) => {
            assert!(warnings.len() <= 22, "{answer:?}");
            assert!(warnings.iter().all(|warning| warning.chars().count() <= 251), "{answer:?}");
            warnings.concat()
        }
        Answer::Refused(text) => {
            assert!(text.chars().count() < 10_000, "{answer:?}");
            text.clone()
        }
    };
    assert!(said.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "{said:?}");
    let sent: Value = serde_json::to_value(answer.clone().review(&uid)).unwrap();
    assert_eq!(sent["response"]["uid"], uid);
    assert_eq!(sent["response"]["allowed"], matches!(answer, Answer::Allowed(_)));
    Some(answer)
}
