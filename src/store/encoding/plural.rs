//! Counts and their nouns in messages and in text output.

/// A count with its noun: `1 finding`, `2 findings`, `1,234 entries`. A count outside of `u64`'s range
/// is taken as 0.
pub(crate) fn plural(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(0);
    let number = grouped(count);
    if count == 1 {
        return format!("{number} {noun}");
    }
    let y_after_consonant = noun
        .strip_suffix('y')
        .filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    match y_after_consonant {
        Some(stem) => format!("{number} {stem}ies"),
        None if noun.ends_with(['s', 'x']) || noun.ends_with("ch") || noun.ends_with("sh") => {
            format!("{number} {noun}es")
        }
        None => format!("{number} {noun}s"),
    }
}

/// The word that agrees with a count: `agree(1, "is", "are")` is `is`.
pub(crate) fn agree<'a>(count: impl TryInto<u64>, one: &'a str, many: &'a str) -> &'a str {
    if count.try_into().unwrap_or(0) == 1 {
        one
    } else {
        many
    }
}

/// A count with a comma before every third digit from the right: `1,234,567`.
pub(crate) fn grouped(count: impl TryInto<u64>) -> String {
    let digits = count.try_into().unwrap_or(0).to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
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
    fn nouns_agree_with_their_counts() {
        for (count, noun, expected) in [
            (0, "finding", "0 findings"),
            (1, "finding", "1 finding"),
            (2, "finding", "2 findings"),
            (1_234, "entry", "1,234 entries"),
            (1, "entry", "1 entry"),
            (2, "key", "2 keys"),
            (3, "index", "3 indexes"),
            (-1, "span", "0 spans"),
        ] {
            assert_eq!(plural(count, noun), expected);
        }
        assert_eq!(agree(1_u64, "is", "are"), "is");
        assert_eq!(agree(0_u64, "is", "are"), "are");
        assert_eq!(agree(2_usize, "is", "are"), "are");
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (count, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (123_456, "123,456"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(count), expected);
        }
    }
}
