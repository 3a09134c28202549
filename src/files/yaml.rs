//! From a file's text to documents. The only file, with those beside it, that knows the YAML crate.
//!
//! Documents are composed from the parser's events, which is several times faster than deserialising a tree and knows
//! every place. JSON is YAML too. What may grow without bound is bounded here: nesting, and what aliases expand to.

mod compose;
mod resolve;
mod scalar;
mod syntax;
#[cfg(test)]
mod tests;

use crate::engine::diagnostic::text::Findings;
use crate::engine::document::Document;

/// How deep values may be nested.
const DEPTH_AT_MOST: u32 = 64;

/// What one file may cost.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Documents, empty ones left out.
    pub documents: usize,
    /// Values after the expansion of aliases and merge keys; a text counts one more for every 16 bytes.
    pub values: u32,
}

/// Far more than 1 MiB of real documents needs, and little enough to hold in memory.
impl Default for Budget {
    fn default() -> Self {
        Self { documents: 100_000, values: 500_000 }
    }
}

/// Parses a file. The findings tell what is wrong with it; the documents before a syntax error are still returned.
pub fn parse<'t>(findings: &mut Findings<'_, 't>, budget: Budget) -> Vec<Document<'t>> {
    let mut documents = Vec::new();
    read(findings, budget, |document, _| documents.push(document));
    documents
}

/// Parses a file and hands over each document once it is read, so that never more than one of them is held.
pub fn read<'f, 't>(
    findings: &mut Findings<'f, 't>,
    budget: Budget,
    each: impl FnMut(Document<'t>, &mut Findings<'f, 't>),
) {
    match syntax::nul_character(findings.file.text) {
        Some(finding) => findings.push(finding),
        None => compose::Composer::new(findings, budget).documents(each),
    }
}
