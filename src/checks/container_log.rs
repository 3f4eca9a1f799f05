//! The logs of containers, read on by time with each look, and what each tells so far.
//!
//! Logs are polled, not streamed: a line is seen with the next look, 15 s later at most, as a fault of any other check
//! is; a poll of each container costs less than an open connection for each, through API server and kubelet, for ever;
//! and what is read is bounded before it is sent. What is lost is what a container wrote between the last look and a
//! rotation of its file, 15 s of the hours that it takes to fill one, and what lasts is repeated.

mod budget;
pub mod reel;
pub mod story;

use jiff::Timestamp;

use crate::catalogue::FailureMode;
use crate::cluster::Door;
use crate::cluster::object::pod::Pod;
use crate::verdict::Verdict;
use crate::verdict::evidence::quote;

use budget::Budget;
pub use reel::Container;
pub use reel::Reel;
use reel::Unread;
pub use story::Story;
pub use story::Trouble;

/// The most containers that one check follows.
const MOST: usize = 8;
/// So much is quoted of the beginning of a long message, and of its end, where the cause stands, in bytes.
const QUOTED: (usize, usize) = (80, 200);

/// The logs that one check follows.
#[derive(Debug, Default)]
pub struct Logs {
    reels: Vec<Reel>,
    budget: Budget,
    /// The only modes that are of interest; `None` is all.
    wanted: Option<&'static [FailureMode]>,
}

impl Logs {
    /// Logs of which only these modes are of interest.
    pub fn of(wanted: &'static [FailureMode]) -> Self {
        Self { wanted: Some(wanted), ..Self::default() }
    }

    /// Goes on with the containers that are there now, and hands back the logs of those that are gone.
    pub fn meet(&mut self, mut containers: Vec<Container>) -> Vec<Reel> {
        containers.sort_by(|one, other| (&one.pod, &one.name).cmp(&(&other.pod, &other.name)));
        containers.truncate(MOST);
        let mut before = std::mem::take(&mut self.reels);
        for container in containers {
            let same = |reel: &Reel| reel.container.uid == container.uid && reel.container.name == container.name;
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

    /// Reads on in all of them.
    ///
    /// # Errors
    /// The verdict of a check that needs them.
    pub async fn wind(&mut self, door: &Door, now: Timestamp) -> Result<(), Verdict> {
        if self.reels.is_empty() {
            return Ok(());
        }
        let mut visit = door.enter().await?;
        for reel in &mut self.reels {
            match reel.wind(&mut visit, &mut self.budget, now).await {
                Ok(()) | Err(Unread::Nothing) => {}
                Err(Unread::Verdict(why)) => return Err(why),
            }
        }
        Ok(())
    }

    /// What they tell.
    pub fn reels(&self) -> &[Reel] {
        &self.reels
    }
}

/// The containers of these names in pods of a namespace.
pub fn containers<'a>(namespace: &str, pods: impl Iterator<Item = &'a Pod>, names: &[&str]) -> Vec<Container> {
    let each = pods.flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)));
    let wanted = each.filter(|(_, container)| names.contains(&container.name.as_str()));
    wanted.map(|(pod, container)| Container::new(namespace, pod, container)).collect()
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
