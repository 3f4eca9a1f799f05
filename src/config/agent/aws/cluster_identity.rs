//! The cluster's account, region and name in the agent's environment.

/// The configured part of account, region and name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClusterIdentity {
    /// No variable of the group is set: the agent discovers them.
    Nothing,
    /// All three.
    Complete {
        /// The account as written.
        account: String,
        /// The region.
        region: String,
        /// The cluster's name.
        name: String,
    },
    /// Some variables of the group are set, but not all three.
    Partial {
        /// Variables of the group that are set.
        set: Vec<&'static str>,
        /// Required variables that are missing.
        missing: Vec<&'static str>,
    },
}

/// Notation of an account ID.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Account {
    /// Twelve digits.
    Digits,
    /// Twelve digits in floating-point notation.
    Scientific(String),
    /// Anything else.
    Malformed,
}

/// Variable names of one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct VariableNames {
    three: [&'static str; 3],
    pub(super) lifecycle: &'static str,
    timeout: &'static str,
}

/// The groups of EKS and of self-managed clusters on EC2.
pub(super) const PREFIXES: [VariableNames; 2] = [
    VariableNames {
        three: ["EKS_ACCOUNT_ID", "EKS_REGION", "EKS_CLUSTER_NAME"],
        lifecycle: "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED",
        timeout: "EKS_API_TIMEOUT",
    },
    VariableNames {
        three: [
            "SELFHOSTEDEC2_ACCOUNT_ID",
            "SELFHOSTEDEC2_REGION",
            "SELFHOSTEDEC2_CLUSTER_NAME",
        ],
        lifecycle: "SELFHOSTEDEC2_API_NODE_LIFECYCLE_DISCOVERY_ENABLED",
        timeout: "SELFHOSTEDEC2_API_TIMEOUT",
    },
];

impl VariableNames {
    /// Reads the group: one set variable makes the agent require all three.
    pub(super) fn given(&self, variable: &dyn Fn(&str) -> Option<String>) -> ClusterIdentity {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let [Some(account), Some(region), Some(name)] = self.three.map(value) {
            return ClusterIdentity::Complete {
                account,
                region,
                name,
            };
        }
        let set = self.set(variable);
        if set.is_empty() {
            return ClusterIdentity::Nothing;
        }
        ClusterIdentity::Partial {
            set,
            missing: self
                .three
                .into_iter()
                .filter(|name| value(name).is_none())
                .collect(),
        }
    }

    fn set(&self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<&'static str> {
        let names = self.three.into_iter().chain([self.lifecycle, self.timeout]);
        names.filter(|name| variable(name).is_some()).collect()
    }
}

/// Classifies an account ID; unquoted in YAML, twelve digits become `5.892517896e+11`.
pub fn account(text: &str) -> Account {
    let twelve = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if twelve(text) {
        return Account::Digits;
    }
    let number = text
        .parse::<f64>()
        .ok()
        .filter(|_| text.contains(['e', 'E']));
    match number.map(|number| format!("{number:.0}")) {
        Some(digits) if twelve(&digits) => Account::Scientific(digits),
        _ => Account::Malformed,
    }
}
