//! The thread that loads: parsing ten thousand classes takes a while, and the other thread answers probes.
//!
//! It is one thread for the program's whole life. A C library gives each thread a part of the heap of its own, so that
//! what is loaded by whatever thread is idle lies scattered, and each part keeps room for the largest load it has seen:
//! after twenty loads of 1,000 classes that were 1.5 MiB.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::sources::{News, Settled, Sources};
use crate::engine::assembly::Holders;

/// Says who has applied a class.
pub type AskHolders = Arc<dyn Fn(&str) -> Holders + Send + Sync>;

/// Takes in what becomes known of sources, on a thread of its own that ends with it.
pub struct Loading {
    requests: mpsc::Sender<Request>,
}

struct Request {
    news: Vec<News>,
    answer: oneshot::Sender<Settled>,
}

impl Loading {
    /// Begins with these sources.
    pub fn start(mut sources: Sources, holders: AskHolders) -> io::Result<Self> {
        let (requests, mut received) = mpsc::channel::<Request>(1);
        thread::Builder::new().name("loading".to_owned()).spawn(move || {
            while let Some(Request { news, answer }) = received.blocking_recv() {
                // Whoever asked may have ended meanwhile.
                let _ = answer.send(sources.take_in(news, &*holders));
            }
        })?;
        Ok(Self { requests })
    }

    /// Takes in what became known. `None` if the thread is gone, which only a panic there can do, and
    /// a panic ends a release build at once.
    pub async fn take_in(&self, news: Vec<News>) -> Option<Settled> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request { news, answer }).await.ok()?;
        answered.await.ok()
    }
}
