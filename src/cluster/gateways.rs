//! Which Gateways use which class. Pure: events of a watch go in, names of classes whose use changed come out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::engine::protection::Use;

/// A Gateway, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// `namespace/name`.
    pub name: Box<str>,
    /// `spec.gatewayClassName`.
    pub class: Arc<str>,
}

/// What was seen of the cluster's Gateways, in order.
#[derive(Debug)]
pub enum GatewaySeen {
    /// The cluster serves no Gateways.
    KindMissing,
    /// What follows is a list of all, up to [`GatewaySeen::Listed`].
    Listing,
    /// A Gateway of the list.
    Item(Gateway),
    /// The list is complete; single changes follow.
    Listed,
    /// A Gateway was made or changed.
    Changed(Gateway),
    /// The Gateway of this name is gone.
    Deleted(Box<str>),
}

/// Which Gateways use which class, as far as is known.
#[derive(Debug, Default)]
pub struct Gateways {
    classes: HashMap<Box<str>, Arc<str>>,
    users: BTreeMap<Arc<str>, BTreeSet<Box<str>>>,
    /// The list under way.
    listed: Vec<Gateway>,
    knowledge: Knowledge,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Knowledge {
    #[default]
    Nothing,
    All,
}

impl Gateways {
    /// Whether a class is used.
    #[must_use]
    pub fn of(&self, class: &str) -> Use {
        match self.knowledge {
            Knowledge::Nothing => Use::Unknown,
            Knowledge::All if self.users.contains_key(class) => Use::Used,
            Knowledge::All => Use::Unused,
        }
    }

    /// One of the Gateways that use a class, the first by name.
    #[must_use]
    pub fn user_of(&self, class: &str) -> Option<&str> {
        self.users.get(class)?.first().map(|name| &**name)
    }

    /// Whether it is known who uses what.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.knowledge == Knowledge::All
    }

    /// Takes in an event; the classes of which more is known now, or another thing.
    pub fn see(&mut self, seen: GatewaySeen) -> Vec<Arc<str>> {
        match seen {
            GatewaySeen::KindMissing => self.replace(Vec::new()),
            GatewaySeen::Listing => {
                self.listed.clear();
                Vec::new()
            }
            GatewaySeen::Item(gateway) => {
                self.listed.push(gateway);
                Vec::new()
            }
            GatewaySeen::Listed => {
                let listed = std::mem::take(&mut self.listed);
                self.replace(listed)
            }
            GatewaySeen::Changed(gateway) => {
                let before = self.remove(&gateway.name);
                let now = self.insert(gateway);
                [before, now].into_iter().flatten().collect()
            }
            GatewaySeen::Deleted(name) => self.remove(&name).into_iter().collect(),
        }
    }

    fn replace(&mut self, gateways: Vec<Gateway>) -> Vec<Arc<str>> {
        let before: BTreeSet<_> = std::mem::take(&mut self.users).into_keys().collect();
        self.classes.clear();
        for gateway in gateways {
            self.insert(gateway);
        }
        self.knowledge = Knowledge::All;
        let now: BTreeSet<_> = self.users.keys().cloned().collect();
        now.symmetric_difference(&before).cloned().collect()
    }

    /// The class, if it is used only now.
    fn insert(&mut self, gateway: Gateway) -> Option<Arc<str>> {
        let Gateway { name, class } = gateway;
        let users = self.users.entry(class.clone()).or_default();
        let is_first = users.is_empty();
        users.insert(name.clone());
        self.classes.insert(name, class.clone());
        is_first.then_some(class)
    }

    /// The class, if it is not used any more.
    fn remove(&mut self, gateway: &str) -> Option<Arc<str>> {
        let class = self.classes.remove(gateway)?;
        let users = self.users.get_mut(&class)?;
        users.remove(gateway);
        if !users.is_empty() {
            return None;
        }
        self.users.remove(&class);
        Some(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(name: &str, class: &str) -> Gateway {
        Gateway { name: name.into(), class: class.into() }
    }

    fn listed(gateways: impl IntoIterator<Item = Gateway>) -> Gateways {
        let mut all = Gateways::default();
        list(&mut all, gateways);
        all
    }

    fn list(all: &mut Gateways, gateways: impl IntoIterator<Item = Gateway>) -> Vec<Arc<str>> {
        all.see(GatewaySeen::Listing);
        for gateway in gateways {
            all.see(GatewaySeen::Item(gateway));
        }
        all.see(GatewaySeen::Listed)
    }

    fn names(classes: &[Arc<str>]) -> Vec<&str> {
        classes.iter().map(|class| &**class).collect()
    }

    #[test]
    fn nothing_is_known_before_the_list_is_complete() {
        let mut all = Gateways::default();
        all.see(GatewaySeen::Listing);
        all.see(GatewaySeen::Item(gateway("ns/a", "edge")));
        assert_eq!((all.of("edge"), all.of("other")), (Use::Unknown, Use::Unknown));
        assert_eq!(names(&all.see(GatewaySeen::Listed)), ["edge"]);
        assert_eq!((all.of("edge"), all.of("other")), (Use::Used, Use::Unused));
        assert_eq!(all.user_of("edge"), Some("ns/a"));
    }

    #[test]
    fn the_first_and_the_last_user_are_news_and_those_between_are_not() {
        let mut all = listed([]);
        assert_eq!(names(&all.see(GatewaySeen::Changed(gateway("ns/a", "edge")))), ["edge"]);
        assert!(all.see(GatewaySeen::Changed(gateway("ns/b", "edge"))).is_empty());
        assert!(all.see(GatewaySeen::Deleted("ns/a".into())).is_empty());
        assert_eq!(names(&all.see(GatewaySeen::Deleted("ns/b".into()))), ["edge"]);
        assert_eq!(all.of("edge"), Use::Unused);
    }

    #[test]
    fn a_gateway_that_changes_its_class_leaves_the_old_one() {
        let mut all = listed([gateway("ns/a", "old")]);
        assert_eq!(names(&all.see(GatewaySeen::Changed(gateway("ns/a", "new")))), ["old", "new"]);
        assert_eq!((all.of("old"), all.of("new")), (Use::Unused, Use::Used));
    }

    #[test]
    fn a_list_that_is_repeated_replaces_what_was_known() {
        let mut all = listed([gateway("ns/a", "gone"), gateway("ns/b", "stays")]);
        assert_eq!(names(&list(&mut all, [gateway("ns/b", "stays"), gateway("ns/c", "comes")])), ["comes", "gone"]);
        assert_eq!((all.of("gone"), all.of("stays"), all.of("comes")), (Use::Unused, Use::Used, Use::Used));
    }

    #[test]
    fn without_the_kind_no_class_is_used() {
        let mut all = listed([gateway("ns/a", "edge")]);
        assert_eq!(names(&all.see(GatewaySeen::KindMissing)), ["edge"]);
        assert_eq!(all.of("edge"), Use::Unused);
    }
}
