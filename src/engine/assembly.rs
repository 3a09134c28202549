//! The assembly: from what each source holds to what is in force. One name belongs to one source.
//!
//! A source whose candidate claims a name that another one holds is rejected as a whole, and what was in force of it
//! before stays, without that name. Who holds a name: the platform's source before a tenant's; of two tenants the one
//! that has applied the class already, else the one in whose name it is in force, else the first by name; of two sources
//! of one author the first by [`SourceId`].

use std::collections::HashMap;
use std::sync::Arc;

use super::author::Author;
use super::defaults::{Defaults, Described, Origin};
use super::diagnostic::{Code, Diagnostic, Place, Severity, quoted};
use super::source::SourceId;
use super::tenancy::Scope;

/// What one source holds.
#[derive(Clone, Copy, Debug)]
pub struct Holding<'a> {
    /// Which one it is.
    pub id: &'a SourceId,
    /// Whose it is.
    pub scope: &'a Scope,
    /// What its newest content asks for; `None` if that isn't valid, or isn't read.
    pub candidate: Option<&'a Arc<Defaults>>,
    /// What was in force of it.
    pub in_force: Option<&'a Arc<Defaults>>,
}

/// Who has applied a class that more than one tenant claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holders {
    /// It isn't known what the cluster has.
    Unknown,
    /// These, possibly nobody.
    Known(Vec<Author>),
}

/// What becomes of the sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembly {
    /// What is in force of all of them together; `None` if nothing ever was.
    pub defaults: Option<Arc<Defaults>>,
    /// What becomes of each, in the order in which they were given.
    pub verdicts: Vec<Verdict>,
    /// Whether a name belongs to nobody for now, because it isn't known who has applied the class.
    pub is_undecided: bool,
}

/// What becomes of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What is in force of it from now on; `None` if nothing ever was.
    pub in_force: Option<Arc<Defaults>>,
    /// Whose names it claims: then its candidate is refused.
    pub findings: Vec<Diagnostic>,
}

