//! Parts of classes that are equal, held once: ten thousand classes of one platform have few values between them.
//!
//! Only memory depends on it. What was shared at one load is known at the next one, so that classes of files that were
//! edited share with those of files that were not.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use super::defaults::DefaultClass;
use super::policy::Policy;
use super::unit::Units;

/// The parts that several classes have.
#[derive(Debug, Default)]
pub struct Shared {
    units: Known<Units>,
    /// Keys of labels and annotations, and values.
    texts: Known<Arc<str>>,
    policies: Known<Arc<Policy>>,
}

/// Parts by their hash, which is computed once: those of whole classes take long. Of two that happen to have the same
/// one, the later takes the place of the earlier.
#[derive(Debug)]
struct Known<T> {
    hasher: RandomState,
    parts: HashMap<u64, T>,
}

impl Shared {
    /// Puts known parts in the place of a class's own, where they are equal, and gets to know the others.
    pub fn share(&mut self, class: &mut DefaultClass) {
        let DefaultClass { name: _, units, policy, when: _, author: _, origin: _ } = class;
        self.policies.share(policy);
        // As they are equal, they have the same hash with other parts in the places of theirs.
        let (hash, known) = self.units.find(units);
        if let Some(known) = known {
            *units = known.clone();
            return;
        }
        for (unit, value) in units.parts_mut() {
            if let Some(key) = unit.key_mut() {
                self.texts.share(key);
            }
            self.texts.share(value.text_mut());
        }
        self.units.parts.insert(hash, units.clone());
    }

    /// Forgets what only one class has, or none any more.
    pub fn forget_unshared(&mut self) {
        let Self { units, texts, policies } = self;
        // One class and this set are two holders.
        units.retain(|units| units.holders() > 2);
        let of_several = || units.parts.values().flat_map(Units::iter);
        let texts_of_several = of_several().flat_map(|(unit, value)| [unit.key(), Some(value.text())]);
        let held: HashSet<_> = texts_of_several.flatten().map(Arc::as_ptr).collect();
        texts.retain(|text| Arc::strong_count(text) > 2 || held.contains(&Arc::as_ptr(text)));
        policies.retain(|policy| Arc::strong_count(policy) > 2);
    }
}

impl<T: Clone + Hash + Eq> Known<T> {
    /// The hash of a part, and the known one that is equal to it.
    fn find(&self, part: &T) -> (u64, Option<&T>) {
        let hash = self.hasher.hash_one(part);
        (hash, self.parts.get(&hash).filter(|known| *known == part))
    }

    fn share(&mut self, part: &mut T) {
        match self.find(part) {
            (_, Some(known)) => *part = known.clone(),
            (hash, None) => drop(self.parts.insert(hash, part.clone())),
        }
    }

    fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.parts.retain(|_, part| keep(part));
        self.parts.shrink_to_fit();
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), parts: HashMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::author::Author;
    use crate::engine::defaults::Origin;
    use crate::engine::unit::Unit;
    use crate::engine::value::UnitValue;

    fn class(name: &str, description: &str) -> DefaultClass {
        let units = [
            (Unit::Description, UnitValue::from(description)),
            (Unit::ControllerName, "example.com/c".into()),
            (Unit::label("team"), "edge".into()),
        ];
        let (author, origin) = (Author::Platform, Origin { file: "a.yaml".into(), line: 1 });
        let policy = Arc::new(Policy { adopt_from: vec!["helm".to_owned()], ..Policy::default() });
        DefaultClass { name: name.into(), units: units.into_iter().collect(), policy, when: None, author, origin }
    }

    fn sizes(shared: &Shared) -> [usize; 3] {
        let Shared { units, texts, policies } = shared;
        [units.parts.len(), texts.parts.len(), policies.parts.len()]
    }

    #[test]
    fn what_is_equal_is_held_once_and_what_differs_stays() {
        let mut shared = Shared::default();
        let [mut a, mut b, mut c] = [class("a", "one"), class("b", "two"), class("c", "one")];
        for class in [&mut a, &mut b, &mut c] {
            shared.share(class);
        }
        assert_eq!([&a, &b, &c], [&class("a", "one"), &class("b", "two"), &class("c", "one")]);
        assert!(Arc::ptr_eq(&a.policy, &b.policy) && Arc::ptr_eq(&b.policy, &c.policy));
        let value = |class: &DefaultClass, unit: &Unit| Arc::as_ptr(class.units.get(unit).unwrap().text());
        for unit in [Unit::ControllerName, Unit::label("team")] {
            assert_eq!([value(&b, &unit), value(&c, &unit)], [value(&a, &unit); 2], "{unit}");
        }
        assert_ne!(value(&a, &Unit::Description), value(&b, &Unit::Description));
        assert_eq!(value(&a, &Unit::Description), value(&c, &Unit::Description));
        let key = |class: &DefaultClass| class.units.iter().find_map(|(unit, _)| unit.key()).map(Arc::as_ptr);
        assert!(key(&a).is_some() && key(&a) == key(&b));
    }

    #[test]
    fn what_one_class_alone_has_is_forgotten() {
        let mut shared = Shared::default();
        let [mut a, mut b] = [class("a", "one"), class("b", "two")];
        shared.share(&mut a);
        shared.share(&mut b);
        shared.forget_unshared();
        assert_eq!(sizes(&shared), [0, 3, 1], "the label's key and value, the controller's name, the policy");
        drop((a, b));
        shared.forget_unshared();
        assert_eq!(sizes(&shared), [0, 0, 0]);
    }

    #[test]
    fn parts_of_what_several_classes_have_are_kept() {
        let mut shared = Shared::default();
        let [mut a, mut b, mut edited] = [class("a", "one"), class("b", "one"), class("b", "two")];
        shared.share(&mut a);
        shared.share(&mut b);
        shared.forget_unshared();
        assert_eq!(sizes(&shared), [1, 4, 1]);
        shared.share(&mut edited);
        let value = |class: &DefaultClass| Arc::as_ptr(class.units.get(&Unit::ControllerName).unwrap().text());
        assert_eq!(value(&edited), value(&a));
    }
}
