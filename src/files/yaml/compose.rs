//! Composes documents from the parser's events: maps and lists, aliases and merge keys, within the budget.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, StrInput};

use super::{Budget, DEPTH_AT_MOST, syntax};
use crate::engine::diagnostic::text::Findings;
use crate::engine::diagnostic::{Code, Finding, quoted};
use crate::engine::document::{Content, Document, Entry, Mapping, Node, Span};

/// Composes the documents of one file.
pub(super) struct Composer<'c, 'f, 't> {
    pub(super) findings: &'c mut Findings<'f, 't>,
    events: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Anchor<'t>>,
    documents_left: usize,
    values_left: u32,
}

/// A value that aliases can repeat.
enum Anchor<'t> {
    /// Its end isn't reached yet.
    Open,
    Complete {
        node: Node<'t>,
        /// What a copy costs of the budget.
        cost: u32,
        /// How many levels it has.
        height: u32,
    },
}

/// A composed value with what a copy of it costs and how many levels it has.
struct Composed<'t> {
    node: Node<'t>,
    cost: u32,
    height: u32,
}

/// The place of an event. The parser's own spans are 200 bytes, and would be moved from hand to hand.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) span: Span,
    /// The event's tag.
    pub(super) tag: Option<Span>,
}

/// The rest of the file can't be read; its finding is made.
struct Stop;

impl<'c, 'f, 't> Composer<'c, 'f, 't> {
    pub(super) fn new(findings: &'c mut Findings<'f, 't>, budget: Budget) -> Self {
        // A little deeper than our own limit, whose finding says more. Comments would only be buffered.
        let limit = DEPTH_AT_MOST as usize + 8;
        let mut options = granit_parser::options! { flow_nesting_limit: limit, block_nesting_limit: limit };
        options.set_emit_comments(false);
        let events = Parser::new_from_str_with_options(findings.file.text, options);
        let Budget { documents, values } = budget;
        Self { findings, events, anchors: HashMap::new(), documents_left: documents, values_left: values }
    }

