//! Label selectors, with the meaning that Kubernetes gives them.

use super::namespace::Entries;

/// Which labels something must have: all of these requirements. Without any, everything matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Box<[Requirement]>);

/// What must be so of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The label's key.
    pub key: Box<str>,
    /// What is wanted.
    pub wanted: Wanted,
}

/// What is wanted of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It is there, with one of these values.
    In(Box<[Box<str>]>),
    /// It isn't there, or has none of these values.
    NotIn(Box<[Box<str>]>),
    /// It is there.
    Exists,
    /// It isn't there.
    DoesNotExist,
}

impl Selector {
    /// Whether these labels are what is wanted.
    #[must_use]
    pub fn matches(&self, labels: &Entries) -> bool {
        self.0.iter().all(|requirement| requirement.is_met(labels.get(&requirement.key)))
    }
}

impl Requirement {
    fn is_met(&self, value: Option<&str>) -> bool {
        let is_among = |values: &[Box<str>]| value.is_some_and(|value| values.iter().any(|one| **one == *value));
        match &self.wanted {
            Wanted::In(values) => is_among(values),
            Wanted::NotIn(values) => !is_among(values),
            Wanted::Exists => value.is_some(),
            Wanted::DoesNotExist => value.is_none(),
        }
    }
}

impl FromIterator<Requirement> for Selector {
    fn from_iter<I: IntoIterator<Item = Requirement>>(requirements: I) -> Self {
        Self(requirements.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(key: &str, wanted: Wanted) -> Selector {
        [Requirement { key: key.into(), wanted }].into_iter().collect()
    }

    fn values(values: &[&str]) -> Box<[Box<str>]> {
        values.iter().map(|value| Box::from(*value)).collect()
    }

    #[test]
    fn each_operator_means_what_it_means_in_kubernetes() {
        let labels: Entries = [("tier", "gold"), ("empty", "")].into_iter().collect();
        for (key, wanted, matches) in [
            ("tier", Wanted::In(values(&["silver", "gold"])), true),
            ("tier", Wanted::In(values(&["silver"])), false),
            ("other", Wanted::In(values(&["gold", ""])), false),
            ("empty", Wanted::In(values(&[""])), true),
            ("tier", Wanted::NotIn(values(&["silver"])), true),
            ("tier", Wanted::NotIn(values(&["silver", "gold"])), false),
            ("other", Wanted::NotIn(values(&["gold"])), true),
            ("empty", Wanted::Exists, true),
            ("other", Wanted::Exists, false),
            ("tier", Wanted::DoesNotExist, false),
            ("other", Wanted::DoesNotExist, true),
        ] {
            assert_eq!(selector(key, wanted.clone()).matches(&labels), matches, "{key} {wanted:?}");
        }
    }

    #[test]
    fn all_requirements_must_be_met_and_none_is_met_by_everything() {
        let labels: Entries = [("a", "1"), ("b", "2")].into_iter().collect();
        let both = |b: &str| {
            let equal = |key: &str, value: &str| Requirement { key: key.into(), wanted: Wanted::In(values(&[value])) };
            [equal("a", "1"), equal("b", b)].into_iter().collect::<Selector>()
        };
        assert!(both("2").matches(&labels) && !both("3").matches(&labels));
        assert!(Selector::default().matches(&labels) && Selector::default().matches(&Entries::default()));
    }
}
