//! How long to wait before a request is sent again that failed: ever longer, with jitter, and at least as long as the
//! server asks for (contract 2.4). For what is asked by one task alone; classes have their own in the
//! [`queue`](super::queue).

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::error::ApiError;

/// No wait is longer, but for one that the server asks for.
const LONGEST: Duration = Duration::from_secs(30);

/// How often a request failed in a row.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    failures: u32,
}

impl Backoff {
    /// The first wait; each next one is twice as long.
    pub(super) fn new(first: Duration) -> Self {
        Self { first, failures: 0 }
    }

    /// How long to wait after an error.
    pub(super) fn after(&mut self, error: &ApiError) -> Duration {
        let wait = self.next();
        match error {
            ApiError::Unavailable { retry_after: Some(wish), .. } => wait.max(*wish),
            ApiError::Unavailable { retry_after: None, .. }
            | ApiError::FieldConflict { .. }
            | ApiError::Stale { .. }
            | ApiError::Refused { .. }
            | ApiError::UnservedEntry { .. }
            | ApiError::NotFound { .. }
            | ApiError::KindMissing { .. }
            | ApiError::NotLeader => wait,
        }
    }

    /// How long to wait after something else that went wrong.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.first.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures += 1;
        let permille = u32::try_from(RandomState::new().hash_one(self.failures) % 250).unwrap_or(0);
        wait + wait / 1000 * permille
    }

    /// It succeeded.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_a_wish_of_the_server_is_honoured() {
        let (second, mut last) = (Duration::from_secs(1), Duration::ZERO);
        let mut backoff = Backoff::new(second);
        for _ in 0..20 {
            let wait = backoff.next();
            assert!(wait >= last.min(LONGEST) && wait <= LONGEST * 5 / 4, "{wait:?} after {last:?}");
            last = wait;
        }
        let wish = Some(Duration::from_mins(1));
        let busy = ApiError::Unavailable { message: String::new(), retry_after: wish };
        assert_eq!(Some(backoff.after(&busy)), wish);
        backoff.reset();
        assert!(backoff.next() < 2 * second);
    }
}
