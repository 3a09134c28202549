//! The parts of a long table, and the queries by which they are asked for.

use form_urlencoded::Serializer;

use super::words::number;

/// Rows in a part.
pub(super) const ROWS: usize = 100;

/// Links to the parts before and after this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pager {
    /// What this part is: `101 to 200 of 2,000`.
    pub(super) words: String,
    /// The part before it.
    pub(super) earlier: Option<String>,
    /// The part after it.
    pub(super) later: Option<String>,
}

impl Pager {
    /// Of a part that has `shown` rows after `before` others, of `all`. `link` makes the link to a part by its number, from 0.
    pub(super) fn new(before: usize, shown: usize, all: usize, link: impl Fn(usize) -> String) -> Self {
        let page = before / ROWS;
        Self {
            words: format!("{} to {} of {}", number((before + 1).min(all)), number(before + shown), number(all)),
            earlier: (page > 0).then(|| link(page - 1)),
            later: (before + shown < all).then(|| link(page + 1)),
        }
    }

    /// Whether there are other parts.
    pub(super) fn is_needed(&self) -> bool {
        self.earlier.is_some() || self.later.is_some()
    }
}

/// A path with those of these parameters that say something.
pub(super) fn link(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// The number of a part as it stands in a link, from 1; nothing for the first.
pub(super) fn page_parameter(page: usize) -> String {
    if page == 0 { String::new() } else { (page + 1).to_string() }
}

/// The value of a parameter of a query, the last one if it stands there several times.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.filter(|(key, _)| key == name).last().map(|(_, value)| value.into_owned())
}

/// The number of the part that a query asks for, from 0.
pub(super) fn page_of(query: Option<&str>) -> usize {
    let page = parameter(query, "page").and_then(|page| page.parse::<usize>().ok());
    page.unwrap_or(1).saturating_sub(1)
}

/// What a query searches for, its end cut off if it is long.
pub(super) fn text_of(query: Option<&str>) -> String {
    parameter(query, "q").unwrap_or_default().trim().chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_what_it_asks_for_and_nothing_else() {
        assert_eq!(link("/", &[("q", ""), ("page", "")]), "/");
        assert_eq!(link("/", &[("q", "a b&c=\"<ä"), ("page", "2")]), "/?q=a+b%26c%3D%22%3C%C3%A4&page=2");
    }

    #[test]
    fn a_query_is_read_whatever_stands_in_it() {
        let query = Some("q=%3Cb%3E+x&page=3&page=4&page");
        assert_eq!(parameter(query, "q").as_deref(), Some("<b> x"));
        assert_eq!(
            (page_of(Some("page=3")), page_of(Some("page=0")), page_of(Some("page=-1")), page_of(None)),
            (2, 0, 0, 0)
        );
        assert_eq!(page_of(Some("page=18446744073709551615")), usize::MAX - 1);
        assert_eq!(text_of(Some(&format!("q=+{}", "a".repeat(500)))).len(), 100);
        assert_eq!(parameter(Some("%ff=%ff&q=%ff"), "q").as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn parts_lead_to_each_other() {
        let pager = |before, shown, all| Pager::new(before, shown, all, |page| format!("p{page}"));
        assert!(!pager(0, 0, 0).is_needed() && !pager(0, 100, 100).is_needed());
        let middle = pager(100, 100, 1234);
        assert_eq!(middle.words, "101 to 200 of 1,234");
        assert_eq!((middle.earlier.as_deref(), middle.later.as_deref()), (Some("p0"), Some("p2")));
        assert_eq!(pager(1200, 34, 1234).later, None);
    }
}
