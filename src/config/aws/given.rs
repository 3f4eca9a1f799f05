//! The cluster's account, region and name, as far as the environment gives them.

/// What of account, region and name is given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Given {
    /// No variable of the group is set: the agent discovers them.
    Nothing,
    /// All three.
    Complete {
        /// As it is written.
        account: String,
        /// The region.
        region: String,
        /// The cluster's name.
        name: String,
    },
    /// A variable of the group is set, and of the three these are not.
    Partial {
        /// What is set of the group.
        set: Vec<&'static str>,
        /// What is missing of the three.
        missing: Vec<&'static str>,
    },
}

/// How an account is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Account {
    /// Twelve digits.
    Digits,
    /// As a floating-point number that stands for these twelve digits.
    Scientific(String),
    /// Neither.
    Malformed,
}

/// The names of one group of variables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    three: [&'static str; 3],
    pub(super) lifecycle: &'static str,
    timeout: &'static str,
}

/// The groups of EKS and of clusters on EC2 that somebody runs himself.
pub(super) const PREFIXES: [Names; 2] = [
    Names {
        three: ["EKS_ACCOUNT_ID", "EKS_REGION", "EKS_CLUSTER_NAME"],
        lifecycle: "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED",
        timeout: "EKS_API_TIMEOUT",
    },
    Names {
        three: [
            "SELFHOSTEDEC2_ACCOUNT_ID",
            "SELFHOSTEDEC2_REGION",
            "SELFHOSTEDEC2_CLUSTER_NAME",
        ],
        lifecycle: "SELFHOSTEDEC2_API_NODE_LIFECYCLE_DISCOVERY_ENABLED",
        timeout: "SELFHOSTEDEC2_API_TIMEOUT",
    },
];

impl Names {
    /// What is given: one variable of the group makes the agent demand all three.
    pub(super) fn given(&self, variable: &dyn Fn(&str) -> Option<String>) -> Given {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let [Some(account), Some(region), Some(name)] = self.three.map(value) {
            return Given::Complete {
                account,
                region,
                name,
            };
        }
        let set = self.set(variable);
        if set.is_empty() {
            return Given::Nothing;
        }
        Given::Partial {
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

/// How an account is written; YAML turns twelve digits without quotes into `5.892517896e+11`.
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
