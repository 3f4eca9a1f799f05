//! The closed list of failure modes, each declared once.
//!
//! Append-only: a label once published is never reused and never renamed.

use std::fmt;

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::category::{Category, Property};
use crate::catalogue::phase::Phase;
use crate::catalogue::remedy::{Remedy, RemedyValues};

mod agent;
mod aws_credentials;
mod azure;
mod castai;
pub mod category;
mod clock;
mod cluster_metadata;
mod control_plane_access;
mod ec2;
mod gcp;
mod image;
mod imds;
mod kubernetes;
mod network;
mod sts;
mod workload;

use agent::agent;
use aws_credentials::aws_credentials;
use azure::azure;
use castai::castai;
use clock::clock;
use cluster_metadata::cluster_metadata;
use control_plane_access::control_plane_access;
use ec2::ec2;
use gcp::gcp;
use image::image;
use imds::imds;
use kubernetes::kubernetes;
use network::network;
use sts::sts;
use workload::workload;

/// The published row of a failure mode.
#[derive(Debug)]
pub struct ModeEntry {
    /// The value of the label `mode`.
    pub label: &'static str,
    /// The system that the failure belongs to.
    pub family: Family,
    /// The kind of failure.
    pub category: Category,
    /// The checks that can show it.
    pub checks: &'static [CheckId],
    /// Further properties, besides its category.
    pub properties: &'static [Property],
    /// The cause in one or two sentences.
    pub meaning: &'static str,
    /// The difference to modes that look like it.
    pub distinguishing: &'static str,
    /// Remediation, most likely fix first; marked text of a [`Remedy`].
    pub remedy: &'static str,
}

macro_rules! failure_modes {
    ($(
        [$family:ident: $about:literal]
        $( $mode:ident = $label:literal {
            category: $category:ident,
            checks: [$($check:ident),+],
            $( properties: [$($property:ident),+], )?
            meaning: $meaning:literal,
            distinguishing: $distinguishing:literal,
            remedy: $remedy:literal,
        } )+
    )+) => {
        /// The system that a failure belongs to; the rows of each family are in a file of that
        /// name.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Family { $( #[doc = $about] $family, )+ }

        /// One cause. The only failure vocabulary in the program; Prometheus sees it as the label
        /// `mode`.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum FailureMode { $( $( #[doc = $meaning] $mode, )+ )+ }

        impl FailureMode {
            /// Every mode, family by family.
            pub const ALL: &'static [Self] = &[$( $( Self::$mode, )+ )+];

            /// Returns the published row of this mode.
            pub const fn entry(self) -> &'static ModeEntry {
                match self {$( $(
                    Self::$mode => const { &ModeEntry {
                        label: $label,
                        family: Family::$family,
                        category: Category::$category,
                        checks: &[$(CheckId::$check),+],
                        properties: &[$( $(Property::$property),+ )?],
                        meaning: $meaning,
                        distinguishing: $distinguishing,
                        remedy: $remedy,
                    } },
                )+ )+}
            }
        }
    };
}

impl FailureMode {
    /// Returns the value of the label `mode`.
    pub const fn label(self) -> &'static str {
        self.entry().label
    }

    /// Returns the remedy that fits every check that shows this mode.
    pub fn remedy(self) -> Remedy {
        Remedy::new(self.entry().remedy, &RemedyValues::default())
    }

    /// Returns the system that the failure belongs to.
    pub const fn family(self) -> Family {
        self.entry().family
    }

    /// Returns the kind of failure.
    pub const fn category(self) -> Category {
        self.entry().category
    }

    /// Returns whether the check can show this mode.
    pub const fn shown_by(self, check: CheckId) -> bool {
        let checks = self.entry().checks;
        let mut at = 0;
        while at < checks.len() {
            if checks[at] as usize == check as usize {
                return true;
            }
            at += 1;
        }
        false
    }

    /// Returns whether the mode has the property.
    pub const fn has(self, property: Property) -> bool {
        let properties = self.entry().properties;
        let mut at = 0;
        while at < properties.len() {
            if properties[at] as usize == property as usize {
                return true;
            }
            at += 1;
        }
        false
    }

    /// Returns whether an API server itself failed, as opposed to rejecting the caller.
    pub const fn is_apiserver_failure(self) -> bool {
        match self.family() {
            Family::Network => true,
            Family::Kubernetes => matches!(self.category(), Category::Error | Category::Slow),
            _ => false,
        }
    }

    /// Returns the mode with this label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.label() == label)
    }

    /// Returns the mode of a phase that timed out.
    pub const fn timeout_of(phase: Phase) -> Self {
        match phase {
            Phase::Resolve => Self::NetDnsTimeout,
            Phase::Connect => Self::NetConnectTimeout,
            Phase::Proxy => Self::ProxyUnreachable,
            Phase::Tls => Self::TlsHandshakeTimeout,
            Phase::Request => Self::HttpTimeout,
        }
    }
}

impl Family {
    /// Returns whether the failure belongs to a cloud provider's API.
    pub const fn is_cloud(self) -> bool {
        matches!(
            self,
            Self::AwsCredentials | Self::Imds | Self::Sts | Self::Ec2 | Self::Gcp | Self::Azure
        )
    }
}

impl fmt::Display for FailureMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

// Each family appends its rows and passes them to the next macro in the list; the last one declares
// the enum.
network! {
    kubernetes! castai! agent! clock! aws_credentials! imds! sts! ec2! cluster_metadata! gcp! azure! workload! control_plane_access! image!
    failure_modes!
}
