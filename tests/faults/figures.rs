//! What a process takes of the machine, read from `/proc` now and then, and whether that is flat.

use std::fmt;
use std::time::Duration;

/// One look at a process.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub at: Duration,
    /// `VmRSS`, in KiB.
    pub resident: u64,
    /// `RssAnon`, in KiB: without the program's text and what it maps.
    pub anonymous: u64,
    pub descriptors: u64,
    pub threads: u64,
}

impl Figures {
    /// `None` if the process is gone.
    pub fn read(pid: u32, at: Duration) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
        };
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
        let (resident, anonymous, threads) = (field("VmRSS")?, field("RssAnon")?, field("Threads")?);
        Some(Self { at, resident, anonymous, descriptors, threads })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, resident, anonymous, descriptors, threads } = self;
        write!(
            f,
            "{:5} s: VmRSS {resident} KiB, RssAnon {anonymous} KiB, {descriptors} descriptors, {threads} threads",
            at.as_secs()
        )
    }
}

/// How much more the last third may take than the first one, by their medians.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// In percent of `RssAnon`, and that many KiB besides.
    pub percent: u64,
    pub kib: u64,
    /// Connections come and go with the faults.
    pub descriptors: u64,
    pub threads: u64,
}

impl Allowance {
    /// Over half an hour: what the heap is fragmented by, and no leak of 2 KiB for each of a thousand acts.
    pub const LONG: Self = Self { percent: 10, kib: 1024, descriptors: 6, threads: 1 };
    /// Over less time than the program needs to have done everything once.
    pub const SHORT: Self = Self { percent: 100, kib: 4096, descriptors: 12, threads: 4 };
}

/// The median of a figure in the first third and in the last one, after a tenth of the time for warming up.
pub fn thirds(looks: &[Figures], figure: impl Fn(&Figures) -> u64) -> (u64, u64) {
    let looks = &looks[looks.len() / 10..];
    let third = looks.len() / 3;
    let median = |looks: &[Figures]| {
        let mut values: Vec<_> = looks.iter().map(&figure).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    (median(&looks[..third]), median(&looks[looks.len() - third..]))
}

/// What isn't flat.
pub fn growth(looks: &[Figures], allowance: Allowance) -> Vec<String> {
    let mut told = Vec::new();
    let mut hold = |name: &str, (first, last): (u64, u64), more: u64| {
        println!("{name}: median {first} in the first third, {last} in the last one");
        if last > first + more {
            told.push(format!("{name} grew from {first} to {last}, by more than {more}"));
        }
    };
    let anonymous = thirds(looks, |look| look.anonymous);
    hold("RssAnon in KiB", anonymous, anonymous.0 * allowance.percent / 100 + allowance.kib);
    hold("file descriptors", thirds(looks, |look| look.descriptors), allowance.descriptors);
    hold("threads", thirds(looks, |look| look.threads), allowance.threads);
    told
}
