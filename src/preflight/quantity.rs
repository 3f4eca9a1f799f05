//! Kubernetes resource quantities, such as `100m`, `2Gi` and `1e3`.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul, Sub};

const NANO: i128 = 1_000_000_000;
/// Suffixes and their size in billionths.
const SUFFIXES: &[(&str, i128)] = &[
    ("Ki", NANO << 10),
    ("Mi", NANO << 20),
    ("Gi", NANO << 30),
    ("Ti", NANO << 40),
    ("Pi", NANO << 50),
    ("Ei", NANO << 60),
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", NANO * 1_000),
    ("M", NANO * 1_000_000),
    ("G", NANO * 1_000_000_000),
    ("T", NANO * 1_000_000_000_000),
    ("P", NANO * 1_000_000_000_000_000),
    ("E", NANO * 1_000_000_000_000_000_000),
    ("", NANO),
];
/// Digits of a number that are read; a longer one is rejected.
const MAX_DIGITS: usize = 18;

/// An amount of a resource, in billionths of its unit.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Quantity(i128);

impl Quantity {
    /// Returns a whole number of units.
    pub fn whole(count: u32) -> Self {
        Self(i128::from(count) * NANO)
    }

    /// Parses a quantity as the API server writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let (suffix, size) = SUFFIXES
            .iter()
            .find(|(suffix, _)| text.ends_with(suffix))
            .expect("every text ends with the empty suffix");
        let number = text.strip_suffix(suffix)?;
        if let Some((number, exponent)) = number.split_once(['e', 'E']) {
            let exponent: i32 = exponent.parse().ok()?;
            let power = 10i128.checked_pow(exponent.unsigned_abs())?;
            let value = decimal(number, *size)?;
            return if exponent < 0 {
                Some(Self(value / power))
            } else {
                value.checked_mul(power).map(Self)
            };
        }
        decimal(number, *size).map(Self)
    }
}

/// Multiplies a decimal number by a size.
fn decimal(number: &str, size: i128) -> Option<i128> {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && part.is_empty()
        || !is_number(whole)
        || !is_number(part)
        || whole.len() + part.len() > MAX_DIGITS
    {
        return None;
    }
    let value: i128 = format!("{whole}{part}").parse().ok()?;
    let scale = 10i128.checked_pow(u32::try_from(part.len()).ok()?)?;
    value.checked_mul(size).map(|value| sign * value / scale)
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MEBIBYTE: i128 = NANO << 20;
        let amount = self.0;
        if amount != 0 && amount % MEBIBYTE == 0 {
            write!(f, "{}Mi", amount / MEBIBYTE)
        } else if amount % NANO == 0 {
            write!(f, "{}", amount / NANO)
        } else {
            write!(f, "{}m", amount / 1_000_000)
        }
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<u32> for Quantity {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        Self(self.0.saturating_mul(i128::from(times)))
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_equal_in_every_notation() {
        for (text, same) in [
            ("100m", "0.1"),
            ("2Gi", "2147483648"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("1.5Gi", "1536Mi"),
            ("500000u", "500m"),
            ("-1", "-1000m"),
            ("1E", "1000P"),
        ] {
            let parsed = Quantity::parse(text);
            assert!(parsed.is_some(), "{text}");
            assert_eq!(parsed, Quantity::parse(same), "{text} = {same}");
        }
    }

    #[test]
    fn text_that_is_no_quantity_is_rejected() {
        for text in [
            "",
            "Mi",
            "1.2.3",
            "abc",
            "1Xi",
            "1e",
            "9999999999999999999",
            "1e99",
            ".",
        ] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn display_uses_mebibytes_whole_units_or_thousandths() {
        for (text, shown) in [
            ("2Gi", "2048Mi"),
            ("0", "0"),
            ("3", "3"),
            ("100m", "100m"),
            ("1500m", "1500m"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn sums_and_differences() {
        let of = |text: &str| Quantity::parse(text).unwrap();
        let sum: Quantity = [of("100m"), of("900m")].into_iter().sum();
        assert_eq!(sum, Quantity::whole(1));
        assert_eq!(of("3") - of("1"), Quantity::whole(2));
        assert_eq!(of("128Mi") * 2, of("256Mi"));
    }
}
