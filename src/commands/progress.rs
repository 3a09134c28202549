//! How far long work is: one line on the terminal that is written over, and gone when the work is done.
//!
//! It stands on stderr, and only if that is a terminal that somebody looks at. Whatever else is said on stderr goes through
//! [`lasting`], which wipes the line first: on the next tick it stands below what was said.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// What is sooner done needs no line.
const AFTER: Duration = Duration::from_millis(200);
/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(100);
/// To the line's beginning, and clear it.
const WIPE: &str = "\r\u{1b}[2K";

/// Whether a line of progress stands on the terminal. Held by whoever writes to stderr.
static SHOWN: Mutex<bool> = Mutex::new(false);

/// Work of which it is told how far it is.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    done: Cell<usize>,
    total: usize,
}

impl Progress {
    /// Work on so many classes; of work that can't be counted, none.
    pub(super) fn new(what: &'static str, total: usize) -> Self {
        Self { what, done: Cell::new(0), total }
    }

    /// One class more is done.
    pub(super) fn step(&self) {
        self.done.set(self.done.get() + 1);
    }

    /// Does the work, and shows how far it is.
    pub(super) async fn show<T>(&self, work: impl Future<Output = T>) -> T {
        if !somebody_looks() {
            return work.await;
        }
        let mut work = pin!(work);
        let mut ticks = interval_at(Instant::now() + AFTER, EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let result = loop {
            tokio::select! {
                biased;
                result = &mut work => break result,
                _ = ticks.tick() => self.draw(),
            }
        };
        drop(lasting());
        result
    }

    fn draw(&self) {
        let width = terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
        // A line that is too long would leave its beginning behind.
        let line: String = self.line().chars().take(width.saturating_sub(1)).collect();
        let mut shown = lock();
        // There is nobody left to tell that telling failed, here and below.
        let _ = write!(io::stderr(), "{WIPE}{line}");
        let _ = io::stderr().flush();
        *shown = true;
    }

    fn line(&self) -> String {
        match self.total {
            0 => format!("{}…", self.what),
            1 => format!("{} 1 class…", self.what),
            total => format!("{} {} of {} classes…", self.what, grouped(self.done.get()), grouped(total)),
        }
    }
}

/// stderr, for what stays there. The line of progress is wiped, and none is drawn while this is held.
pub(super) fn lasting() -> Lasting {
    let mut shown = lock();
    if *shown {
        let _ = write!(io::stderr(), "{WIPE}");
        *shown = false;
    }
    Lasting(shown)
}

/// What [`lasting`] gives.
#[derive(Debug)]
pub(super) struct Lasting(#[expect(dead_code, reason = "held, so that nobody draws")] MutexGuard<'static, bool>);

impl Write for Lasting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn lock() -> MutexGuard<'static, bool> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether stderr is a terminal that a line can be wiped from, with a person before it.
fn somebody_looks() -> bool {
    let says = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
    io::stderr().is_terminal() && says("CI").is_none() && says("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts() {
        let progress = Progress::new("applying", 1200);
        for _ in 0..312 {
            progress.step();
        }
        assert_eq!(progress.line(), "applying 312 of 1,200 classes…");
        assert_eq!(Progress::new("applying", 1).line(), "applying 1 class…");
        assert_eq!(Progress::new("reading the cluster", 0).line(), "reading the cluster…");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
