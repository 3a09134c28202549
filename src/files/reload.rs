//! Loads snapshots one after the other: what is new is parsed and validated, what is unchanged is reused, and the last
//! good defaults stay until there are better ones.

mod file;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use self::file::{LoadedFile, text};
use super::snapshot::Snapshot;
use crate::engine::defaults::Defaults;
use crate::engine::diagnostic::text::FileText;
use crate::engine::diagnostic::{Code, Diagnostic, Related, Severity, quoted};
use crate::engine::document::Span;
use crate::engine::manifest::Subject;
use crate::engine::shared::Shared;
use crate::engine::tenancy::Scope;
use crate::engine::validate::Candidate;
use crate::engine::when::Conditions;

/// The most documents of a source.
const DOCUMENTS_AT_MOST: usize = 100_000;
/// More findings than this are counted, not shown.
const FINDINGS_AT_MOST: usize = 2_000;

/// Loads snapshots, and keeps what the last ones hold.
#[derive(Debug, Default)]
pub struct Loader {
    /// Whose files they are.
    scope: Scope,
    /// The files of the last snapshot, whether it was accepted or not.
    files: BTreeMap<Arc<str>, Arc<LoadedFile>>,
    digest: Option<String>,
    defaults: Option<Arc<Defaults>>,
    /// What several classes have.
    shared: Shared,
}

/// How a load ended.
#[derive(Clone, Debug)]
pub enum Reload {
    /// The source is valid and in force.
    Accepted {
        /// What it describes.
        defaults: Arc<Defaults>,
        /// Warnings, ordered by place.
        findings: Vec<Diagnostic>,
    },
    /// The source has errors; the last good one stays in force.
    Rejected {
        /// Errors and warnings, ordered by place.
        findings: Vec<Diagnostic>,
    },
    /// The source is the same as at the last load, however that ended.
    Unchanged,
}

impl Loader {
    /// A loader of the files of a tenant, or of the platform.
    #[must_use]
    pub fn of(scope: Scope) -> Self {
        Self { scope, ..Self::default() }
    }

    /// Whose files they are.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Has the next load validate everything anew, by another boundary. What is in force stays.
    pub fn set_scope(&mut self, scope: Scope) {
        (self.scope, self.digest) = (scope, None);
        self.files.clear();
    }

    /// Loads a snapshot. One error rejects it as a whole.
    pub fn load(&mut self, snapshot: &Snapshot) -> Reload {
        let digest = snapshot.digest();
        if self.digest.as_ref() == Some(&digest) {
            return Reload::Unchanged;
        }
        self.digest = Some(digest);
        self.files = self.load_files(snapshot);
        let mut findings = snapshot.findings().to_vec();
        findings.extend(self.files.values().flat_map(|file| file.findings.iter().cloned()));
        findings.extend(self.too_many_documents(DOCUMENTS_AT_MOST));
        findings.extend(self.duplicates(snapshot));
        findings.sort_by(|a, b| a.order().cmp(&b.order()));
        let is_rejected = findings.iter().any(|finding| finding.severity == Severity::Error);
        let findings = shown(findings, self.files.values().map(|file| file.left_out).sum());
        if is_rejected {
            return Reload::Rejected { findings };
        }
        let candidates = self.files.values().flat_map(|file| &file.candidates);
        let defaults: Arc<Defaults> =
            Arc::new(candidates.filter_map(|candidate| candidate.described.clone()).collect());
        self.defaults = Some(defaults.clone());
        Reload::Accepted { defaults, findings }
    }

    /// The files of a snapshot, loaded unless they are known. What they hold in memory is bounded: those behind the most
    /// documents aren't read, and those behind the most findings keep one of theirs.
    fn load_files(&mut self, snapshot: &Snapshot) -> BTreeMap<Arc<str>, Arc<LoadedFile>> {
        let mut files = BTreeMap::new();
        let (mut documents, mut findings) = (0, 0);
        let mut conditions = Conditions::default();
        for file in snapshot.files() {
            if documents > DOCUMENTS_AT_MOST {
                break;
            }
            let before = self.files.get(&file.name);
            let known = before.filter(|known| known.digest == Some(file.digest));
            let loaded = known.cloned().unwrap_or_else(|| {
                let before = before.map(|before| &**before);
                let mut loaded = LoadedFile::load(file, before, &self.scope, &mut conditions, &mut self.shared);
                if findings > FINDINGS_AT_MOST {
                    loaded.keep_one_finding();
                }
                Arc::new(loaded)
            });
            documents += loaded.documents;
            findings += loaded.findings.len();
            files.insert(file.name.clone(), loaded);
        }
        self.shared.forget_unshared();
        files
    }

