//! Conversion of text to numbers as in JavaScript.

/// JavaScript's `Number()` of a position in a name; NaN if it is not a number.
pub(crate) fn to_number(text: &[u8]) -> f64 {
    let Ok(text) = std::str::from_utf8(text) else {
        return f64::NAN;
    };
    // JavaScript trims Unicode's white space, except for U+0085, and U+FEFF.
    let text = text.trim_matches(|c: char| (c.is_whitespace() && c != '\u{85}') || c == '\u{FEFF}');
    let radix = |digits: &str, radix| {
        let digits_only = digits.chars().all(|c| c.is_digit(radix)) && !digits.is_empty();
        if !digits_only {
            return f64::NAN;
        }
        let value =
            |sum: f64, c: char| sum * f64::from(radix) + f64::from(c.to_digit(radix).unwrap_or(0));
        digits.chars().fold(0.0, value)
    };
    match text.as_bytes() {
        [] => 0.0,
        [b'0', b'x' | b'X', ..] => radix(&text[2..], 16),
        [b'0', b'o' | b'O', ..] => radix(&text[2..], 8),
        [b'0', b'b' | b'B', ..] => radix(&text[2..], 2),
        bytes
            if bytes
                .iter()
                .all(|b| b.is_ascii_digit() || b"+-.eE".contains(b)) =>
        {
            text.parse().unwrap_or(f64::NAN)
        }
        _ => match text {
            "Infinity" | "+Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => f64::NAN,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_numbers_as_in_javascript() {
        for (text, number) in [
            ("0", 0.0),
            ("120", 120.0),
            ("", 0.0),
            (" 7\n", 7.0),
            ("1e2", 100.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1", -1.0),
            ("0x1F", 31.0),
            ("0b101", 5.0),
            ("Infinity", f64::INFINITY),
        ] {
            assert_eq!(to_number(text.as_bytes()), number, "{text}");
        }
        for odd in [
            "x", "1 2", "0x", "0xg", "inf", "nan", "1e", "--1", "infinity", "1_0",
        ] {
            assert!(to_number(odd.as_bytes()).is_nan(), "{odd}");
        }
    }
}
