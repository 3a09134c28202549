//! A pool: of values that are equal, one is kept.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Below this size a pool isn't looked through.
const SMALL: usize = 64;

/// Values of which many are equal, each kept once for as long as somebody else has it.
#[derive(Debug)]
pub struct Pool<T: ?Sized> {
    values: HashSet<Arc<T>>,
    /// At this size those that nobody has any more are dropped.
    full: usize,
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self { values: HashSet::new(), full: SMALL }
    }
}

impl<T: ?Sized + Eq + Hash> Pool<T> {
    /// Puts the one that is kept in place of an equal one.
    pub fn share(&mut self, value: &mut Arc<T>) {
        if let Some(known) = self.values.get(value) {
            *value = known.clone();
            return;
        }
        if self.values.len() >= self.full {
            self.values.retain(|value| Arc::strong_count(value) > 1);
            self.full = (2 * self.values.len()).max(SMALL);
        }
        self.values.insert(value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_become_one() {
        let mut pool = Pool::<str>::default();
        let (mut first, mut second): (Arc<str>, Arc<str>) = ("a".into(), "a".into());
        pool.share(&mut first);
        pool.share(&mut second);
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn what_nobody_has_any_more_is_dropped() {
        let mut pool = Pool::<str>::default();
        let mut kept: Arc<str> = "kept".into();
        pool.share(&mut kept);
        for number in 0..1000 {
            pool.share(&mut number.to_string().into());
        }
        assert!(pool.values.len() <= SMALL, "{}", pool.values.len());
        assert!(pool.values.contains("kept"));
    }
}
