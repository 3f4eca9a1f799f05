//! The `fault_enum!` macro, which declares an enum of faults with their names and descriptions.

use std::fmt;
use std::time::Duration;

/// A value after the colon of a fault's name, as in `tls-slow:6s`.
pub(crate) trait FaultValue: Sized {
    fn parse(text: &str) -> Option<Self>;
    fn format(&self) -> String;
}

/// Clock offset in seconds, written `+600s` or `-90s`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ClockSkew(pub i64);

/// The text is not the name of a fault.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownFaultError(pub String);

/// Declares an enum of faults together with their names, descriptions and examples.
///
/// `with` lists the variants that take a value, `or` a more generic enum that is tried last.
macro_rules! fault_enum {
    (
        $(#[$meta:meta])*
        $Name:ident {
            $( #[doc = $doc:literal] $Variant:ident = $name:literal, )*
        } with {
            $( #[doc = $value_doc:literal] $Value:ident($Type:ty) = $value_name:literal like $example:literal, )*
        } $( or $Other:ident($OtherType:ty) )?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub enum $Name {
            $( #[doc = $doc] $Variant, )*
            $( #[doc = $value_doc] $Value($Type), )*
            $( #[doc = "A fault that does not depend on the service."] $Other($OtherType), )?
        }

        impl $Name {
            /// Returns the name and the description of each fault. Values are examples.
            pub fn names() -> Vec<(&'static str, &'static str)> {
                let others: &[Vec<(&'static str, &'static str)>] = &[$( <$OtherType>::names() )?];
                let own = [
                    $( ($name, $doc.trim_ascii()), )*
                    $( (concat!($value_name, ":", $example), $value_doc.trim_ascii()), )*
                ];
                own.into_iter().chain(others.concat()).collect()
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $( Self::$Variant => f.write_str($name), )*
                    $( Self::$Value(value) => {
                        write!(f, "{}:{}", $value_name, $crate::fault_enum::FaultValue::format(value))
                    } )*
                    $( Self::$Other(other) => other.fmt(f), )?
                }
            }
        }

        impl std::str::FromStr for $Name {
            type Err = $crate::fault_enum::UnknownFaultError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.split_once(':') {
                    $( None if text == $name => return Ok(Self::$Variant), )*
                    $( Some(($value_name, value)) => {
                        if let Some(value) = $crate::fault_enum::FaultValue::parse(value) {
                            return Ok(Self::$Value(value));
                        }
                    } )*
                    _ => {}
                }
                $( if let Ok(other) = text.parse::<$OtherType>() { return Ok(Self::$Other(other)); } )?
                Err($crate::fault_enum::UnknownFaultError(text.to_owned()))
            }
        }

        $( impl From<$OtherType> for $Name {
            fn from(other: $OtherType) -> Self { Self::$Other(other) }
        } )?
    };
}
pub(crate) use fault_enum;

// === impl FaultValue ===

impl FaultValue for Duration {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix("ms") {
            Some(millis) => millis.parse().ok().map(Self::from_millis),
            None => text.strip_suffix('s')?.parse().ok().map(Self::from_secs),
        }
    }

    fn format(&self) -> String {
        if self.subsec_millis() == 0 {
            format!("{}s", self.as_secs())
        } else {
            format!("{}ms", self.as_millis())
        }
    }
}

impl FaultValue for u16 {
    fn parse(text: &str) -> Option<Self> {
        text.parse()
            .ok()
            .filter(|status| (100..600).contains(status))
    }

    fn format(&self) -> String {
        self.to_string()
    }
}

impl FaultValue for String {
    fn parse(text: &str) -> Option<Self> {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then(|| text.to_owned())
    }

    fn format(&self) -> String {
        self.clone()
    }
}

impl FaultValue for ClockSkew {
    fn parse(text: &str) -> Option<Self> {
        text.strip_suffix('s')?
            .parse()
            .ok()
            .filter(|seconds: &i64| seconds.abs() <= 100_000_000)
            .map(Self)
    }

    fn format(&self) -> String {
        format!("{:+}s", self.0)
    }
}

// === impl UnknownFaultError ===

impl fmt::Display for UnknownFaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown fault {:?}", self.0)
    }
}

impl std::error::Error for UnknownFaultError {}

#[cfg(test)]
mod tests {
    use crate::{
        ApiFault, AzureImdsFault, CastAiFault, CloudApiFault, DnsFault, Ec2Fault, Fault, GceFault,
        ImdsFault, PodIdentityFault, ProxyFault, StsFault,
    };

    macro_rules! assert_names_round_trip {
        ($($Type:ty),+) => { $(
            for (name, _) in <$Type>::names() {
                assert_eq!(name.parse::<$Type>().unwrap().to_string(), name);
            }
        )+ };
    }

    #[test]
    fn fault_names_round_trip() {
        assert_names_round_trip!(
            Fault,
            ApiFault,
            AzureImdsFault,
            CastAiFault,
            CloudApiFault,
            DnsFault,
            Ec2Fault,
            GceFault,
            ImdsFault,
            PodIdentityFault,
            ProxyFault,
            StsFault
        );
    }

    #[test]
    fn unknown_fault_names_are_rejected() {
        for name in [
            "",
            "tls",
            "tls-slow",
            "tls-slow:",
            "tls-slow:-1s",
            "tls-hang:1s",
            "html:7",
            "clock:600",
        ] {
            assert!(name.parse::<Fault>().is_err(), "{name}");
        }
    }
}
