//! One scenario for each (check, mode): the fault, and the verdict that must follow.
//!
//! A new failure mode gets a row in a file of this folder; its test in `tests/it/scenarios.rs` is
//! generated from the row.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};

pub use crate::faults::{heal, heal_servers, inject_fault, lab_cluster_for};
pub use crate::injected_fault::{InjectedFault, WebIdentity};

/// A fault and the expected verdict.
pub struct Scenario {
    /// Name of its test.
    pub name: &'static str,
    pub fault: InjectedFault,
    pub check: CheckId,
    pub mode: M,
    pub status: Status,
}

/// Returns all scenarios.
pub fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    [apis::SCENARIOS, cloud::SCENARIOS, agent::SCENARIOS]
        .into_iter()
        .flatten()
}

/// Returns the scenario with this name.
pub fn scenario(name: &str) -> &'static Scenario {
    let named = scenarios().find(|scenario| scenario.name == name);
    named.unwrap_or_else(|| panic!("unknown scenario {name}"))
}

/// Calls a macro with the names of the scenarios of each file, to generate a test for each.
#[macro_export]
macro_rules! for_each_scenario {
    ($with:ident) => {
        $crate::for_each_apis_scenario!($with);
        $crate::for_each_cloud_scenario!($with);
        $crate::for_each_agent_scenario!($with);
    };
}

// `$d` is a dollar sign: the inner macro's own variables need one.
macro_rules! scenarios {
    (($d:tt) $for_each:ident $($name:ident: $fault:expr => $check:ident $mode:ident $status:ident;)+) => {
        pub(super) const SCENARIOS: &[Scenario] = &[
            $(Scenario {
                name: stringify!($name),
                fault: $fault,
                check: CheckId::$check,
                mode: M::$mode,
                status: Status::$status,
            },)+
        ];

        #[doc(hidden)]
        #[macro_export]
        macro_rules! $for_each {
            ($d with:ident) => {
                $d with! { $($name)+ }
            };
        }
    };
}

mod agent;
mod apis;
mod cloud;
