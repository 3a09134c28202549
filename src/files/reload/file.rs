//! One file, parsed and validated. Its result depends on its name, its content and whose it is
//! alone, so that it can be kept.

use std::collections::HashMap;
use std::str::from_utf8;
use std::sync::Arc;

use crate::engine::defaults::Described;
use crate::engine::diagnostic::text::{FileText, Findings};
use crate::engine::diagnostic::{Code, Diagnostic, Finding, Severity};
use crate::engine::document::Span;
use crate::engine::shared::Shared;
use crate::engine::tenancy::Scope;
use crate::engine::validate::{Candidate, validate};
use crate::engine::when::Conditions;
use crate::files::snapshot::SnapshotFile;
use crate::files::yaml::{self, Budget};

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A file that was parsed and validated.
#[derive(Debug)]
pub(super) struct LoadedFile {
    /// The SHA-256 of its content; `None` if it must be loaded again, for not all that was found is kept.
    pub(super) digest: Option<[u8; 32]>,
    /// How many documents it has, empty ones left out.
    pub(super) documents: usize,
    /// What it describes.
    pub(super) candidates: Vec<Candidate>,
    /// What is wrong with it.
    pub(super) findings: Vec<Diagnostic>,
    /// How many findings there were besides.
    pub(super) left_out: usize,
}

impl LoadedFile {
    /// Loads a file, of which `before` is an earlier state. Conditions that are known aren't compiled again, and what is
    /// shared with others or with `before` depends on it in memory alone.
    pub(super) fn load(
        file: &SnapshotFile,
        before: Option<&Self>,
        scope: &Scope,
        conditions: &mut Conditions,
        shared: &mut Shared,
    ) -> Self {
        let digest = Some(file.digest);
        let mut loaded = Self { digest, documents: 0, candidates: Vec::new(), findings: Vec::new(), left_out: 0 };
        if let Err(finding) = decode(file) {
            loaded.findings.push(*finding);
            return loaded;
        }
        let text = FileText::new(file.name.clone(), text(file));
        let mut findings = Findings::new(&text);
        let before: HashMap<_, _> =
            before.into_iter().flat_map(|before| &before.candidates).map(|known| (&*known.name, known)).collect();
        yaml::read(&mut findings, Budget::default(), |document, findings| {
            loaded.documents += 1;
            let Some(mut candidate) = validate(&document, scope, conditions, findings) else { return };
            match before.get(&*candidate.name) {
                // What is kept stays where it is in memory: what is new there leaves gaps behind when it goes.
                Some(known) if known.described == candidate.described => {
                    candidate.name.clone_from(&known.name);
                    candidate.described.clone_from(&known.described);
                }
                Some(_) | None => share(&mut candidate, shared),
            }
            loaded.candidates.push(candidate);
        });
        loaded.candidates.shrink_to_fit();
        loaded.findings = findings.into_list();
        loaded
    }

    /// Keeps one finding, an error if there is one: the others would not be shown.
    pub(super) fn keep_one_finding(&mut self) {
        if self.findings.len() > 1 {
            let error = self.findings.iter().position(|finding| finding.severity == Severity::Error);
            let kept = self.findings.swap_remove(error.unwrap_or_default());
            self.left_out = self.findings.len();
            self.findings = vec![kept];
            self.digest = None;
        }
    }
}

fn share(candidate: &mut Candidate, shared: &mut Shared) {
    if let Some(Described::Class(class)) = &mut candidate.described
        && let Some(class) = Arc::get_mut(class)
    {
        shared.share(class);
    }
}

/// The text of a file that [`decode`] accepts, and nothing of any other.
pub(super) fn text(file: &SnapshotFile) -> &str {
    from_utf8(&file.bytes).unwrap_or_default()
}

fn decode(file: &SnapshotFile) -> Result<(), Box<Diagnostic>> {
    let bytes = file.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&file.bytes);
    let Err(error) = from_utf8(bytes) else { return Ok(()) };
    // Up to the first bad byte the lossy text is the same, and there it has a replacement character.
    let lossy = String::from_utf8_lossy(bytes);
    let at = u32::try_from(error.valid_up_to()).unwrap_or(u32::MAX);
    let span = Span { start: at, end: at.saturating_add(3) };
    let message = format!("the byte 0x{:02X} is not UTF-8", bytes.get(error.valid_up_to()).unwrap_or(&0));
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let advice = if is_utf16 { "this looks like UTF-16: save the file as UTF-8" } else { "save the file as UTF-8" };
    let finding = Finding::error(Code::NotUtf8, span, message).suggest(advice);
    Err(FileText::new(file.name.clone(), &lossy).locate(finding).into())
}
