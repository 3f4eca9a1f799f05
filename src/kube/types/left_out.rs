//! Counts of watched objects that are left out, and why.

/// The reason why a watched object is left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeftOutReason {
    /// It is not what the API server's schema describes.
    Unreadable,
    /// It is larger than any object of use.
    TooLarge,
    /// There are more objects than the exporter keeps.
    OverLimit,
}

/// Number of watched objects that are left out, by reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LeftOut([u32; LeftOutReason::ALL.len()]);

impl LeftOutReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Unreadable, Self::TooLarge, Self::OverLimit];

    /// Returns the label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::OverLimit => "over_limit",
        }
    }

    /// Describes the reason after a number.
    const fn described(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too large",
            Self::OverLimit => "over the exporter's memory limit",
        }
    }
}

impl LeftOut {
    /// Counts these reasons.
    pub fn count(reasons: impl Iterator<Item = LeftOutReason>) -> Self {
        let mut counts = [0; LeftOutReason::ALL.len()];
        for reason in reasons {
            counts[reason as usize] += 1;
        }
        Self(counts)
    }

    /// Returns whether nothing is left out.
    pub fn is_empty(self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// Iterates over the reasons that apply, with the number of objects.
    pub fn iter(self) -> impl Iterator<Item = (LeftOutReason, u32)> {
        let all = LeftOutReason::ALL.into_iter().zip(self.0);
        all.filter(|(_, count)| *count > 0)
    }

    /// Describes the objects of a resource that are left out.
    pub fn describe(self, resource: &str) -> String {
        let total: u32 = self.0.iter().sum();
        let reasons: Vec<_> = self
            .iter()
            .map(|(reason, count)| format!("{count} {}", reason.described()))
            .collect();
        format!("{total} {resource} left out ({})", reasons.join(", "))
    }
}