    pub(super) fn documents(mut self, mut each: impl FnMut(Document<'t>, &mut Findings<'f, 't>)) {
        while let Ok(Some(document)) = self.document() {
            let is_empty = matches!(document.root.content, Content::Null) && document.root.span.is_empty();
            if is_empty {
                continue;
            }
            if self.documents_left == 0 {
                let place = document.root.span;
                self.findings.push(Finding::error(Code::TooManyDocuments, place, "there are too many documents"));
                break;
            }
            self.documents_left -= 1;
            each(document, self.findings);
        }
    }

    /// The next document; `None` at the end of the file.
    fn document(&mut self) -> Result<Option<Document<'t>>, Stop> {
        loop {
            match self.next()? {
                (Event::DocumentStart(..), _) => {
                    self.anchors.clear();
                    let (event, at) = self.next()?;
                    let root = self.node(event, at, 1)?.node;
                    return Ok(Some(Document { root }));
                }
                (Event::StreamEnd, _) => return Ok(None),
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, At), Stop> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                Ok((event, At { span: self.span(&span), tag: span.tag_span().map(|span| self.span(&span)) }))
            }
            Some(Err(error)) => self.stop(syntax::finding(&error, self.findings.file)),
            None => Ok((Event::StreamEnd, At { span: Span::default(), tag: None })),
        }
    }

    fn stop<T>(&mut self, finding: Finding) -> Result<T, Stop> {
        self.findings.push(finding);
        Err(Stop)
    }

    /// The value that begins with an event. The recursion is bounded by `DEPTH_AT_MOST`.
    fn node(&mut self, event: Event<'t>, at: At, depth: u32) -> Result<Composed<'t>, Stop> {
        let span = at.span;
        if depth > DEPTH_AT_MOST {
            return self.stop(syntax::too_deep(span));
        }
        match event {
            Event::Alias(id) => self.alias(id, span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let cost = text_cost(&text);
                self.spend(cost, span)?;
                let content = self.scalar(text, style, tag.as_deref(), at);
                self.anchored(anchor, Composed { node: Node { span, content }, cost, height: 1 })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(anchor);
                self.check_collection_tag(tag.as_deref(), "seq", at);
                let composed = self.sequence(span, depth)?;
                self.anchored(anchor, composed)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.open(anchor);
                self.check_collection_tag(tag.as_deref(), "map", at);
                let composed = self.mapping(span, depth)?;
                self.anchored(anchor, composed)
            }
            // The parser's grammar puts no other event here.
            other => self.stop(Finding::error(Code::Syntax, span, format!("this isn't YAML: unexpected {other:?}"))),
        }
    }

    fn sequence(&mut self, span: Span, depth: u32) -> Result<Composed<'t>, Stop> {
        self.spend(1, span)?;
        let (mut items, mut cost, mut height) = (Vec::new(), 1, 0);
        loop {
            let (event, at) = self.next()?;
            if let Event::SequenceEnd = event {
                let span = Span { end: at.span.end.max(span.end), ..span };
                let node = Node { span, content: Content::Sequence(items) };
                return Ok(Composed { node, cost, height: height + 1 });
            }
            let item = self.node(event, at, depth + 1)?;
            cost += item.cost;
            height = height.max(item.height);
            items.push(item.node);
        }
    }

    fn mapping(&mut self, span: Span, depth: u32) -> Result<Composed<'t>, Stop> {
        self.spend(1, span)?;
        let (mut entries, mut merges, mut cost, mut height) = (Vec::new(), Vec::new(), 1, 0);
        loop {
            let (event, at) = self.next()?;
            if let Event::MappingEnd = event {
                break;
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, at, depth + 1)?;
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            cost += key.cost + value.cost;
            height = height.max(value.height);
            let key_span = key.node.span;
            if let Some(key) = self.key(key.node) {
                if is_merge && !merges.is_empty() {
                    self.findings.push(
                        Finding::error(Code::DuplicateKey, key_span, "the merge key `<<` stands twice in this map")
                            .suggest("write a list of aliases: `<<: [*a, *b]`"),
                    );
                } else if is_merge {
                    merges.push((key_span, value.node));
                } else {
                    entries.push(Entry { key, key_span, value: value.node });
                }
            }
        }
        let (mut mapping, duplicates) = Mapping::new(entries);
        for duplicate in duplicates {
            let message = format!("the key {} stands twice in this map", quoted(&duplicate.key));
            self.findings.push(
                Finding::error(Code::DuplicateKey, duplicate.second, message).relate(duplicate.first, "first here"),
            );
        }
        for (key_span, value) in merges {
            mapping = self.merge(mapping, key_span, value);
        }
        let span = mapping
            .entries()
            .iter()
            .fold(span, |span, entry| Span { start: span.start, end: span.end.max(entry.key_span.end) });
        Ok(Composed { node: Node { span, content: Content::Mapping(mapping) }, cost, height: height + 1 })
    }

    /// Adds the entries of one map, or of a list of maps, behind those that stand in the map itself. Of equal keys the
    /// earlier wins (<https://yaml.org/type/merge.html>; kubectl does the same).
    fn merge(&mut self, mapping: Mapping<'t>, key_span: Span, value: Node<'t>) -> Mapping<'t> {
        let sources = match value.content {
            Content::Sequence(items) => items,
            Content::Mapping(_) | Content::Null | Content::Bool(_) | Content::Number(_) | Content::String(_) => {
                vec![value]
            }
        };
        let mut entries = mapping.into_entries();
        for source in sources {
            if let Content::Mapping(source) = source.content {
                entries.extend(source.into_entries());
            } else {
                let message = "the merge key `<<` takes a map or a list of maps";
                self.findings.push(
                    Finding::error(Code::WrongType, key_span, message).suggest("quote it to use it as a key: \"<<\""),
                );
            }
        }
        Mapping::new(entries).0
    }

    fn key(&mut self, key: Node<'t>) -> Option<Cow<'t, str>> {
        let written = self.findings.file.slice(key.span);
        let finding = match key.content {
            Content::String(text) => return Some(text),
            Content::Null if key.span.is_empty() => {
                Finding::error(Code::WrongType, key.span, "the key is missing: keys are strings")
            }
            Content::Null | Content::Bool(_) | Content::Number(_) => {
                Finding::error(Code::WrongType, key.span, format!("keys are strings, and {written} isn't one"))
                    .suggest(format!("quote it: \"{written}\""))
            }
            Content::Sequence(_) => Finding::error(Code::WrongType, key.span, "keys are strings, and a list isn't one"),
            Content::Mapping(_) => Finding::error(Code::WrongType, key.span, "keys are strings, and a map isn't one")
                .suggest("quote a text that begins with {"),
        };
        self.findings.push(finding);
        None
    }

    fn alias(&mut self, id: usize, span: Span, depth: u32) -> Result<Composed<'t>, Stop> {
        let (cost, height) = match self.anchors.get(&id) {
            Some(Anchor::Complete { cost, height, .. }) => (*cost, *height),
            Some(Anchor::Open) | None => {
                return self.stop(Finding::error(Code::Syntax, span, "this alias stands inside its own anchor"));
            }
        };
        if depth + height - 1 > DEPTH_AT_MOST {
            return self.stop(syntax::too_deep(span));
        }
        self.copy(cost, span)?;
        match self.anchors.get(&id) {
            Some(Anchor::Complete { node, .. }) => Ok(Composed { node: node.clone(), cost, height }),
            Some(Anchor::Open) | None => Err(Stop),
        }
    }

    fn open(&mut self, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, Anchor::Open);
        }
    }

    /// Keeps a copy for the aliases, which is paid for as well: anchors around anchors would hold the same many times.
    fn anchored(&mut self, anchor: usize, composed: Composed<'t>) -> Result<Composed<'t>, Stop> {
        if anchor != 0 {
            let Composed { node, cost, height } = &composed;
            self.copy(*cost, node.span)?;
            self.anchors.insert(anchor, Anchor::Complete { node: node.clone(), cost: *cost, height: *height });
        }
        Ok(composed)
    }

    /// Pays for a copy.
    fn copy(&mut self, cost: u32, span: Span) -> Result<(), Stop> {
        if cost > self.values_left {
            let message =
                "anchors and aliases make this file too large: with all copies written out it has too many values";
            return self.stop(Finding::error(Code::AliasBudget, span, message));
        }
        self.values_left -= cost;
        Ok(())
    }

    fn spend(&mut self, cost: u32, span: Span) -> Result<(), Stop> {
        match self.values_left.checked_sub(cost) {
            Some(left) => self.values_left = left,
            None => return self.stop(Finding::error(Code::TooLarge, span, "the file has too many values")),
        }
        Ok(())
    }

    /// The parser counts bytes, as its input is a string.
    fn span(&self, span: &granit_parser::Span) -> Span {
        let end = self.findings.file.text.len();
        let offset = |marker: granit_parser::Marker| marker.byte_offset().unwrap_or(end).min(end);
        syntax::span(offset(span.start), offset(span.end))
    }
}

fn text_cost(text: &str) -> u32 {
    u32::try_from(text.len() / 16).unwrap_or(u32::MAX).saturating_add(1)
}
