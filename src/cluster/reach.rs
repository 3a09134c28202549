//! Whether the API server can be reached, as the requests tell that are sent anyway: nothing is sent to find out.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use k8s_openapi::jiff::Timestamp;
use tower::BoxError;

use super::error::ApiError;

/// A request that was given up after this time wasn't answered; one that was given up earlier wasn't wanted any more.
/// The shortest deadline that there is has 5 s.
const NO_ANSWER_AFTER: Duration = Duration::from_millis(4900);

/// Whether the API server can be reached. One for each process.
#[derive(Debug, Default)]
pub struct Reach(Mutex<Contact>);

/// What is known of the way to the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// When it was heard last: an answer, or a word of a watch.
    pub heard: Option<Timestamp>,
    /// What is wrong, if it wasn't heard since.
    pub trouble: Option<Trouble>,
}

/// What is wrong with the way to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// When it was tried last.
    pub last: Timestamp,
    /// The last error.
    pub message: Arc<str>,
}

impl Reach {
    /// What is known now.
    #[must_use]
    pub fn contact(&self) -> Contact {
        self.lock().clone()
    }

    /// Notes that the server said something.
    pub(super) fn heard(&self) {
        *self.lock() = Contact { heard: Some(Timestamp::now()), trouble: None };
    }

    /// Notes an answer. What a proxy says for a server that isn't there is none, and neither is a server's word that it
    /// doesn't serve now.
    pub(super) fn answered(&self, status: StatusCode) {
        match status {
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                self.failed(&status.to_string());
            }
            _ => self.heard(),
        }
    }

    /// Notes an error on the way.
    pub(super) fn erred(&self, error: &dyn Error) {
        self.failed(&ApiError::unavailable(error).to_string());
    }

    /// A request under way.
    pub(super) fn ask(self: &Arc<Self>) -> Asked {
        Asked { reach: self.clone(), since: Instant::now(), is_answered: false }
    }

    fn failed(&self, message: &str) {
        let (mut contact, now) = (self.lock(), Timestamp::now());
        let since = contact.trouble.as_ref().map_or(now, |trouble| trouble.since);
        contact.trouble = Some(Trouble { since, last: now, message: message.into() });
    }

    fn lock(&self) -> MutexGuard<'_, Contact> {
        // A panic elsewhere leaves a whole contact behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way. Who gives it up drops it.
pub(super) struct Asked {
    reach: Arc<Reach>,
    since: Instant,
    is_answered: bool,
}

impl Asked {
    /// Notes how it ended.
    pub(super) fn end(mut self, answer: Result<StatusCode, &BoxError>) {
        self.is_answered = true;
        match answer {
            Ok(status) => self.reach.answered(status),
            Err(error) => self.reach.erred(&**error),
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let waited = self.since.elapsed();
        if !self.is_answered && waited >= NO_ANSWER_AFTER {
            self.reach.failed(&format!("no answer from the API server within {:.0} s", waited.as_secs_f64()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_lasts_from_its_first_error_to_the_next_word() {
        let reach = Reach::default();
        assert_eq!(reach.contact(), Contact::default());
        reach.answered(StatusCode::NOT_FOUND);
        assert!(reach.contact().heard.is_some() && reach.contact().trouble.is_none(), "a refusal is an answer");
        reach.erred(&std::io::Error::other("connection refused"));
        let first = reach.contact().trouble.unwrap();
        reach.answered(StatusCode::SERVICE_UNAVAILABLE);
        let contact = reach.contact();
        let second = contact.trouble.unwrap();
        assert_eq!((second.since, &*first.message), (first.since, "connection refused"));
        assert_eq!(&*second.message, "503 Service Unavailable");
        assert!(contact.heard.is_some(), "when it was heard last is still known");
        reach.heard();
        assert_eq!(reach.contact().trouble, None);
    }

    #[test]
    fn a_request_that_is_given_up_early_says_nothing() {
        let reach = Arc::new(Reach::default());
        drop(reach.ask());
        assert_eq!(reach.contact(), Contact::default());
        let mut late = reach.ask();
        late.since = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        drop(late);
        assert_eq!(&*reach.contact().trouble.unwrap().message, "no answer from the API server within 10 s");
    }
}
