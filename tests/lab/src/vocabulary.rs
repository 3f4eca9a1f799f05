//! Names for what can go wrong: one list serves the tests, the demo's switches and its help.

use std::fmt;
use std::time::Duration;

/// What stands behind the colon of a name such as `tls-slow:6s`.
pub(crate) trait Parameter: Sized {
    fn read(text: &str) -> Option<Self>;
    fn write(&self) -> String;
}

/// A clock's error in seconds, written `+600s` or `-90s`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Skew(pub i64);

/// A name that no server knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownFault(pub String);

/// Declares an enum of faults together with their names, explanations and examples.
///
/// `with` lists the variants that take a parameter, `or` the more general vocabulary that is tried last.
macro_rules! vocabulary {
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
            $( #[doc = "What any server of this kind can do."] $Other($OtherType), )?
        }

        impl $Name {
            /// Every name of this vocabulary, parameters by example, with its explanation.
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
                        write!(f, "{}:{}", $value_name, $crate::vocabulary::Parameter::write(value))
                    } )*
                    $( Self::$Other(other) => other.fmt(f), )?
                }
            }
        }

        impl std::str::FromStr for $Name {
            type Err = $crate::vocabulary::UnknownFault;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.split_once(':') {
                    $( None if text == $name => return Ok(Self::$Variant), )*
                    $( Some(($value_name, value)) => {
                        if let Some(value) = $crate::vocabulary::Parameter::read(value) {
                            return Ok(Self::$Value(value));
                        }
                    } )*
                    _ => {}
                }
                $( if let Ok(other) = text.parse::<$OtherType>() { return Ok(Self::$Other(other)); } )?
                Err($crate::vocabulary::UnknownFault(text.to_owned()))
            }
        }

        $( impl From<$OtherType> for $Name {
            fn from(other: $OtherType) -> Self { Self::$Other(other) }
        } )?
    };
}
pub(crate) use vocabulary;

// === impl Parameter ===

impl Parameter for Duration {
    fn read(text: &str) -> Option<Self> {
        match text.strip_suffix("ms") {
            Some(millis) => millis.parse().ok().map(Self::from_millis),
            None => text.strip_suffix('s')?.parse().ok().map(Self::from_secs),
        }
    }

    fn write(&self) -> String {
        if self.subsec_millis() == 0 {
            format!("{}s", self.as_secs())
        } else {
            format!("{}ms", self.as_millis())
        }
    }
}

impl Parameter for u16 {
    fn read(text: &str) -> Option<Self> {
        text.parse()
            .ok()
            .filter(|status| (100..600).contains(status))
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Parameter for String {
    fn read(text: &str) -> Option<Self> {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then(|| text.to_owned())
    }

    fn write(&self) -> String {
        self.clone()
    }
}

impl Parameter for Skew {
    fn read(text: &str) -> Option<Self> {
        text.strip_suffix('s')?
            .parse()
            .ok()
            .filter(|seconds: &i64| seconds.abs() <= 100_000_000)
            .map(Self)
    }

    fn write(&self) -> String {
        format!("{:+}s", self.0)
    }
}

// === impl UnknownFault ===

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no fault is named {:?}", self.0)
    }
}

impl std::error::Error for UnknownFault {}

#[cfg(test)]
mod tests {
    use crate::{
        ApiFault, AzureImdsFault, CastAiFault, CloudApiFault, DnsFault, Ec2Fault, Fault, GceFault,
        ImdsFault, PodIdentityFault, ProxyFault, StsFault,
    };

    macro_rules! every_name_is_read_and_written_alike {
        ($($Type:ty),+) => { $(
            for (name, _) in <$Type>::names() {
                assert_eq!(name.parse::<$Type>().unwrap().to_string(), name);
            }
        )+ };
    }

    #[test]
    fn names_are_read_and_written_alike() {
        every_name_is_read_and_written_alike!(
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
    fn nonsense_is_no_fault() {
        for nonsense in [
            "",
            "tls",
            "tls-slow",
            "tls-slow:",
            "tls-slow:-1s",
            "tls-hang:1s",
            "html:7",
            "clock:600",
        ] {
            assert!(nonsense.parse::<Fault>().is_err(), "{nonsense}");
        }
    }
}
