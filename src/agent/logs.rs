//! The logs of containers, read on by time with each look, and what each tells so far.
//!
//! Logs are polled, not streamed: a line is seen with the next look, 15 s later at most, as a fault of any other check
//! is; a poll of each container costs less than an open connection for each, through API server and kubelet, for ever;
//! and what is read is bounded before it is sent. What is lost is what a container wrote between the last look and a
//! rotation of its file, 15 s of the hours that it takes to fill one, and what lasts is repeated.

pub mod incidents;
mod read_budget;
pub mod tail;

use std::fmt;
use std::time::{Duration, Instant};

pub use incidents::{Story, Trouble};
use jiff::Timestamp;
use read_budget::Budget;
use tail::{Burden, Unread};
pub use tail::{Container, Reel};

use crate::catalogue::FailureMode;
use crate::catalogue::timeouts::Limits;
use crate::kube::Door;
use crate::kube::types::pod::Pod;
use crate::report::evidence::quote;
use crate::report::{Finding, Verdict};

/// The most containers that one check follows: one of each component, and some more.
const MOST: usize = 24;
/// So many logs are named that were not read.
const NAMED: usize = 3;
/// Logs that do not come take no more than this of an attempt.
const PATIENCE: Duration = Duration::from_secs(12);
/// So much is quoted of the beginning of a long message, and of its end, where the cause stands, in bytes.
const QUOTED: (usize, usize) = (80, 200);

/// The logs that one check follows.
#[derive(Debug, Default)]
pub struct Logs {
    reels: Vec<Reel>,
    budget: Budget,
    /// The only modes that are of interest; `None` is all.
    wanted: Option<&'static [FailureMode]>,
    gaps: Gaps,
}

/// What was not read in the last look; shown as the end of a sentence, and empty where everything was.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Gaps {
    /// Whose log, and why.
    unread: Vec<String>,
    /// So many containers are not followed.
    beyond: usize,
}

impl Gaps {
    /// Nothing could be read.
    pub fn everywhere(why: &Verdict) -> Self {
        Self {
            unread: vec![format!("any log ({})", why.evidence())],
            beyond: 0,
        }
    }

    /// Says with the first finding what was not read.
    pub fn note(&self, findings: &mut [Finding]) {
        if let Some(first) = findings.first_mut().filter(|_| *self != Self::default()) {
            *first = Finding::new(first.mode, format!("{}{self}", first.evidence));
        }
    }
}

impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.unread.len().saturating_sub(NAMED) + self.beyond;
        let more = (more > 0).then(|| format!("{more} more"));
        let named: Vec<String> = self
            .unread
            .iter()
            .take(NAMED)
            .cloned()
            .chain(more)
            .collect();
        if named.is_empty() {
            Ok(())
        } else {
            write!(f, "; not read: {}", named.join(", "))
        }
    }
}

impl Logs {
    /// Logs of which only these modes are of interest.
    pub fn of(wanted: &'static [FailureMode]) -> Self {
        Self {
            wanted: Some(wanted),
            ..Self::default()
        }
    }

    /// Goes on with the containers that are there now, and hands back the logs of those that are gone.
    pub fn meet(&mut self, mut containers: Vec<Container>) -> Vec<Reel> {
        containers.sort_by(|one, other| one.place().cmp(&other.place()));
        self.gaps.beyond = containers.len().saturating_sub(MOST);
        containers.truncate(MOST);
        let mut before = std::mem::take(&mut self.reels);
        for container in containers {
            let same = |reel: &Reel| {
                reel.container.uid == container.uid && reel.container.name == container.name
            };
            self.reels.push(match before.iter().position(same) {
                Some(at) => {
                    let mut reel = before.swap_remove(at);
                    reel.update(container);
                    reel
                }
                None => Reel::new(container, self.wanted),
            });
        }
        before
    }

    /// Reads on in all of them, and says of no other than was read that it was.
    ///
    /// # Errors
    /// The verdict of a check that needs them, where none could be read.
    pub async fn wind(&mut self, door: &Door, now: Timestamp) -> Result<(), Verdict> {
        self.gaps.unread.clear();
        if self.reels.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let mut visit = door.within(Limits::LOGS).enter().await?;
        // Whoever could not be read, or wrote too much, comes after the others: it takes nothing from them.
        self.reels.sort_by_key(Reel::burden);
        let (mut read, mut first) = (false, None);
        let count = self.reels.len();
        let waiting = (1..=count).rev();
        for (reel, waiting) in self.reels.iter_mut().zip(waiting) {
            self.budget
                .turn(waiting, count > 1 && reel.burden() == Burden::Long);
            let wound = if began.elapsed() < PATIENCE {
                reel.wind(&mut visit, &mut self.budget, now).await
            } else {
                Err(Unread::late())
            };
            let why = match wound {
                Ok(()) => {
                    read = true;
                    continue;
                }
                Err(Unread::Nothing) => continue,
                Err(Unread::Part(why)) => {
                    read = true;
                    why
                }
                Err(Unread::Verdict(why)) => {
                    let evidence = why.evidence();
                    first.get_or_insert(why);
                    evidence
                }
            };
            self.gaps.unread.push(format!(
                "{}/{} ({why})",
                reel.container.pod, reel.container.name
            ));
        }
        self.reels
            .sort_by(|one, other| one.container.place().cmp(&other.container.place()));
        match first {
            Some(why) if !read => Err(why),
            _ => Ok(()),
        }
    }

    /// What was not read in the last look.
    pub fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// What they tell.
    pub fn reels(&self) -> &[Reel] {
        &self.reels
    }
}

/// The containers of these names in pods of a namespace.
pub fn containers<'a>(
    namespace: &str,
    pods: impl Iterator<Item = &'a Pod>,
    names: &[&str],
) -> Vec<Container> {
    let each = pods.flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)));
    let wanted = each.filter(|(_, container)| names.contains(&container.name.as_str()));
    wanted
        .map(|(pod, container)| Container::new(namespace, pod, container))
        .collect()
}

/// A message as it may stand in a sentence: of a long one the beginning, and the end, where the cause stands.
pub fn excerpt(words: &str) -> String {
    let (head, tail) = QUOTED;
    if words.len() <= head + tail {
        return quote(words.as_bytes());
    }
    let head = words.floor_char_boundary(head);
    let tail = words.ceil_char_boundary(words.len() - tail);
    quote(format!("{} … {}", &words[..head], &words[tail..]).as_bytes())
}
