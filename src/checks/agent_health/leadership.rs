//! Whether the agent's lease is held by the agent.
//!
//! The holder of the lease is a random UUID that the agent chooses at its start, and neither its pod
//! nor its metrics contain it. So only the past identifies it: the holder that was seen while this
//! agent was the leader is the agent, unless that holder outlives the agent's process.

use crate::agent::leader_lease::LeaderLease;
use crate::catalogue::FailureMode as M;
use crate::checks::agent_health::metrics::AgentMetrics;
use crate::config::ObjectName;
use crate::report::Finding;
use crate::report::evidence::quote;

/// The agent's own identities that are remembered: one for each start.
const MAX_IDENTITIES: usize = 4;
/// The age of the last renewal up to which a holder is alive; leaders renew every 2 s.
const ALIVE_SECONDS: f64 = 10.0;
/// The uptime from which an agent that has never been the leader should be, in seconds.
const ELECTED_AFTER_SECONDS: f64 = 90.0;

/// The holders of the lease so far.
#[derive(Debug, Default)]
pub(super) struct Leadership {
    /// The holders that were this agent, newest last, with the start of its process.
    own: Vec<(i64, String)>,
    /// The foreign holder of the last attempt.
    suspect: Option<String>,
}

impl Leadership {
    /// Returns the finding if another holder has the lease. `no_other_leads` says whether the agent
    /// has no other pod that could be the holder.
    pub(super) fn stolen(
        &mut self,
        lease: &LeaderLease,
        metrics: Option<&AgentMetrics>,
        no_other_leads: bool,
    ) -> Option<Finding> {
        let suspect = self.suspect.take();
        let (name, holder, renewal_age) = lease.holder()?;
        if renewal_age > ALIVE_SECONDS {
            return None;
        }
        let metrics = metrics?;
        let started = metrics.counters.started();
        let is_overdue = metrics.age().is_some_and(|age| age > ELECTED_AFTER_SECONDS);
        if metrics.leads == Some(false) && no_other_leads && is_overdue {
            // An identity is lost with its process, so this was another holder from the beginning.
            self.own
                .retain(|(start, own)| *start == started || own != holder);
        }
        let led = self.own.iter().any(|(start, _)| *start == started);
        let is_own = self.own.iter().any(|(_, own)| own == holder);
        match metrics.leads {
            // This process became the leader as another holder, and still believes to lead.
            Some(true) if led && !is_own => Some(self.finding(name, holder)),
            Some(true) => {
                // Also a holder that an earlier process was seen as: this process leads as it now.
                if !led {
                    self.own.push((started, holder.to_owned()));
                    let surplus = self.own.len().saturating_sub(MAX_IDENTITIES);
                    self.own.drain(..surplus);
                }
                None
            }
            Some(false) if no_other_leads && !is_own => {
                let was_seen = suspect.as_deref() == Some(holder);
                self.suspect = Some(holder.to_owned());
                let is_due = led || !self.own.is_empty() || is_overdue;
                // An agent that has just been elected reports it in the next attempt.
                (was_seen && is_due).then(|| self.finding(name, holder))
            }
            Some(false) | None => None,
        }
    }