    /// Makes the next load one of its own, also if the content is what it was: the source was unreadable meanwhile.
    pub fn forget_digest(&mut self) {
        self.digest = None;
    }

    /// The last good defaults.
    #[must_use]
    pub fn defaults(&self) -> Option<&Arc<Defaults>> {
        self.defaults.as_ref()
    }

    fn too_many_documents(&self, limit: usize) -> Option<Diagnostic> {
        let mut count = 0;
        let (name, _) = self.files.iter().find(|(_, file)| {
            count += file.documents;
            count > limit
        })?;
        let message = format!("with this file, there are more than {limit} documents");
        Some(Diagnostic::of_file(Code::TooManyDocuments, name, message))
    }

    /// What is described or claimed more than once, in whatever files.
    fn duplicates(&self, snapshot: &Snapshot) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        let mut known: BTreeMap<Claim<'_>, (usize, Span)> = BTreeMap::new();
        // Only the files that have a part in a duplicate are looked at again.
        let mut texts: BTreeMap<usize, FileText<'_>> = BTreeMap::new();
        for (index, file) in snapshot.files().iter().enumerate() {
            let Some(loaded) = self.files.get(&file.name) else { continue };
            for (claim, span) in loaded.candidates.iter().flat_map(claims) {
                let (first, first_span) = match known.entry(claim) {
                    Entry::Vacant(entry) => {
                        entry.insert((index, span));
                        continue;
                    }
                    Entry::Occupied(entry) => *entry.get(),
                };
                if findings.len() > FINDINGS_AT_MOST {
                    return findings;
                }
                let mut place = |index: usize, span| {
                    let file = &snapshot.files()[index];
                    let text = texts.entry(index).or_insert_with(|| FileText::new(file.name.clone(), text(file)));
                    text.place(span)
                };
                let first = place(first, first_span);
                let place = place(index, span);
                let message = match claim {
                    Claim::Name(subject, name) => {
                        format!("the {subject} {} is described already, at {first}", quoted(name))
                    }
                    Claim::Namespace(name) => {
                        format!("the namespace {} belongs to a tenant already, at {first}", quoted(name))
                    }
                };
                let related = vec![Related { place: first, label: "first here".to_owned() }];
                let (severity, code) = (Severity::Error, Code::DuplicateClass);
                findings.push(Diagnostic { severity, code, place, message, suggestion: None, related });
            }
        }
        findings
    }
}

/// What no two documents may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim<'a> {
    /// A name of something.
    Name(Subject, &'a str),
    /// A namespace of a tenant.
    Namespace(&'a str),
}

/// What a document claims, and where.
fn claims(candidate: &Candidate) -> impl Iterator<Item = (Claim<'_>, Span)> {
    let name = (Claim::Name(candidate.subject, &candidate.name), candidate.name_span);
    let namespaces = candidate.namespaces.iter().map(|(name, span)| (Claim::Namespace(name), *span));
    std::iter::once(name).chain(namespaces)
}

/// The first findings, and how many there are besides, with those that were left out before.
fn shown(mut findings: Vec<Diagnostic>, left_out: usize) -> Vec<Diagnostic> {
    if findings.len() > FINDINGS_AT_MOST {
        let rest = findings.split_off(FINDINGS_AT_MOST);
        let message = format!("{} more findings are not shown", rest.len() + left_out);
        let mut finding = Diagnostic::of_file(Code::TooManyFindings, &rest[0].place.file, message);
        if rest.iter().all(|finding| finding.severity == Severity::Warning) {
            finding.severity = Severity::Warning;
        }
        (finding.place.line, finding.place.column) = (rest[0].place.line, rest[0].place.column);
        findings.push(finding);
    }
    findings
}
