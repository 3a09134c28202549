//! The `process_*` metrics that every Prometheus client library has, from `/proc` (proc(5)).

use std::fmt::{Display, Write};
use std::fs::{read_dir, read_to_string};

/// Ticks of a second in `/proc/self/stat`: `USER_HZ`, 100 on every Linux.
const TICKS_PER_SECOND: u64 = 100;
/// Bytes of a page, the unit of the resident set.
const PAGE_SIZE: u64 = 4096;

/// Appends the process's metrics; on a system without `/proc`, none.
pub(super) fn render(text: &mut String) {
    let Ok(stat) = read_to_string("/proc/self/stat") else { return };
    // The second field is the program's name in parentheses, which may itself have spaces.
    let Some((_, rest)) = stat.rsplit_once(')') else { return };
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // By the numbers of proc(5), which begin with 1; the first field after the parenthesis is 3.
    let field = |number: usize| fields.get(number - 3).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let cpu = seconds(field(14) + field(15));
    metric(text, "process_cpu_seconds", "counter", "User and system CPU time", &cpu, "_total");
    metric(text, "process_resident_memory_bytes", "gauge", "Resident memory", &(field(24) * PAGE_SIZE), "");
    metric(text, "process_virtual_memory_bytes", "gauge", "Virtual memory", &field(23), "");
    metric(text, "process_threads", "gauge", "Threads", &field(20), "");
    if let Ok(entries) = read_dir("/proc/self/fd") {
        metric(text, "process_open_fds", "gauge", "Open file descriptors", &entries.count(), "");
    }
    if let Some(boot) = boot_time() {
        let ticks = boot * TICKS_PER_SECOND + field(22);
        metric(text, "process_start_time_seconds", "gauge", "Start time since the Unix epoch", &seconds(ticks), "");
    }
}

/// Seconds since the Unix epoch at which the machine started.
fn boot_time() -> Option<u64> {
    let stat = read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn seconds(ticks: u64) -> String {
    format!("{}.{:02}", ticks / TICKS_PER_SECOND, ticks % TICKS_PER_SECOND)
}

fn metric(text: &mut String, name: &str, kind: &str, help: &str, value: &dyn Display, suffix: &str) {
    // Writing to a String can't fail.
    let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name}{suffix} {value}\n");
}
