//! `/`: the classes in a table, as many as fit, with a search and a filter by outcome.

use askama::Template;

use super::pager::{Pager, ROWS, link, page_of, page_parameter, parameter, text_of};
use super::shell::Shell;
use super::tone::Tone;
use super::words::{Moment, Shown, class_link, count, number, value};
use crate::cluster::board::listing::{Filter, Listing, Owned, Standing};
use crate::engine::author::Author;
use crate::engine::outcome::Reason;
use crate::serve::Pages;

/// What a query asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Search {
    /// The words as they were written.
    pub(super) text: String,
    pub(super) standing: Option<Standing>,
    units: Owned,
    page: usize,
}

/// The page.
#[derive(Template)]
#[template(path = "classes.html")]
pub(super) struct ClassesPage {
    shell: Shell,
    search: Search,
    chips: Vec<Chip>,
    rows: Vec<Row>,
    all: usize,
    caption: String,
    pager: Pager,
}

/// A link to the classes of an outcome, and how many there are.
struct Chip {
    name: &'static str,
    count: String,
    link: String,
    is_current: bool,
    is_trouble: bool,
}

/// A class.
struct Row {
    name: String,
    link: String,
    controller: String,
    outcome: &'static str,
    tone: Tone,
    reason: &'static str,
    why: String,
    /// What of it others keep, in words.
    others: String,
    source: String,
    tenant: String,
    change: Option<Change>,
}

/// The last change of a class.
struct Change {
    name: &'static str,
    moment: Moment,
}

impl Search {
    /// What this query asks for. What it can't mean it doesn't ask for.
    pub(super) fn of(query: Option<&str>) -> Self {
        let units = match parameter(query, "owner").as_deref() {
            Some("others") => Owned::ByOthersToo,
            Some(_) | None => Owned::ByAnybody,
        };
        let standing = parameter(query, "outcome").and_then(|name| Standing::named(&name));
        Self { text: text_of(query), standing, units, page: page_of(query) }
    }

    pub(super) fn is_owned_by_others(&self) -> bool {
        self.units == Owned::ByOthersToo
    }

    fn filter(&self) -> Filter {
        Filter { words: Filter::of_words(&self.text), standing: self.standing, units: self.units }
    }

    fn link(&self) -> String {
        let owner = if self.is_owned_by_others() { "others" } else { "" };
        let standing = self.standing.map_or("", Standing::as_str);
        let page = page_parameter(self.page);
        link("/", &[("q", &self.text), ("outcome", standing), ("owner", owner), ("page", &page)])
    }
}

impl ClassesPage {
    /// What this search finds.
    pub(super) fn new(pages: &Pages, search: Search, shell: Shell) -> Self {
        let listing = pages.board.listing(&search.filter(), search.page, ROWS);
        let Listing { rows, before, matching, all, .. } = &listing;
        let pager = Pager::new(*before, rows.len(), *matching, |page| Search { page, ..search.clone() }.link());
        let matching_words = count(*matching, "class", "classes");
        Self {
            chips: chips(&search, &listing),
            rows: rows.iter().map(|row| Row::of(row, &shell)).collect(),
            all: *all,
            caption: match (pager.is_needed(), matching == all) {
                (true, true) => pager.words.clone(),
                (true, false) => format!("{}, which match", pager.words),
                (false, true) => matching_words,
                (false, false) => format!("{matching_words} of {}, which match", number(*all)),
            },
            pager,
            search,
            shell,
        }
    }
}

/// All, those of each outcome that there is, and those with units that others keep.
fn chips(search: &Search, listing: &Listing) -> Vec<Chip> {
    let plain = |standing| Search { standing, units: Owned::ByAnybody, page: 0, ..search.clone() };
    let chip = |name, count, to: Search, is_trouble| Chip {
        name,
        count: number(count),
        is_current: to.standing == search.standing && to.units == search.units,
        link: to.link(),
        is_trouble,
    };
    let mut chips = vec![chip("All", listing.all, plain(None), false)];
    chips.extend(
        listing
            .counts
            .iter()
            .map(|(standing, count)| chip(standing.as_str(), *count, plain(Some(*standing)), standing.is_trouble())),
    );
    if listing.with_others > 0 || search.is_owned_by_others() {
        let others = Search { standing: None, units: Owned::ByOthersToo, page: 0, ..search.clone() };
        chips.push(chip("With fields of others", listing.with_others, others, false));
    }
    chips
}

impl Row {
    fn of(row: &crate::cluster::board::listing::Row, shell: &Shell) -> Self {
        let plain = |controller: &crate::engine::value::UnitValue| match controller.as_str() {
            Some(text) => Shown(text).to_string(),
            None => value(controller),
        };
        Self {
            name: Shown(&row.name).to_string(),
            link: class_link(&row.name),
            controller: row.controller.as_ref().map(plain).unwrap_or_default(),
            outcome: row.standing.as_str(),
            tone: row.standing.into(),
            reason: row.reason.map(Reason::as_str).unwrap_or_default(),
            why: row.message.as_deref().map(|message| Shown(message).to_string()).unwrap_or_default(),
            others: match row.yielded {
                0 => String::new(),
                units => format!("{} left to others", count(units, "field", "fields")),
            },
            source: match &row.source {
                Some((_, origin)) => Shown(&origin.to_string()).to_string(),
                None => "left the files".to_owned(),
            },
            tenant: match &row.source {
                Some((Author::Tenant(name), _)) => format!("tenant {name}"),
                Some((Author::Platform, _)) | None => String::new(),
            },
            change: row
                .last_change
                .map(|change| Change { name: change.outcome.as_str(), moment: shell.moment(change.time) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_what_its_link_says() {
        let query = "q=a+%3Cb%3E&outcome=Blocked&owner=others&page=3";
        let search = Search::of(Some(query));
        assert_eq!(search.link(), format!("/?{query}"));
        assert_eq!(Search::of(None).link(), "/");
        assert_eq!(Search::of(Some("outcome=%3Cscript%3E&owner=me&page=x&q=+")), Search::default());
    }
}
