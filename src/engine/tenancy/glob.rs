//! Patterns of names, in which `*` stands for any characters, also none, also `/` and `.`; nothing else is special.

use std::fmt;

use serde::Deserialize;

/// A pattern of names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Glob(Box<str>);

impl Glob {
    /// Takes a pattern. Every text is one.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self(pattern.into())
    }

    /// Whether a whole name follows the pattern. Takes no longer than the length of the one by that of the other.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        // What stands between two stars is best found as early as possible, which leaves most for what follows.
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, is_match) in [
            ("team-a-*", "team-a-edge", true),
            ("team-a-*", "team-a-", true),
            ("team-a-*", "team-a", false),
            ("team-a-*", "team-ab-edge", false),
            ("team-a-*", "x-team-a-edge", false),
            ("team-a", "team-a", true),
            ("team-a", "team-a-edge", false),
            ("team-a", "team-", false),
            ("*", "", true),
            ("*", "anything/at.all", true),
            ("", "", true),
            ("", "a", false),
            ("kgateway.dev/*", "kgateway.dev/kgateway/more", true),
            ("kgateway.dev/*", "kgatewayXdev/kgateway", false),
            ("*-a-*", "x-a-", true),
            ("*-a-*", "a-", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a**b", "ab", true),
            ("a*b*c", "axbxbxc", true),
            ("a*b*b", "ab", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(name), is_match, "{pattern} {name}");
        }
    }

    /// Slow and plainly right.
    fn is_match(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|taken| is_match(rest, &name[taken..])),
            Some((first, rest)) => name.first() == Some(first) && is_match(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_matches_what_the_plain_definition_matches(pattern in "[ab*]{0,7}", name in "[ab]{0,8}") {
            prop_assert_eq!(Glob::new(&pattern).matches(&name), is_match(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
