//! Where a fault is seen: in the agent's pod, beside it, or in both. The last step before people are told.

/// What the two vantages say together; the value of the recorded series.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Visibility {
    /// The check holds for the whole cluster, wherever it is asked.
    Cluster = 0,
    /// The sidecar and the companion see it.
    Everywhere = 1,
    /// The sidecar sees it and the companion is fine.
    PodOnly = 2,
    /// One sidecar of several sees it; another is fine.
    SomePods = 3,
    /// The sidecar sees it; there is no other word.
    Pod = 4,
    /// The companion sees it and the sidecar is fine.
    BesideOnly = 5,
    /// The companion sees it; there is no other word.
    Beside = 6,
}

impl Visibility {
    /// Those of a check that looks from a pod, in the order in which the first that holds is taken.
    pub const OF_PODS: &'static [Self] = &[
        Self::SomePods,
        Self::Everywhere,
        Self::PodOnly,
        Self::Pod,
        Self::BesideOnly,
        Self::Beside,
    ];

    /// What the alert says of it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Cluster => "",
            Self::Everywhere => {
                " Seen everywhere: in the agent's pod and beside it, so the cause lies in the cluster or on the way out, not in this pod."
            }
            Self::PodOnly => {
                " Seen only in the agent's pod; beside it all is well, so a new pod may mend it: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`."
            }
            Self::SomePods => {
                " Seen in one of the agent's pods only; another is fine, so compare their nodes, or delete the pod that suffers."
            }
            Self::Pod => {
                " Seen in the agent's pod; no exporter beside it says whether it is so everywhere."
            }
            Self::BesideOnly => {
                " Seen only beside the agent; in the agent's pod all is well, so the agent itself is not affected now."
            }
            Self::Beside => {
                " Seen beside the agent; no exporter in its pod says whether the agent suffers alike."
            }
        }
    }

    /// Whether the agent goes on working somewhere: then it is no page.
    pub const fn survived(self) -> bool {
        matches!(self, Self::SomePods | Self::BesideOnly)
    }

    /// Its number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The words as a template over the value of the alert.
    pub fn template() -> String {
        let cases: Vec<String> = Self::OF_PODS
            .iter()
            .map(|place| format!("if eq $value {}.0 }}}}{}{{{{ ", place.code(), place.words()))
            .collect();
        format!("{{{{ {}end }}}}", cases.join("else "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_a_case_for_each_place() {
        let template = Visibility::template();
        assert!(
            template.starts_with("{{ if eq $value 3.0 }} Seen in one"),
            "{template}"
        );
        assert!(template.ends_with("{{ end }}"), "{template}");
        assert_eq!(
            template.matches("{{ else if eq $value ").count(),
            Visibility::OF_PODS.len() - 1
        );
    }
}