    fn finding(&self, name: &ObjectName, holder: &str) -> Finding {
        let own = self.own.last().map_or_else(String::new, |(_, own)| {
            format!(" (it held the lease as {})", quote(own.as_bytes()))
        });
        let evidence = format!(
            "lease {} is held and renewed by {}, which is not this agent{own}, so the agent \
             delivers nothing",
            name.shown(),
            quote(holder.as_bytes())
        );
        Finding::new(M::AgentLeaseStolen, evidence)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;
    use crate::checks::agent_health::metrics::MetricsParser;

    fn lease(holder: &str) -> LeaderLease {
        LeaderLease::Found {
            name: ObjectName {
                namespace: "castai-agent".to_owned(),
                name: "agent-leader-election-lock".to_owned(),
            },
            holder: Some(holder.to_owned()),
            renewal_age: Some(1.0),
        }
    }

    /// Returns the metrics of an agent process that started this many seconds ago.
    fn agent(age: u64, leads: u8) -> AgentMetrics {
        static NOW: LazyLock<u64> = LazyLock::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            since.as_secs()
        });
        let started = *NOW - age;
        let text = format!(
            "process_start_time_seconds {started}\nleader_election_master_status{{name=\"\"}} {leads}\n"
        );
        let mut parser = MetricsParser::default();
        parser.feed(text.as_bytes()).unwrap();
        parser.finish()
    }

    #[test]
    fn foreign_holder_is_named_while_the_agent_still_believes_to_lead() {
        let mut leadership = Leadership::default();
        let mut stolen = |holder, agent| leadership.stolen(&lease(holder), Some(&agent), true);
        assert_eq!(stolen("uuid-1", agent(600, 1)), None);
        let finding = stolen("thief", agent(600, 1)).unwrap();
        assert_eq!(finding.mode, M::AgentLeaseStolen);
        let evidence = finding.evidence.to_string();
        assert!(
            evidence.contains("\"thief\"") && evidence.contains("\"uuid-1\""),
            "{evidence}"
        );
    }

    #[test]
    fn theft_is_named_after_a_restart_with_the_same_identity() {
        let mut leadership = Leadership::default();
        let mut stolen = |holder, agent| leadership.stolen(&lease(holder), Some(&agent), true);
        assert_eq!(stolen("uuid-1", agent(600, 1)), None);
        assert_eq!(stolen("uuid-1", agent(500, 1)), None);
        assert!(stolen("thief", agent(500, 1)).is_some());
        assert!(stolen("thief", agent(500, 1)).is_some());
    }

    #[test]
    fn restarted_agent_that_cannot_lead_is_seen_in_the_second_attempt() {
        let mut leadership = Leadership::default();
        let mut stolen = |holder, agent| leadership.stolen(&lease(holder), Some(&agent), true);
        assert_eq!(stolen("uuid-1", agent(600, 1)), None);
        assert_eq!(stolen("thief", agent(20, 0)), None);
        assert!(stolen("thief", agent(20, 0)).is_some());
        assert_eq!(
            stolen("uuid-2", agent(20, 1)),
            None,
            "the agent leads again"
        );
    }

    #[test]
    fn theft_before_the_first_attempt_is_named_once_the_holder_outlives_the_agent() {
        let mut leadership = Leadership::default();
        let mut stolen = |holder, agent| leadership.stolen(&lease(holder), Some(&agent), true);
        // For up to 10 s after it lost the lease, an agent still reports that it leads.
        assert_eq!(stolen("thief", agent(600, 1)), None);
        for _ in 0..2 {
            let restarted = stolen("thief", agent(20, 0));
            assert_eq!(restarted, None, "the old process may have renewed it");
        }
        assert_eq!(stolen("thief", agent(120, 0)), None);
        let finding = stolen("thief", agent(120, 0)).unwrap();
        let evidence = finding.evidence.to_string();
        assert!(!evidence.contains("it held the lease as"), "{evidence}");
    }

    #[test]
    fn restart_with_a_new_identity_is_no_theft() {
        let mut leadership = Leadership::default();
        let mut stolen = |holder, agent| leadership.stolen(&lease(holder), Some(&agent), true);
        for (holder, agent) in [
            ("uuid-1", agent(600, 1)),
            ("uuid-1", agent(20, 0)),
            ("uuid-1", agent(20, 0)),
            ("uuid-2", agent(20, 0)),
            ("uuid-2", agent(20, 1)),
        ] {
            assert_eq!(stolen(holder, agent), None, "{holder}");
        }
    }

    #[test]
    fn another_replica_may_hold_the_lease() {
        let mut leadership = Leadership::default();
        for _ in 0..3 {
            let stolen = leadership.stolen(&lease("uuid-1"), Some(&agent(600, 0)), false);
            assert_eq!(stolen, None);
        }
    }
}
