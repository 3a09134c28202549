//! Threads for what would hold up the one that answers probes: reading files, and loading thousands of classes.
//!
//! Each is one thread for the program's whole life. A C library gives each thread a part of the heap of its own, so that
//! what is done by whatever thread is idle lies scattered, and each part keeps room for the largest load it has seen:
//! after twenty loads of 1,000 classes that were 2 MiB.

use std::io;
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// A thread that answers requests, one after the other. It ends with its last request once this is dropped.
pub struct Worker<Request, Answer> {
    requests: mpsc::Sender<(Request, oneshot::Sender<Answer>)>,
}

impl<Request: Send + 'static, Answer: Send + 'static> Worker<Request, Answer> {
    /// Starts a thread of this name.
    pub fn start(name: &str, mut work: impl FnMut(Request) -> Answer + Send + 'static) -> io::Result<Self> {
        let (requests, mut received) = mpsc::channel::<(Request, oneshot::Sender<Answer>)>(1);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Some((request, answer)) = received.blocking_recv() {
                // Whoever asked may have ended meanwhile.
                let _ = answer.send(work(request));
            }
        })?;
        Ok(Self { requests })
    }

    /// The answer to a request. `None` if the thread is gone, which only a panic there can do, and a panic ends a release
    /// build at once.
    pub async fn ask(&self, request: Request) -> Option<Answer> {
        let (answer, answered) = oneshot::channel();
        self.requests.send((request, answer)).await.ok()?;
        answered.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_requests_are_answered_by_the_same_thread() {
        let mut count = 0;
        let count_up = move |by: u32| {
            count += by;
            (count, thread::current().id())
        };
        let worker = Worker::start("counting", count_up).unwrap();
        let (first, second) = (worker.ask(1).await.unwrap(), worker.ask(2).await.unwrap());
        assert_eq!((first.0, second.0, first.1), (1, 3, second.1));
        assert_ne!(first.1, thread::current().id());
    }

    #[tokio::test]
    async fn whoever_asks_a_thread_that_is_gone_is_told() {
        let worker = Worker::start("panicking", |()| panic!("on purpose")).unwrap();
        assert_eq!(worker.ask(()).await, None::<()>);
        assert_eq!(worker.ask(()).await, None);
    }
}
