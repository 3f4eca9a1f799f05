//! Vantages that see a failure: the agent's sidecar, the companion, or both.

/// The vantages that see a failure; the number is the value of the recorded series.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Visibility {
    /// The check has cluster scope: every vantage sees the same result.
    Cluster = 0,
    /// Sidecar and companion see it.
    Both = 1,
    /// The sidecar sees it, the companion does not.
    SidecarOnly = 2,
    /// One of several sidecars sees it.
    SomeSidecars = 3,
    /// The sidecar sees it; no companion is running.
    Sidecar = 4,
    /// The companion sees it, the sidecar does not.
    CompanionOnly = 5,
    /// The companion sees it; no sidecar is running.
    Companion = 6,
}

impl Visibility {
    /// Values of a check with pod scope; the first that matches applies.
    pub const POD_SCOPE: &'static [Self] = &[
        Self::SomeSidecars,
        Self::Both,
        Self::SidecarOnly,
        Self::Sidecar,
        Self::CompanionOnly,
        Self::Companion,
    ];

    /// Returns the last sentence of the alert's description.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Cluster => "",
            Self::Both => {
                " Seen by sidecar and companion: the cause is in the cluster or on its egress path, not in the agent's pod."
            }
            Self::SidecarOnly => {
                " Seen by the sidecar only, the companion is fine: a new agent pod may fix it. Run `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`."
            }
            Self::SomeSidecars => {
                " Seen in one of the agent's pods only: compare its node with that of a healthy pod, or delete the affected pod."
            }
            Self::Sidecar => {
                " Seen by the sidecar; no companion is running to show whether other pods are affected."
            }
            Self::CompanionOnly => {
                " Seen by the companion only, the sidecar is fine: the agent itself is not affected now."
            }
            Self::Companion => {
                " Seen by the companion; no sidecar is running to confirm that the agent is affected."
            }
        }
    }

    /// Returns whether an agent pod still works, so that the alert does not page.
    pub const fn agent_survives(self) -> bool {
        matches!(self, Self::SomeSidecars | Self::CompanionOnly)
    }

    /// Returns the value of the recorded series.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Returns the sentences as a template over the value of the alert.
    pub fn template() -> String {
        let cases: Vec<String> = Self::POD_SCOPE
            .iter()
            .map(|visibility| {
                let (code, sentence) = (visibility.code(), visibility.sentence());
                format!("if eq $value {code}.0 }}}}{sentence}{{{{ ")
            })
            .collect();
        format!("{{{{ {}end }}}}", cases.join("else "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_has_one_case_per_visibility() {
        let template = Visibility::template();
        let first = Visibility::POD_SCOPE[0].code();
        assert!(
            template.starts_with(&format!("{{{{ if eq $value {first}.0 }}}} ")),
            "{template}"
        );
        assert!(template.ends_with("{{ end }}"), "{template}");
        assert_eq!(
            template.matches("{{ else if eq $value ").count(),
            Visibility::POD_SCOPE.len() - 1
        );
    }
}
