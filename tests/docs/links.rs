//! Every link of every page leads somewhere: files and headings exist, and what is outside is well-formed. No test asks
//! the network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::page::{Page, root};

/// A span of code in a line.
static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new("`[^`]*`").unwrap());
/// A link of Markdown, a definition of one, or an attribute of HTML.
static LINK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\]\(([^)]*)\)|^\[[^\]]+\]: (\S+)|(?:src|srcset|href)="([^"]*)""#).unwrap());
/// A link with its text.
static TEXT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap());

/// The links of a line of prose: those of Markdown, and those of the HTML that GitHub shows.
fn links(line: &str) -> Vec<String> {
    let line = CODE.replace_all(line, "`");
    let target = |found: regex::Captures<'_>| found.iter().skip(1).flatten().next().unwrap().as_str().to_owned();
    LINK.captures_iter(&line).map(target).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &Page) -> BTreeSet<String> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for (_, line) in page.prose() {
        let text = line.trim_start_matches('#');
        if text.len() == line.len() || !text.starts_with(' ') {
            continue;
        }
        // A link in a heading is its text.
        let text = TEXT.replace_all(text.trim(), "$1").to_lowercase();
        let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
        let anchor: String = text.chars().filter(is_kept).collect::<String>().replace(' ', "-");
        let count = taken.entry(anchor.clone()).and_modify(|count| *count += 1).or_default();
        anchors.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
    }
    anchors
}

/// What is wrong with a link out of the project.
fn wrong_with_url(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("https://") else { return Some("isn't https") };
    let host = rest.split(['/', '?', '#']).next().unwrap();
    let is_name = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !host.contains('.') || !host.split('.').all(is_name) {
        return Some("has no host");
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'*+,;=%".contains(c);
    (!rest.chars().all(is_allowed)).then_some("has a character that belongs into no URL")
}

/// What is wrong with a link on a page.
fn wrong_with(page: &Page, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return wrong_with_url(link).map(str::to_owned);
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let path = root().join(&page.path);
    let target = if file.is_empty() { path } else { path.parent().unwrap().join(file) };
    let Ok(target) = target.canonicalize() else { return Some("isn't there".to_owned()) };
    let Ok(inside) = target.strip_prefix(root().canonicalize().unwrap()) else {
        return Some("leads out of the project".to_owned());
    };
    let anchor = anchor?;
    if target.extension().is_none_or(|extension| extension != "md") {
        return Some("has an anchor, and no headings".to_owned());
    }
    let headings = anchors(&Page::read(inside.to_str().unwrap()));
    (!headings.contains(anchor)).then(|| format!("has no such heading; there are {headings:?}"))
}

#[test]
fn every_link_leads_somewhere() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in Page::all() {
        for (line, text) in page.prose() {
            for link in links(text) {
                seen += 1;
                wrong.extend(wrong_with(&page, &link).map(|why| format!("{}: {link}: {why}", page.place(line))));
            }
        }
    }
    assert!(seen > 100, "only {seen} links were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A page that no other leads to is found by nobody.
#[test]
fn every_page_is_in_the_index() {
    let index = Page::read("docs/README.md");
    let linked: BTreeSet<_> = index.prose().flat_map(|(_, line)| links(line)).collect();
    let pages: Vec<_> = Page::all().into_iter().map(|page| page.path).collect();
    let missing: Vec<_> = pages
        .iter()
        .filter_map(|page| page.strip_prefix("docs/"))
        .filter(|page| *page != "README.md" && !linked.contains(*page))
        .collect();
    assert!(pages.len() > 15, "{pages:?}");
    assert!(missing.is_empty(), "docs/README.md doesn't lead to {missing:?}");
}

#[test]
fn links_are_found_however_they_are_written() {
    let line = r#"[a](b.md#c), `[no](link)`, [`d`](e), <img src="f.svg"> <source srcset="g.png">"#;
    assert_eq!(links(line), ["b.md#c", "e", "f.svg", "g.png"]);
    assert_eq!(links("[h]: https://example.com/i"), ["https://example.com/i"]);
}

#[test]
fn anchors_are_github_s() {
    let text = "# A `b-c`, d!\n```sh\n# no heading\n```\n## 3. E [f](g.md)\n## Same\n## Same\n#no\n";
    let page = Page { path: "a.md".to_owned(), text: text.to_owned() };
    assert_eq!(anchors(&page), ["a-b-c-d", "3-e-f", "same", "same-1"].map(str::to_owned).into());
}

#[test]
fn links_out_of_the_project_are_well_formed() {
    assert_eq!(wrong_with_url("https://example.com/a#b?c=d"), None);
    for url in ["http://example.com", "https://example", "https://exa mple.com", "https://example.com/a b"] {
        assert!(wrong_with_url(url).is_some(), "{url}");
    }
}
