//! Numbers as clients write them, read strictly.

use serde_json::Value;

/// The largest length or offset that is taken: what fits a signed 64-bit integer everywhere behind us.
pub(crate) const MAX_LENGTH: u64 = i64::MAX as u64;

/// Decimal digits and nothing else, as a number of 64 bits.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Decimal digits and nothing else, as a length or offset.
pub(crate) fn length(text: &str) -> Option<u64> {
    decimal(text).filter(|n| *n <= MAX_LENGTH)
}

/// A JSON integer that is a length or offset: not negative, not a fraction, not a text.
pub(crate) fn json_length(value: &Value) -> Option<u64> {
    value.as_u64().filter(|n| *n <= MAX_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimal_digits_are_a_number() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        for bad in ["", "-1", "+1", "1e3", "1.0", " 1", "0x1", "18446744073709551616", "１", &"0".repeat(21)]
        {
            assert_eq!(decimal(bad), None, "{bad}");
        }
        assert_eq!(length("9223372036854775807"), Some(MAX_LENGTH));
        assert_eq!(length("9223372036854775808"), None);
    }

    #[test]
    fn a_json_length_is_a_whole_number_below_two_to_the_63() {
        let read = |text: &str| json_length(&serde_json::from_str(text).unwrap());
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("9223372036854775807"), Some(MAX_LENGTH));
        for bad in ["-1", "1.5", "1e3", "\"5\"", "null", "9223372036854775808", "18446744073709551616", "[1]"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
