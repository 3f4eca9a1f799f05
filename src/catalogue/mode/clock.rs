//! Failures of the node's clock.

macro_rules! clock {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Clock: "The node's clock."]
        ClockSkew = "clock_skew" {
            category: Mismatch,
            checks: [Clock],
            meaning: "The clock of this node differs from the clocks of several servers.",
            distinguishing: "At least two servers agree with each other and not with this node. \
                If only one server differs, its own clock is wrong.",
            remedy: "Fix time synchronisation on the node:\n\
                $ chronyc tracking\n\
                $ timedatectl\n\
                Until then, TLS certificates, AWS signatures and tokens may be rejected for \
                reasons that look different.",
        }
    } };
}

pub(super) use clock;
