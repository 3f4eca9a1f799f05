//! Reads numbers, dates and lists that are out of range or null, so that one odd value does not
//! make a whole object unreadable.

use std::fmt;

use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A number that is limited to the range of an integer type; anything else counts as 0.
#[derive(Clone, Copy)]
struct Number(i64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;

        impl<'de> Visitor<'de> for AnyNumber {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value.try_into().unwrap_or(i64::MAX)))
            }

            #[expect(clippy::cast_possible_truncation, reason = "a float saturates")]
            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value as i64))
            }

            fn visit_str<E>(self, value: &str) -> Result<Number, E> {
                Ok(Number(value.trim().parse().unwrap_or(0)))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Number, E> {
                Ok(Number(0))
            }

            fn visit_unit<E>(self) -> Result<Number, E> {
                Ok(Number(0))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Number, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Number(0))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Number(0))
            }
        }

        deserializer.deserialize_any(AnyNumber)
    }
}

/// Reads a count; a negative one is 0.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let Number(value) = Number::deserialize(deserializer)?;
    Ok(value.clamp(0, u32::MAX.into()).try_into().unwrap_or(0))
}

/// Reads a count that may be missing.
pub(super) fn optional_count<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    let number = Option::<Number>::deserialize(deserializer)?;
    Ok(number.map(|Number(value)| value.clamp(0, u32::MAX.into()).try_into().unwrap_or(0)))
}

/// Reads an exit code.
pub(super) fn exit_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let Number(value) = Number::deserialize(deserializer)?;
    let limited = value.clamp(i32::MIN.into(), i32::MAX.into());
    Ok(limited.try_into().unwrap_or(0))
}

/// Reads a time; one that is malformed or outside the calendar counts as missing.
pub(super) fn time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    struct Time;

    impl Visitor<'_> for Time {
        type Value = Option<Timestamp>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time")
        }

        fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
            Ok(value.parse().ok())
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Time)
}

/// Reads a list; null is an empty one.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a value; null is its default.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Values {
        #[serde(default, deserialize_with = "count")]
        count: u32,
        #[serde(default, deserialize_with = "optional_count")]
        optional: Option<u32>,
        #[serde(default, deserialize_with = "exit_code")]
        code: i32,
        #[serde(default, deserialize_with = "time")]
        at: Option<Timestamp>,
        #[serde(default, deserialize_with = "list")]
        list: Vec<u8>,
    }

    fn read(json: &str) -> Values {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_are_limited_to_their_range() {
        for (json, count, code) in [
            ("-1", 0, -1),
            ("7", 7, 7),
            ("1e400", u32::MAX, i32::MAX),
            ("18446744073709551615", u32::MAX, i32::MAX),
            ("-9223372036854775808", 0, i32::MIN),
            ("2.9", 2, 2),
            ("null", 0, 0),
            ("true", 0, 0),
            ("\"12\"", 12, 12),
            ("[1,[2]]", 0, 0),
            ("{\"a\":{}}", 0, 0),
        ] {
            // Out of the range of a float is a syntax error for serde_json.
            let Ok(values) = serde_json::from_str::<Values>(&format!(
                r#"{{"count":{json},"optional":{json},"code":{json}}}"#
            )) else {
                assert_eq!(json, "1e400");
                continue;
            };
            assert_eq!((values.count, values.code), (count, code), "{json}");
            let optional = (json != "null").then_some(count);
            assert_eq!(values.optional, optional, "{json}");
        }
    }

    #[test]
    fn impossible_times_count_as_missing() {
        let at = "2026-01-02T03:04:05Z";
        assert_eq!(read(&format!(r#"{{"at":"{at}"}}"#)).at, at.parse().ok());
        for json in [
            "\"9999-12-31T23:59:59Z\"",
            "\"10000-01-01T00:00:00Z\"",
            "\"2026-13-45T00:00:00Z\"",
            "\"\"",
            "null",
            "-1",
            "7",
            "1.5",
            "true",
        ] {
            assert_eq!(read(&format!(r#"{{"at":{json}}}"#)).at, None, "{json}");
        }
    }

    #[test]
    fn null_lists_are_empty() {
        assert_eq!(read(r#"{"list":null}"#), read("{}"));
        assert_eq!(read(r#"{"list":[1,2]}"#).list, [1, 2]);
    }
}
