//! The log of one container, wound on a little with each look.

use jiff::{SignedDuration, Timestamp};

use super::incidents::Story;
use super::read_budget::Budget;
use crate::catalogue::FailureMode;
use crate::classify::log_line;
use crate::kube::Visit;
use crate::kube::types::pod;
use crate::kube::types::pod::Pod;
use crate::report::{Evidence, Verdict};

/// A longer line is cut, in bytes.
const MAX_LINE: usize = 8 * 1024;
/// Whoever is farther behind leaves the rest out.
const BEHIND: SignedDuration = SignedDuration::from_mins(1);
/// So much before the end of a container its end is told.
const LAST_WORDS: SignedDuration = SignedDuration::from_mins(3);
/// The same of one that was followed, and wrote too much.
const REST: SignedDuration = SignedDuration::from_secs(30);
/// How far back the present is read of a container that was not followed so far.
const PRESENT: SignedDuration = SignedDuration::from_mins(5);

/// A container, as the kubelet last saw it.
#[derive(Clone, Debug)]
pub struct Container {
    /// The namespace of its pod.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// How often it was started again.
    pub restarts: u32,
    /// Since when it runs; `None` when it does not.
    pub running: Option<Timestamp>,
    /// When the last one before it, or it itself, began and ended.
    pub ended: Option<(Timestamp, Timestamp)>,
    /// How it ended, in words.
    pub end: String,
}

/// What is known of a container's log.
#[derive(Debug)]
pub struct Reel {
    /// Whose it is.
    pub container: Container,
    /// What it has told so far.
    pub story: Story,
    /// What the container before told until its end.
    pub before: Option<Story>,
    /// The only modes that are of interest; `None` is all.
    wanted: Option<&'static [FailureMode]>,
    /// The time of the last line that was read.
    seen: Option<Timestamp>,
    /// The same of the container before, until its end was read.
    seen_before: Option<Timestamp>,
    /// Whether the end of the container before was read, or is not to be had.
    asked_before: bool,
    /// Fault lines that no rule knows, of those before the one before.
    forgotten: u64,
    /// When everything was read that there was.
    read_all: Option<Timestamp>,
    /// So much at least the node's clock is behind this one.
    behind: SignedDuration,
    /// What makes it come after others.
    burden: Burden,
}

/// How a log was to be read the last time.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Burden {
    /// All of it came.
    #[default]
    None,
    /// There was more than could be read.
    Long,
    /// It did not come.
    Unread,
}

/// Why a log could not be read.
#[derive(Debug)]
pub(super) enum Unread {
    /// There is none: the container has not started, or is gone.
    Nothing,
    /// Only this was left out.
    Part(Evidence),
    /// This account may not, or the API server did not answer.
    Verdict(Verdict),
}

impl Unread {
    /// Others took too long.
    pub(super) fn late() -> Self {
        Self::Verdict(Verdict::Unknown(Evidence::from(
            "the logs before it took too long",
        )))
    }
}

/// What came of one reading.
struct Piece {
    lines: Vec<(Timestamp, String)>,
    /// Whether there is more.
    cut: bool,
}

impl Container {
    /// A container of a pod.
    pub fn new(namespace: &str, pod: &Pod, container: &pod::Container) -> Self {
        let ended = container.ended();
        Self {
            namespace: namespace.to_owned(),
            pod: pod.name.clone(),
            uid: pod.uid.clone(),
            name: container.name.clone(),
            restarts: container.restart_count,
            running: container
                .state
                .running
                .as_ref()
                .and_then(|running| running.started_at),
            ended: ended.and_then(|ended| Some((ended.started_at?, ended.finished_at?))),
            end: ended.map_or_else(String::new, |ended| {
                format!("exit code {}, {}", ended.exit_code, ended.reason)
            }),
        }
    }

    /// Where it stands among others.
    pub(super) fn place(&self) -> (&str, &str) {
        (&self.pod, &self.name)
    }
}

impl Reel {
    pub(super) fn new(container: Container, wanted: Option<&'static [FailureMode]>) -> Self {
        Self {
            container,
            story: Story::default(),
            before: None,
            wanted,
            seen: None,
            seen_before: None,
            asked_before: false,
            forgotten: 0,
            read_all: None,
            behind: SignedDuration::ZERO,
            burden: Burden::None,
        }
    }

