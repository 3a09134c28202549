//! A page of the project, and the blocks of code in it, with their places.

use std::path::{Path, PathBuf};

/// Folders whose pages aren't ours.
const NOT_OURS: [&str; 2] = ["target", "node_modules"];

/// A page, in Markdown.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path, from the root of the project.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// A block of code: what stands between two fences.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// What stands behind the opening fence: the language, and what our tests are told.
    pub info: &'a str,
    /// The number of its first line, from 1.
    pub line: usize,
    /// Its text.
    pub text: &'a str,
}

/// A part of a page.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Prose, and the fences.
    Around(&'a str),
    /// A block of code.
    Block(Block<'a>),
}

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The parts of a page, in order; together they are the page.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut begin, mut open) = (Vec::new(), 0, None);
    let (mut at, mut line) = (0, 0);
    for content in text.split_inclusive('\n') {
        line += 1;
        let end = at + content.len();
        let fence = content.trim().strip_prefix("```");
        match (fence, open) {
            (Some(info), None) => {
                parts.push(Part::Around(&text[begin..end]));
                (begin, open) = (end, Some((info, line + 1)));
            }
            (Some(""), Some((info, line))) => {
                parts.push(Part::Block(Block { info, line, text: &text[begin..at] }));
                (begin, open) = (at, None);
            }
            (Some(_) | None, _) => {}
        }
        at = end;
    }
    parts.push(Part::Around(&text[begin..]));
    parts
}

impl Page {
    /// Reads a page.
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    /// Every page of the project, sorted.
    pub fn all() -> Vec<Self> {
        let (mut found, mut folders) = (Vec::new(), vec![root().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                // What begins with a dot holds tools, and what Git doesn't know isn't ours either.
                if name.starts_with('.') || NOT_OURS.contains(&name) {
                    continue;
                }
                match path.extension().and_then(|extension| extension.to_str()) {
                    _ if path.is_dir() => folders.push(path),
                    Some("md") => found.push(path),
                    Some(_) | None => {}
                }
            }
        }
        found.sort();
        let relative = |path: PathBuf| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        found.into_iter().map(|path| Self::read(&relative(path))).collect()
    }

    /// Its blocks of code.
    pub fn blocks(&self) -> Vec<Block<'_>> {
        let block = |part| match part {
            Part::Block(block) => Some(block),
            Part::Around(_) => None,
        };
        parts(&self.text).into_iter().filter_map(block).collect()
    }

    /// Its lines that are no code, with their numbers.
    pub fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut is_code = false;
        self.text.lines().enumerate().filter_map(move |(index, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            (!is_code && !is_fence).then_some((index + 1, line))
        })
    }

    /// Where a block is, as editors make a link of it.
    pub fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

#[test]
fn parts_are_the_page() {
    let text = "a\n```sh\n$ b\n```\n\n- c\n\n  ```yaml fragment\n  d: 1\n  ```\ne\n";
    let parts = parts(text);
    let whole: String = parts
        .iter()
        .map(|part| match part {
            Part::Around(text) | Part::Block(Block { text, .. }) => *text,
        })
        .collect();
    assert_eq!(whole, text);
    let page = Page { path: "a.md".to_owned(), text: text.to_owned() };
    let blocks: Vec<_> = page.blocks().iter().map(|block| (block.info, block.line, block.text)).collect();
    assert_eq!(blocks, [("sh", 3, "$ b\n"), ("yaml fragment", 9, "  d: 1\n")]);
    let prose: Vec<_> = page.prose().collect();
    assert_eq!(prose, [(1, "a"), (5, ""), (6, "- c"), (7, ""), (11, "e")]);
}
