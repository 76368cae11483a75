//! Numbers as text: reading as SQLite's CAST does, writing as its `printf('%g')`
//! (<https://sqlite.org/printf.html>).

/// Reads a whole text as a number of SQL: digits, a point, an exponent. None if it is none.
pub fn parse(text: &[u8]) -> Option<f64> {
    let digits = |from: usize| {
        text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let is_sign = |at: usize| matches!(text.get(at), Some(b'+' | b'-'));
    let mut at = usize::from(is_sign(0));
    let whole = digits(at);
    at += whole;
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        fraction = digits(at + 1);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(is_sign(at + 1));
        let exponent = digits(at);
        if exponent == 0 {
            return None;
        }
        at += exponent;
    }
    if at != text.len() {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The number of digits that `%g` writes.
const DIGITS: usize = 6;

/// Appends a number, as `%g` writes it: six digits, without zeros at the end. Halves are rounded up.
pub fn append(text: &mut String, number: f64) {
    if number.is_nan() {
        return text.push_str("NaN");
    }
    if number < 0.0 {
        text.push('-');
    }
    if number.is_infinite() {
        return text.push_str("Inf");
    }
    if number == 0.0 {
        return text.push('0');
    }
    let (digits, exponent) = rounded(number.abs());
    let digits = digits.trim_end_matches('0');
    let point = usize::try_from(exponent + 1).unwrap_or(0);
    if !(-4..=5).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        text.push_str(&format!("{first}{point}{rest}e{sign}{:02}", exponent.abs()));
    } else if exponent < 0 {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        text.push_str(&format!("0.{:0<zeros$}{digits}", ""));
    } else if digits.len() <= point {
        text.push_str(&format!("{digits:0<point$}"));
    } else {
        let (whole, fraction) = digits.split_at(point);
        text.push_str(&format!("{whole}.{fraction}"));
    }
}

/// Six digits of a positive number, and the exponent of the first one.
fn rounded(number: f64) -> (String, i32) {
    // So many digits that this first rounding makes no half.
    let exact = format!("{number:.25e}");
    let (mantissa, exponent) = exact.split_once('e').unwrap_or((&exact, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let mut exponent = exponent.parse().unwrap_or(0);
    let is_up = digits.get(DIGITS).is_some_and(|digit| *digit >= b'5');
    digits.truncate(DIGITS);
    if is_up {
        let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
        let kept = digits.len() - nines;
        digits.truncate(kept);
        match digits.last_mut() {
            Some(last) => *last += 1,
            None => {
                digits.push(b'1');
                exponent += 1;
            }
        }
        digits.resize(DIGITS, b'0');
    }
    (digits.into_iter().map(char::from).collect(), exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_six_digits() {
        let cases = [
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (100_000.5, "100001"),
            (51.39255, "51.3925"),
            (123_456.7, "123457"),
            (999_999.5, "1e+06"),
            (1_234_567.0, "1.23457e+06"),
            (0.000_123_456_78, "0.000123457"),
            (0.000_012_345, "1.2345e-05"),
            (0.099_999_99, "0.1"),
            (1e100, "1e+100"),
            (f64::from(f32::MIN_POSITIVE), "1.17549e-38"),
            (f64::INFINITY, "Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
            (-0.0, "0"),
            (100_000.0, "100000"),
            (120.0, "120"),
        ];
        for (number, expected) in cases {
            let mut text = String::new();
            append(&mut text, number);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn what_is_no_number_of_sql_is_refused() {
        for (text, number) in
            [("1", 1.0), ("-1.", -1.0), (".5", 0.5), ("+2e3", 2e3), ("1E-2", 0.01)]
        {
            assert_eq!(parse(text.as_bytes()), Some(number), "{text}");
        }
        assert_eq!(parse(b"1e400"), Some(f64::INFINITY));
        for text in ["", "-", ".", "1e", "1e+", "nan", "inf", "0x10", "1_0", "1.2.3", "1a", "--1"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
