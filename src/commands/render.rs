//! Reports as people read them: what stays whose, at a glance and without colour.

use anstyle::{AnsiColor, Style};
use k8s_openapi::jiff::{Timestamp, Unit as TimeUnit};
use serde_json::Value;

use super::page::Page;
use crate::engine::outcome::{ClassReport, Outcome, Owner, Report, UnitAction, UnitReport};

/// Whether a report tells what was done or what would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tense {
    /// It was done.
    Was,
    /// It would be done.
    WouldBe,
}

/// A report: each class that isn't simply as wanted with the units that matter, then the counts.
pub(super) fn report(report: &Report, tense: Tense, all: bool, columns: Option<usize>) -> String {
    let mut page = Page::new(columns);
    for class in &report.classes {
        let units: Vec<_> = class.units.iter().filter(|unit| all || unit.action != UnitAction::Kept).collect();
        if all || !units.is_empty() || class.outcome != Outcome::Unchanged {
            self::class(&mut page, class, &units, tense);
        }
    }
    let counts: Vec<_> =
        report.summary.iter().map(|(outcome, count)| format!("{count} {}", outcome.as_str())).collect();
    if !page.is_empty() {
        page.line("", 0);
    }
    let counts = if counts.is_empty() { "no classes".to_owned() } else { counts.join(", ") };
    let note = if tense == Tense::WouldBe { " (nothing was changed)" } else { "" };
    page.line(&format!("{counts}{note}"), 0);
    page.into_text()
}

/// Each class with its units as rows: what is wanted, what is there, whose it is.
pub(super) fn owners(report: &Report, columns: Option<usize>) -> String {
    let mut page = Page::new(columns);
    for class in &report.classes {
        let source = class.source.as_deref().unwrap_or("no file");
        let bold = Style::new().bold();
        if !page.is_empty() {
            page.line("", 0);
        }
        page.line(&format!("{bold}{}{bold:#}  ({source})", class.name), 2);
        for UnitReport { unit, action, wanted, live, owners } in &class.units {
            let style = action_style(*action);
            let live = live.as_ref().map_or("(none)".to_owned(), value);
            let wanted = match wanted {
                Some(wanted) if value(wanted) == live => "as wanted".to_owned(),
                Some(wanted) => format!("{style}wanted: {}{style:#}", value(wanted)),
                None => "no file names it".to_owned(),
            };
            page.line(&format!("  {unit}"), 6);
            page.line(&format!("      {live}, {wanted}"), 8);
            page.line(&format!("      owned by {}", owned_by(owners)), 8);
        }
    }
    page.into_text()
}

fn class(page: &mut Page, class: &ClassReport, units: &[&UnitReport], tense: Tense) {
    let style = outcome_style(class.outcome);
    let outcome = class.outcome.as_str();
    let outcome = match tense {
        Tense::WouldBe if class.outcome.is_change() => format!("would be {outcome}"),
        Tense::Was | Tense::WouldBe => outcome.to_owned(),
    };
    let source = class.source.as_deref().unwrap_or("no file");
    let bold = Style::new().bold();
    page.line(&format!("{bold}{}{bold:#}  {style}{outcome}{style:#}  ({source})", class.name), 4);
    if let Some(message) = &class.message {
        let reason = class.reason.map(|reason| format!("{}: ", reason.as_str())).unwrap_or_default();
        page.line(&format!("    {reason}{message}"), 6);
    }
    for unit in units {
        self::unit(page, unit);
    }
}

fn unit(page: &mut Page, report: &UnitReport) {
    let UnitReport { unit, action, wanted, live, owners } = report;
    let style = action_style(*action);
    let others = || owned_by(owners);
    let change = match (action, wanted, live) {
        (UnitAction::Set, Some(wanted), Some(live)) if wanted == live && owners.is_empty() => {
            format!("{}, nobody's so far", value(wanted))
        }
        (UnitAction::Set, Some(wanted), Some(live)) if wanted == live => {
            format!("{}, owned together with {}", value(wanted), others())
        }
        (UnitAction::Set, Some(wanted), Some(live)) => format!("{} -> {}", value(live), value(wanted)),
        (UnitAction::Set, Some(wanted), None) => value(wanted),
        (UnitAction::Enforced, Some(wanted), Some(live)) => {
            format!("{} -> {}, taken from {}", value(live), value(wanted), others())
        }
        (UnitAction::Removed, _, Some(live)) => format!("{} -> (none)", value(live)),
        (UnitAction::Yielded, Some(wanted), Some(live)) => {
            format!("stays {}, owned by {}; the file has {}", value(live), others(), value(wanted))
        }
        (UnitAction::StillOwned, _, Some(live)) => format!("stays {}, also owned by {}", value(live), others()),
        (UnitAction::Ignored, Some(wanted), Some(live)) if wanted != live => {
            format!("left alone at {}; the file has {}", value(live), value(wanted))
        }
        (_, _, Some(live)) => value(live),
        (_, Some(wanted), None) => format!("(none); the file has {}", value(wanted)),
        (_, None, None) => "(none)".to_owned(),
    };
    // What doesn't fit goes on below the unit, so that the actions stay a column.
    page.line(&format!("    {style}{:<10}{style:#}  {unit}  {change}", action.as_str()), 18);
}

/// Managers with their operation and the age of their last change.
fn owned_by(owners: &[Owner]) -> String {
    let owner = |owner: &Owner| {
        let age = owner.time.map(|time| format!(", {}", age(time, Timestamp::now()))).unwrap_or_default();
        format!("{} ({:?}{age})", owner.manager, owner.operation)
    };
    match owners {
        [] => "nobody".to_owned(),
        owners => owners.iter().map(owner).collect::<Vec<_>>().join(", "),
    }
}

/// How long ago a time is, in its largest unit: `3m ago`.
fn age(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.since((TimeUnit::Second, time)).map_or(0, |span| span.get_seconds()).max(0);
    match seconds {
        0..60 => format!("{seconds}s ago"),
        60..3600 => format!("{}m ago", seconds / 60),
        3600..86400 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86400),
    }
}

/// A value on one line: a string in quotes, a reference as its fields.
fn value(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, field)| format!("{name}: {}", self::value(field))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => value.to_string(),
    }
}

fn outcome_style(outcome: Outcome) -> Style {
    if outcome.is_trouble() {
        return AnsiColor::Red.on_default().bold();
    }
    if outcome.is_change() { AnsiColor::Green.on_default() } else { Style::new() }
}

fn action_style(action: UnitAction) -> Style {
    match action {
        UnitAction::Set => AnsiColor::Green.on_default(),
        UnitAction::Removed => AnsiColor::Red.on_default(),
        UnitAction::Enforced => AnsiColor::Magenta.on_default(),
        UnitAction::Yielded | UnitAction::Ignored | UnitAction::StillOwned => AnsiColor::Yellow.on_default(),
        UnitAction::Kept => Style::new().dimmed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_given_in_their_largest_unit() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (seconds, text) in
            [(0, "0s ago"), (59, "59s ago"), (60, "1m ago"), (7200, "2h ago"), (200_000, "2d ago"), (-5, "0s ago")]
        {
            assert_eq!(age(Timestamp::from_second(1_000_000 - seconds).unwrap(), now), text);
        }
    }
}