/// Something that no two sources may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Claim<'a> {
    Class(&'a str),
    Tenant(&'a str),
    Namespace(&'a str),
    Template(&'a str),
}

/// Puts together what sources hold. `previous` is what was in force before.
#[must_use]
pub fn assemble(holdings: &[Holding<'_>], previous: Option<&Defaults>, holders: &dyn Fn(&str) -> Holders) -> Assembly {
    let table = Table { holdings, previous, holders };
    // What a source is left with if its candidate isn't taken: never more than its boundary allows now.
    let kept: Vec<_> = holdings.iter().map(Holding::kept).collect();
    let mut findings: Vec<Vec<Diagnostic>> = vec![Vec::new(); holdings.len()];
    loop {
        let contents = table.contents(&kept, &findings);
        let claims = Claims::of(&contents);
        let mut losses: Vec<(usize, Claim<'_>, usize)> = Vec::new();
        for (claim, claimants) in &claims.contested {
            let Some(winner) = table.winner(*claim, claimants) else { continue };
            let is_candidate = |index: &usize| holdings[*index].candidate.is_some() && findings[*index].is_empty();
            losses.extend(claimants.iter().filter(|&i| *i != winner && is_candidate(i)).map(|i| (*i, *claim, winner)));
        }
        if losses.is_empty() {
            return table.put_together(&contents, &claims, findings);
        }
        // Who loses to somebody who loses as well may not lose any more when that one's candidate is out.
        let loses = |index: usize| losses.iter().any(|(loser, ..)| *loser == index);
        let (mut certain, rest): (Vec<_>, Vec<_>) =
            losses.iter().copied().partition::<Vec<(usize, Claim<'_>, usize)>, _>(|(.., winner)| !loses(*winner));
        if certain.is_empty() {
            let last = rest.iter().map(|(loser, ..)| *loser).max_by_key(|index| holdings[*index].id);
            certain = rest.into_iter().filter(|(loser, ..)| Some(*loser) == last).collect();
        }
        let told: Vec<_> = certain
            .into_iter()
            .map(|(loser, claim, winner)| (loser, table.finding(claim, &contents, loser, winner)))
            .collect();
        for (loser, finding) in told {
            findings[loser].push(finding);
        }
        for findings in &mut findings {
            findings.sort_by(|a, b| a.order().cmp(&b.order()));
        }
    }
}

impl Holding<'_> {
    /// What was in force and is allowed still.
    fn kept(&self) -> Option<Arc<Defaults>> {
        let in_force = self.in_force?;
        Some(match self.scope {
            Scope::Platform => in_force.clone(),
            Scope::Tenant(_) => only(in_force, |described| match described {
                Described::Class(class) => self.scope.permits(class),
                Described::Tenant(_) | Described::Template(_) => false,
            }),
        })
    }
}

/// What is told about: the sources, what was in force, and who has applied which class.
struct Table<'a> {
    holdings: &'a [Holding<'a>],
    previous: Option<&'a Defaults>,
    holders: &'a dyn Fn(&str) -> Holders,
}

/// Who claims what.
struct Claims<'a> {
    /// What more than one source claims, with the sources, in order.
    contested: Vec<(Claim<'a>, Vec<usize>)>,
}

impl<'a> Claims<'a> {
    fn of(contents: &[Option<&'a Arc<Defaults>>]) -> Self {
        let filled = contents.iter().flatten().filter(|content| !content.is_empty()).count();
        let mut contested: HashMap<Claim<'a>, Vec<usize>> = HashMap::new();
        // The usual case, and the largest one: nobody else is there to claim anything.
        if filled > 1 {
            let mut first: HashMap<Claim<'a>, usize> = HashMap::new();
            for (index, content) in contents.iter().enumerate() {
                for claim in content.iter().flat_map(|content| claims(content)) {
                    let known = *first.entry(claim).or_insert(index);
                    if known != index {
                        contested.entry(claim).or_insert_with(|| vec![known]).push(index);
                    }
                }
            }
        }
        let mut contested: Vec<_> = contested.into_iter().collect();
        contested.sort_by(|a, b| a.0.order().cmp(&b.0.order()));
        Self { contested }
    }
}

fn claims(content: &Defaults) -> impl Iterator<Item = Claim<'_>> {
    let classes = content.iter().map(|class| Claim::Class(&class.name));
    let tenants = content.tenants().map(|tenant| Claim::Tenant(&tenant.name));
    let namespaces = content.tenants().flat_map(|tenant| tenant.namespaces.iter().map(|name| Claim::Namespace(name)));
    let templates = content.templates().map(|template| Claim::Template(&template.name));
    classes.chain(tenants).chain(namespaces).chain(templates)
}

impl Claim<'_> {
    fn order(&self) -> (u8, &str) {
        match self {
            Self::Class(name) => (0, name),
            Self::Tenant(name) => (1, name),
            Self::Namespace(name) => (2, name),
            Self::Template(name) => (3, name),
        }
    }
}

impl<'a> Table<'a> {
    /// What each source brings: its candidate, unless that is refused.
    fn contents<'c>(
        &self,
        kept: &'c [Option<Arc<Defaults>>],
        findings: &[Vec<Diagnostic>],
    ) -> Vec<Option<&'c Arc<Defaults>>>
    where
        'a: 'c,
    {
        let content = |((holding, kept), findings): ((&Holding<'a>, &'c Option<_>), &Vec<_>)| {
            holding.candidate.filter(|_| findings.is_empty()).or(kept.as_ref())
        };
        self.holdings.iter().zip(kept).zip(findings).map(content).collect()
    }

    /// Who of these holds what they all claim; `None` if that isn't known yet.
    fn winner(&self, claim: Claim<'_>, claimants: &[usize]) -> Option<usize> {
        let first = claimants.iter().copied().min_by_key(|index| self.holdings[*index].id)?;
        let authors: Vec<_> = claimants.iter().map(|index| self.holdings[*index].id.author()).collect();
        let Claim::Class(name) = claim else { return Some(first) };
        let of = |author: &Author| {
            let theirs = claimants.iter().zip(&authors).filter(|(_, of)| *of == author).map(|(index, _)| *index);
            theirs.min_by_key(|index| self.holdings[*index].id)
        };
        if authors.contains(&Author::Platform) || authors.iter().all(|author| *author == authors[0]) {
            return Some(first);
        }
        match (self.holders)(name) {
            Holders::Unknown => None,
            Holders::Known(holders) => {
                let held = holders.iter().filter_map(of).min_by_key(|index| self.holdings[*index].id);
                let in_force = || self.previous.and_then(|previous| of(&previous.get(name)?.author));
                held.or_else(in_force).or(Some(first))
            }
        }
    }

    /// Tells a source whose its name is.
    fn finding(
        &self,
        claim: Claim<'_>,
        contents: &[Option<&Arc<Defaults>>],
        loser: usize,
        winner: usize,
    ) -> Diagnostic {
        let place = |index: usize| contents[index].and_then(|content| origin(content, claim));
        let holder = self.holdings[winner].id.author();
        let at = place(winner).map_or_else(String::new, |origin| format!(", at {origin}"));
        let message = match claim {
            Claim::Class(name) => format!("the class {} is held by {holder}{at}", quoted(name)),
            Claim::Tenant(name) => format!("the tenant {} is described already{at}", quoted(name)),
            Claim::Namespace(name) => format!("the namespace {} belongs to a tenant already{at}", quoted(name)),
            Claim::Template(name) => format!("the template {} is described already{at}", quoted(name)),
        };
        let place = match place(loser) {
            Some(Origin { file, line }) => Place { line: *line, ..Place::of_file(file) },
            None => Place::of_file(&self.holdings[loser].id.to_string().into()),
        };
        let (severity, code) = (Severity::Error, Code::NameHeld);
        Diagnostic { severity, code, place, message, suggestion: None, related: Vec::new() }
    }

    fn put_together(
        &self,
        contents: &[Option<&Arc<Defaults>>],
        claims: &Claims<'_>,
        findings: Vec<Vec<Diagnostic>>,
    ) -> Assembly {
        let winners: Vec<_> =
            claims.contested.iter().map(|(claim, claimants)| (*claim, self.winner(*claim, claimants))).collect();
        let contested: HashMap<_, _> = winners.iter().copied().collect();
        let in_force = |(index, content): (usize, Option<&Arc<Defaults>>)| {
            let content = content?;
            if contested.is_empty() {
                return Some(content.clone());
            }
            let holds = |claim: Claim<'_>| contested.get(&claim).is_none_or(|winner| *winner == Some(index));
            Some(only(content, |described| match described {
                Described::Class(class) => holds(Claim::Class(&class.name)),
                Described::Template(template) => holds(Claim::Template(&template.name)),
                Described::Tenant(tenant) => {
                    holds(Claim::Tenant(&tenant.name))
                        && tenant.namespaces.iter().all(|namespace| holds(Claim::Namespace(namespace)))
                }
            }))
        };
        let in_force: Vec<_> = contents.iter().copied().enumerate().map(in_force).collect();
        let defaults = Defaults::merged(&in_force.iter().flatten());
        let verdicts = in_force.into_iter().zip(findings);
        Assembly {
            defaults,
            verdicts: verdicts.map(|(in_force, findings)| Verdict { in_force, findings }).collect(),
            is_undecided: winners.iter().any(|(_, winner)| winner.is_none()),
        }
    }
}

fn origin<'a>(content: &'a Defaults, claim: Claim<'_>) -> Option<&'a Origin> {
    match claim {
        Claim::Class(name) => content.get(name).map(|class| &class.origin),
        Claim::Tenant(name) => content.tenant(name).map(|tenant| &tenant.origin),
        Claim::Template(name) => content.template(name).map(|template| &template.origin),
        Claim::Namespace(name) => content
            .tenants()
            .find(|tenant| tenant.namespaces.iter().any(|of| **of == *name))
            .map(|tenant| &tenant.origin),
    }
}

/// What of some content a test lets pass; the very same if that is all.
fn only(content: &Arc<Defaults>, passes: impl Fn(&Described) -> bool) -> Arc<Defaults> {
    if content.described().all(|described| passes(&described)) {
        return content.clone();
    }
    Arc::new(content.described().filter(passes).collect())
}

#[cfg(test)]
mod tests;