    /// Takes over what the kubelet says now; a container that was started anew begins a new story.
    pub(super) fn update(&mut self, container: Container) {
        if container.restarts != self.container.restarts {
            // What was followed while it lived is the beginning of how it ended.
            let told = std::mem::take(&mut self.story);
            self.forgotten += self
                .before
                .replace(told)
                .map_or(0, |before| before.unclassified);
            // Its last words are still to come; they are newer than what was seen.
            self.seen_before = self.seen.take();
            self.asked_before = false;
            self.read_all = None;
        }
        self.container = container;
    }

    /// The moment at which what it said counts, by its node's clock: its end, or now.
    pub fn moment(&self, now: Timestamp) -> Timestamp {
        match (self.container.running, self.container.ended) {
            (None, Some((_, ended))) => ended,
            _ => now - self.behind,
        }
    }

    /// What makes it come after others.
    pub(super) fn burden(&self) -> Burden {
        self.burden
    }

    /// Reads on.
    pub(super) async fn wind(
        &mut self,
        visit: &mut Visit,
        budget: &mut Budget,
        now: Timestamp,
    ) -> Result<(), Unread> {
        // An attempt may end while it waits.
        let burden = std::mem::replace(&mut self.burden, Burden::Unread);
        let before = self.last_words(visit, budget).await;
        let present = self.present(visit, budget, now).await;
        self.burden = match &present {
            Ok(true) => Burden::Long,
            Ok(false) | Err(Unread::Nothing) => Burden::None,
            Err(Unread::Part(_)) => burden.max(Burden::Long),
            Err(Unread::Verdict(_)) => Burden::Unread,
        };
        match (present, before) {
            (Ok(_), Err(Unread::Verdict(why))) => Err(Unread::Part(Evidence::from(format!(
                "how it ended before: {}",
                why.evidence()
            )))),
            (present, _) => present.map(|_| ()),
        }
    }

    /// Reads on in what it says now; says whether there is more.
    async fn present(
        &mut self,
        visit: &mut Visit,
        budget: &mut Budget,
        now: Timestamp,
    ) -> Result<bool, Unread> {
        let running = self.container.running;
        let over = self.container.ended.filter(|_| running.is_none());
        let Some(began) = running.or(over.map(|(began, _)| began)) else {
            return Ok(false);
        };
        let first = self.seen.is_none_or(|seen| seen < began);
        let from = if first {
            began
        } else {
            self.seen.unwrap_or(began)
        };
        let piece = self.read(visit, budget, (from, self.seen), false).await?;
        // What was not there at that look was written after it, whatever the node's clock says.
        if let (Some(looked), Some((written, _))) = (self.read_all, piece.lines.first()) {
            self.behind = looked.duration_since(*written).max(SignedDuration::ZERO);
        }
        let more = self.take(piece, from);
        self.read_all = (!more).then_some(now);
        let now = self.moment(now);
        if !more
            || self
                .seen
                .is_none_or(|seen| now.duration_since(seen) <= BEHIND)
        {
            return Ok(more);
        }
        // The beginning was told; what lies between it and the present is left out.
        let present = now - if first { PRESENT } else { REST };
        self.seen = self.seen.max(Some(present));
        let piece = match self.read(visit, budget, (present, self.seen), false).await {
            // Its share is used up: the present comes with the next look.
            Err(Unread::Part(_)) => return Ok(true),
            piece => piece?,
        };
        self.take(piece, present);
        Ok(true)
    }

    /// Fault lines that no rule knows, of this container and of those before.
    pub fn unclassified(&self) -> u64 {
        self.forgotten
            + self.story.unclassified
            + self.before.as_ref().map_or(0, |before| before.unclassified)
    }

    /// The end of the container before, once it could be read.
    async fn last_words(&mut self, visit: &mut Visit, budget: &mut Budget) -> Result<(), Unread> {
        let Some((began, ended)) = self
            .container
            .ended
            .filter(|_| self.container.running.is_some())
        else {
            return Ok(());
        };
        if self.asked_before {
            return Ok(());
        }
        // Nothing is lost of what is known when this fails, or is given up.
        let mut story = self.before.clone().unwrap_or_default();
        let mut after = self.seen_before;
        for _ in 0..2 {
            let from = after.unwrap_or(began).max(began).max(ended - LAST_WORDS);
            let piece = match self.read(visit, budget, (from, after), true).await {
                Ok(piece) => piece,
                // The kubelet may have thrown it away.
                Err(Unread::Nothing) => break,
                Err(why) => return Err(why),
            };
            for (at, line) in &piece.lines {
                tell(&mut story, self.wanted, *at, line);
                after = Some(*at);
            }
            if !piece.cut {
                break;
            }
        }
        (self.before, self.seen_before, self.asked_before) = (Some(story), None, true);
        Ok(())
    }

