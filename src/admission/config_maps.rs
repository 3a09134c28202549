//! What is said to whoever writes a ConfigMap with defaults: what `check` says of its files, refused if it finds an
//! error.

use k8s_openapi::api::core::v1::ConfigMap;

use super::review::{Answer, Operation, Request};
use super::{Admission, Reader};
use crate::engine::diagnostic::render::{Color, count};
use crate::engine::diagnostic::{Diagnostic, Severity};
use crate::engine::tenancy::{DEFAULTS_LABEL, DEFAULTS_LABEL_TRUE, Scope};
use crate::files::reload::{Loader, Reload};
use crate::files::snapshot::Snapshot;

/// How long a refusal may be, in characters: it is read on a terminal.
const LONGEST_REFUSAL: usize = 8_000;
/// Warnings that are told one by one. The API server takes 4,096 characters of all together.
const WARNINGS_AT_MOST: usize = 20;

/// Answers a request about a ConfigMap.
pub(super) fn judge(request: Request<ConfigMap>, admission: &Admission) -> Answer {
    let Request { operation, namespace, object, old_object, .. } = request;
    let is_written = matches!(operation, Operation::Create | Operation::Update);
    let Some(map) = object.filter(|_| is_written) else { return Answer::Allowed(Vec::new()) };
    let reader = admission.reader(&namespace, map.metadata.name.as_deref().unwrap_or_default());
    // The platform's own is read whether it has the label or not.
    if !is_labelled(&map) && !matches!(reader, Reader::Platform) {
        return Answer::Allowed(Vec::new());
    }
    let (scope, unread) = match reader {
        Reader::Platform | Reader::NotYetKnown => (Scope::Platform, None),
        Reader::Tenant(tenant) => (Scope::Tenant(tenant), None),
        Reader::Nobody => {
            (Scope::Platform, Some(format!("nobody reads these defaults: no Tenant names the namespace {namespace}")))
        }
    };
    // Whoever takes a finalizer off what is being deleted, or adds an annotation, can't help what is in it.
    let is_as_before =
        old_object.is_some_and(|old| is_labelled(&old) && old.data == map.data && old.binary_data == map.binary_data);
    let findings = findings(map, scope);
    if !findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Answer::Allowed(unread.into_iter().chain(warnings(&findings)).collect());
    }
    if is_as_before {
        let errors = count(&findings);
        return Answer::Allowed(vec![format!("as before, these defaults are not taken: {errors}")]);
    }
    Answer::Refused(refusal(&findings))
}

fn is_labelled(map: &ConfigMap) -> bool {
    let label = map.metadata.labels.as_ref().and_then(|labels| labels.get(DEFAULTS_LABEL));
    label.is_some_and(|label| label == DEFAULTS_LABEL_TRUE)
}

/// What `check` finds in a directory of these files.
fn findings(map: ConfigMap, scope: Scope) -> Vec<Diagnostic> {
    let text = map.data.into_iter().flatten().map(|(key, text)| (key, text.into_bytes()));
    let binary = map.binary_data.into_iter().flatten().map(|(key, bytes)| (key, bytes.0));
    match Loader::of(scope).load(&Snapshot::of(text.chain(binary))) {
        Reload::Accepted { findings, .. } | Reload::Rejected { findings } => findings,
        // A loader that has loaded nothing has nothing to compare with.
        Reload::Unchanged => Vec::new(),
    }
}

/// The words of `check`, as many as are read.
fn refusal(findings: &[Diagnostic]) -> String {
    let mut text = String::from("these defaults would not be taken:\n\n");
    let mut shown = 0;
    for finding in findings {
        let finding = finding.render(Color::Never);
        if shown > 0 && text.chars().count() + finding.chars().count() > LONGEST_REFUSAL {
            break;
        }
        shown += 1;
        text += &(finding + "\n");
    }
    if shown < findings.len() {
        let rest = findings.len() - shown;
        text += &[&rest.to_string(), " more are not shown; `classkeeper check` on the files shows all\n\n"].concat();
    }
    text + &count(findings)
}

/// Warnings, a line each.
fn warnings(findings: &[Diagnostic]) -> Vec<String> {
    let line = |finding: &Diagnostic| super::fit(format!("{}: {}", finding.place, finding.message));
    let rest = findings.len().saturating_sub(WARNINGS_AT_MOST);
    let rest = (rest > 0).then(|| format!("{rest} more warnings are not shown"));
    findings.iter().take(WARNINGS_AT_MOST).map(line).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::diagnostic::render::report;

    #[test]
    fn a_refusal_says_what_check_says() {
        let map = map("10-edge.yaml", "kind: GatewayClas\n");
        let findings = findings(map, Scope::Platform);
        let text = refusal(&findings);
        let check = report(&findings, Color::Never);
        assert!(text.ends_with(&check) && check.contains(" --> 10-edge.yaml:1:"), "{text}\n{check}");
    }

    #[test]
    fn a_refusal_has_an_end() {
        let text = "kind: GatewayClas\n---\n".repeat(1_000);
        let text = refusal(&findings(map("a.yaml", &text), Scope::Platform));
        assert!(text.chars().count() < LONGEST_REFUSAL + 300, "{}", text.chars().count());
        assert!(text.contains(" more are not shown; `classkeeper check`") && text.ends_with(" errors"), "{text}");
    }

    fn map(key: &str, text: &str) -> ConfigMap {
        let data = Some([(key.to_owned(), text.to_owned())].into());
        ConfigMap { data, ..ConfigMap::default() }
    }
}
