//! What a scalar without quotes means: the core schema of YAML 1.2.2, section 10.3.2.
//!
//! `no`, `on` and `yes` are strings. So are numbers with leading zeros, which YAML 1.1 reads as octal and 1.2 as decimal:
//! whoever writes `010` for a label means these three characters.

use serde_json::Number;

/// What a scalar means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Number(Number),
    String,
    /// A number that JSON has no way to write: infinite or not a number.
    NotFinite,
}

/// Resolves a scalar without quotes and tag.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        _ => number(text).unwrap_or(Scalar::String),
    }
}

/// The number that a text stands for; `None` if it is none.
pub(super) fn number(text: &str) -> Option<Scalar> {
    // Nearly every scalar of a real file is decided here.
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Scalar::NotFinite);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if !is_decimal(unsigned) {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(number) = text.parse::<u64>() {
        return Some(Scalar::Number(number.into()));
    }
    if let Ok(number) = text.parse::<i64>() {
        return Some(Scalar::Number(number.into()));
    }
    Some(float(text.parse().ok()?))
}

fn float(number: f64) -> Scalar {
    Number::from_f64(number).map_or(Scalar::NotFinite, Scalar::Number)
}

fn radix(digits: &str, radix: u32) -> Option<Scalar> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    if let Ok(number) = u64::from_str_radix(digits, radix) {
        return Some(Scalar::Number(number.into()));
    }
    let digits = digits.chars().filter_map(|digit| digit.to_digit(radix));
    Some(float(digits.fold(0.0, |number, digit| number * f64::from(radix) + f64::from(digit))))
}

/// `[0-9]+ | ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?` without leading zeros.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
    digits(whole)
        && !has_leading_zero
        && fraction.is_none_or(digits)
        && !(whole.is_empty() && fraction.is_none_or(str::is_empty))
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_core_schemas_spellings_are_null_and_bool() {
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(text), Scalar::Null, "{text:?}");
        }
        for text in ["true", "True", "TRUE"] {
            assert_eq!(resolve(text), Scalar::Bool(true), "{text:?}");
        }
        assert_eq!(resolve("false"), Scalar::Bool(false));
        for text in ["no", "No", "yes", "on", "off", "y", "n", "nULL", "tRUE", "2026-01-01", "1:30"] {
            assert_eq!(resolve(text), Scalar::String, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_read_by_the_core_schema() {
        for (text, number) in [
            ("0", 0.0),
            ("10", 10.0),
            ("-7", -7.0),
            ("+7", 7.0),
            ("0x1F", 31.0),
            ("0o17", 15.0),
            ("1.5", 1.5),
            ("1.", 1.0),
            (".5", 0.5),
            ("-.5e1", -5.0),
            ("1e3", 1000.0),
            ("1E-1", 0.1),
            ("18446744073709551616", 18_446_744_073_709_551_616.0),
            ("0xFFFFFFFFFFFFFFFFFF", 4_722_366_482_869_645_213_695.0),
        ] {
            let Scalar::Number(read) = resolve(text) else { panic!("{text:?} is {:?}", resolve(text)) };
            assert_eq!(read.as_f64(), Some(number), "{text:?}");
        }
        for text in [
            "010", "-010", "00", "01.5", "1_000", "0x", "0xg", "0o8", "-0x1", "1e", "1e+", "e1", ".", "-", "+", "-.",
            "..1", "1.2.3", "1-2", "0b1", ".e1", "٣",
        ] {
            assert_eq!(resolve(text), Scalar::String, "{text:?}");
        }
        for text in [".inf", "-.INF", "+.Inf", ".nan", ".NaN", "1e999"] {
            assert_eq!(resolve(text), Scalar::NotFinite, "{text:?}");
        }
        assert_eq!(resolve("-.nan"), Scalar::String);
    }
}