    /// Takes in what was read from some time on; says whether there is more.
    fn take(&mut self, piece: Piece, from: Timestamp) -> bool {
        if piece.cut && piece.lines.is_empty() {
            // One second holds more than is read at once: its rest is left out.
            self.seen = Some(from + SignedDuration::from_secs(1));
        }
        for (at, line) in piece.lines {
            tell(&mut self.story, self.wanted, at, &line);
            self.seen = Some(at);
        }
        piece.cut
    }

    async fn read(
        &self,
        visit: &mut Visit,
        budget: &mut Budget,
        (from, after): (Timestamp, Option<Timestamp>),
        previous: bool,
    ) -> Result<Piece, Unread> {
        let Some(share) = budget.share() else {
            return Err(Unread::Part(Evidence::from(
                "more is written than is read in a minute",
            )));
        };
        let Container {
            namespace,
            pod,
            name,
            ..
        } = &self.container;
        // The API server counts whole seconds; lines up to `after` were read before, and are left out again below.
        let since = Timestamp::from_second(from.as_second()).unwrap_or(from);
        let previous_too = if previous { "&previous=true" } else { "" };
        let path = format!(
            "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={name}&timestamps=true&sinceTime={since}&limitBytes={share}{previous_too}"
        );
        let answer = visit.get(&path).await.map_err(Unread::Verdict)?;
        match answer.status.as_u16() {
            200 => {}
            // A container that waits for its start, or a pod that is gone.
            400 | 404 => return Err(Unread::Nothing),
            403 => {
                let why = format!(
                    "this exporter's account may not get pods/log in the namespace {namespace}"
                );
                return Err(Unread::Verdict(Verdict::Unknown(Evidence::from(why))));
            }
            _ => {
                let why = format!(
                    "the log of {pod} could not be read: {} {}",
                    answer.status,
                    answer.quoted()
                );
                return Err(Unread::Verdict(Verdict::Unknown(Evidence::from(why))));
            }
        }
        budget.take(answer.body.len());
        let cut = answer.cut || answer.body.len() + 1 >= share;
        Ok(Piece {
            lines: lines(&answer.body, cut, after),
            cut,
        })
    }
}

/// Takes a line into a story, if it is of interest there.
fn tell(story: &mut Story, wanted: Option<&[FailureMode]>, at: Timestamp, line: &str) {
    let line = log_line(line);
    let of_interest = |mode| wanted.is_none_or(|wanted| wanted.contains(&mode));
    if line.reading.mode().is_none_or(of_interest) {
        story.tell(at, line);
    }
}

/// The lines of a log with their times, without those that were read before and without a last one that is cut off.
fn lines(body: &[u8], cut: bool, after: Option<Timestamp>) -> Vec<(Timestamp, String)> {
    let whole = if cut {
        body.iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(body, |end| &body[..end])
    } else {
        body
    };
    let mut lines = Vec::new();
    for line in whole.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(&line[..line.len().min(MAX_LINE)]);
        let Some((time, text)) = line.split_once(' ') else {
            continue;
        };
        let Ok(at) = time.parse::<Timestamp>() else {
            continue;
        };
        if after.is_none_or(|after| at > after) {
            lines.push((at, text.to_owned()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_left_out_and_what_is_cut_off_waits() {
        let body = b"2026-11-22T13:00:01.5Z one\n2026-11-22T13:00:02.25Z two\nno time\n2026-11-22T13:00:03Z thr";
        let after = Some("2026-11-22T13:00:01.5Z".parse().expect("a time"));
        let texts = |lines: Vec<(Timestamp, String)>| {
            lines.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(texts(lines(body, false, None)), ["one", "two", "thr"]);
        assert_eq!(texts(lines(body, true, after)), ["two"]);
    }

    #[test]
    fn a_long_line_is_cut() {
        let body = format!("2026-11-22T13:00:01Z {}\n", "ä".repeat(MAX_LINE));
        let lines = lines(body.as_bytes(), false, None);
        assert!(lines[0].1.len() <= MAX_LINE + 3, "{}", lines[0].1.len());
    }
}
