//! Word between nodes: each tells the others which mailboxes it changed, after the commit, and each
//! looks for itself when it may have missed a word.
//!
//! One thread speaks: it gathers what was published and sends it, and a beat when there is nothing to
//! say. One thread hears, on a connection of its own. Notices are numbered: after a gap, a silence, or a
//! new connection, the mailboxes that sessions of this process watch are read again, a few hundred a
//! query; where nothing can be heard that is done now and then. Nothing else polls. A notice that is
//! lost, late or doubled is harmless (invariant 8).

mod notice;
mod outbox;
mod peers;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::holder::Holder;
use super::{Changes, clock};
use crate::job::{Change, MailboxKey};
use crate::limits::WATCHED_IN_QUERY_MAX;
use crate::model::ModSeq;
use crate::store::{Failure, Line, Store};

use notice::Writer;
pub(super) use outbox::Outbox;
use peers::{Heard, Peers};

/// How a node hears of what others changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// It is told.
    Listen,
    /// It looks, because it cannot be told.
    Poll,
}

/// How nodes keep each other informed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// How this one hears.
    pub hearing: Hearing,
    /// Between two looks at what is watched, while nothing can be heard.
    pub poll_interval: Duration,
    /// Between two words of a node that has nothing to say.
    pub beat: Duration,
}

impl NodeSettings {
    /// Between two words of a node that has nothing to say, unless a test is in a hurry.
    pub const BEAT: Duration = Duration::from_secs(5);

    /// A node that was not heard for so long is dead, or cannot be heard.
    fn silence(&self) -> Duration {
        self.beat * 8 / 5
    }

    /// Who does not hear even himself for so long is deaf.
    fn deafness(&self) -> Duration {
        self.beat * 3
    }
}

/// What is said within this time goes out together.
const GATHERING: Duration = Duration::from_millis(5);
/// After something could not be sent.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two tries to listen.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Between two looks at everything that is watched.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// A thread that waits for the server looks up so often, to see whether it shall end.
const LOOK_UP: Duration = Duration::from_secs(2);
/// How long the end waits for the last word to be sent.
const END_PATIENCE: Duration = Duration::from_secs(3);

/// The two threads; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Nodes {
    outbox: Arc<Outbox>,
    /// Disconnected when both have given back the store.
    ended: Receiver<()>,
}

impl Nodes {
    /// Starts to send what is put into `outbox`, and to publish to `changes` what others say.
    pub(super) fn start(
        store: &Store,
        outbox: Arc<Outbox>,
        changes: &Arc<Changes>,
        settings: NodeSettings,
    ) -> std::io::Result<Self> {
        let name = Holder::ourselves().name();
        let (at_the_end, ended) = bounded::<()>(0);
        let nodes = Self { outbox: Arc::clone(&outbox), ended };
        let speaker = Speaker {
            writer: Writer::of_node(&name),
            beat: settings.beat,
            store: store.clone(),
            outbox: Arc::clone(&outbox),
            at_the_end: at_the_end.clone(),
        };
        let hearer = Hearer {
            peers: Peers::new(&name, settings.silence()),
            settings,
            store: store.clone(),
            outbox,
            changes: Arc::clone(changes),
            seen: HashMap::new(),
            look_at: None,
            twice: false,
            looked: clock::now(),
            is_blind: false,
            is_deaf: false,
            at_the_end,
        };
        // Who hears is there before who speaks: a node's first word is heard by itself.
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        thread("hear").spawn(move || hearer.run())?;
        thread("speak").spawn(move || speaker.run())?;
        Ok(nodes)
    }
}

impl Drop for Nodes {
    /// What waits to be said is said.
    fn drop(&mut self) {
        self.outbox.stop();
        let _ended_or_not = self.ended.recv_timeout(END_PATIENCE);
    }
}

/// Tells the nodes on `store` what a program changed that is none of them.
pub(super) fn tell(store: &Store, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    let notices = Writer::of_visitor(&Holder::ourselves().name()).write(changes.iter().copied());
    if let Err(failure) = store.notify(&notices) {
        log::warn!("nodes: clients will see this late: {failure}");
    }
}

/// Sends.
struct Speaker {
    writer: Writer,
    beat: Duration,
    // Given back before the end is told: fields are dropped in order.
    store: Store,
    outbox: Arc<Outbox>,
    #[expect(dead_code, reason = "dropped at the end")]
    at_the_end: Sender<()>,
}

impl Speaker {
    fn run(mut self) {
        let (mut due, mut is_mute) = (clock::now(), false);
        loop {
            let taken = self.outbox.take(due);
            if taken.is_cut {
                log::warn!("nodes: too much changed at once to be told; the others will look");
                self.writer.skip();
            }
            let mut notices = self.writer.write(taken.changes.into_iter());
            if taken.is_stopped {
                notices.push(self.writer.goodbye());
            }
            let sent = self.store.notify(&notices);
            if taken.is_stopped {
                return;
            }
            // What was not sent is not sent again: its number is missing, and the others look.
            match &sent {
                Ok(()) if is_mute => log::info!("nodes: the others hear us again"),
                Err(failure) if !is_mute => log::warn!("nodes: the others are not told: {failure}"),
                Ok(()) | Err(_) => {}
            }
            is_mute = sent.is_err();
            if !is_mute {
                self.outbox.note_sent();
            }
            due = clock::now() + self.beat;
            self.outbox.rest(if is_mute { PAUSE } else { GATHERING });
        }
    }
}

/// Hears, and looks.
struct Hearer {
    settings: NodeSettings,
    peers: Peers,
    changes: Arc<Changes>,
    /// What was found at the last look.
    seen: HashMap<MailboxKey, ModSeq>,
    /// When to look next, if there is a reason to.
    look_at: Option<Instant>,
    /// And once more a beat later: who begins to watch meanwhile has read what came before.
    twice: bool,
    looked: Instant,
    /// The last look failed.
    is_blind: bool,
    /// Listening was of no use.
    is_deaf: bool,
    store: Store,
    outbox: Arc<Outbox>,
    #[expect(dead_code, reason = "dropped at the end")]
    at_the_end: Sender<()>,
}

impl Hearer {
    fn run(mut self) {
        match self.settings.hearing {
            Hearing::Listen => self.listen(),
            Hearing::Poll => {
                log::info!("nodes: what others change is looked for, not told (listen = \"poll\")");
                while !self.outbox.rest(self.settings.poll_interval) {
                    self.look();
                }
            }
        }
    }

    /// Listens for as long as the node lives, on one connection after the other.
    fn listen(&mut self) {
        let mut retry = RETRY_MIN;
        loop {
            let since = clock::now();
            let failure = match self.store.listen() {
                Ok(line) => self.hear(line),
                Err(failure) => Some(failure),
            };
            if self.outbox.is_stopped() {
                return;
            }
            if clock::now() > since + self.settings.deafness() {
                retry = RETRY_MIN; // it went well for a while
            }
            match failure {
                Some(failure) if retry <= RETRY_MIN * 2 => {
                    log::warn!(
                        "nodes: the others are not heard, a new connection is made: {failure}"
                    );
                }
                Some(failure) => log::debug!("nodes: still not heard: {failure}"),
                None if std::mem::replace(&mut self.is_deaf, true) => {}
                None => log::warn!(
                    "nodes: not even our own word came back in {:?}; if a pooler is in between, set \
                     [database] listen = \"poll\"",
                    self.settings.deafness()
                ),
            }
            if self.outbox.rest(retry) {
                return;
            }
            retry = (retry * 2).min(RETRY_MAX);
            if clock::now() >= self.looked + self.settings.poll_interval {
                self.look(); // there may be no connection for this, yet others for all else
            }
        }
    }

    /// Hears until the line is dead, which `None` says of one that is only deaf.
    fn hear(&mut self, mut line: Line) -> Option<Failure> {
        // Whatever was said before was not heard.
        let now = clock::now();
        self.peers.were_not_heard(now);
        self.doubt(now);
        self.outbox.ask();
        let mut deaf_at = clock::now() + self.settings.deafness();
        let (mut is_heard, mut sent) = (false, self.outbox.sent());
        while !self.outbox.is_stopped() {
            let now = clock::now();
            if now >= deaf_at {
                // Who has said nothing cannot hear himself.
                if self.outbox.sent() > sent {
                    return None;
                }
                deaf_at = now + self.settings.beat;
            }
            if self.peers.forget_silent(now) {
                self.doubt(now);
            }
            if !is_heard {
                self.look_by(self.looked + self.settings.poll_interval);
            }
            if self.look_at.is_some_and(|at| at <= now) {
                self.look();
            }
            match line.next(self.next_due(now)) {
                Ok(None) => {}
                Err(failure) => return Some(failure),
                Ok(Some(payload)) => {
                    let now = clock::now();
                    match self.peers.hear(&payload, now) {
                        Heard::Ours => {
                            if !is_heard {
                                log::info!("nodes: what others change is heard");
                            }
                            (is_heard, self.is_deaf) = (true, false);
                            sent = self.outbox.sent();
                            deaf_at = now + self.settings.deafness();
                        }
                        Heard::Changes(changes) => self.publish(changes),
                        Heard::Gap(changes) => {
                            self.publish(changes);
                            self.doubt(now);
                        }
                        Heard::Unknown => self.doubt(now),
                    }
                }
            }
        }
        None
    }

    /// For how long there is nothing to do but to hear.
    fn next_due(&self, now: Instant) -> Duration {
        let dues = [self.look_at, self.peers.next_silence()].into_iter().flatten();
        let due = dues.map(|at| at.saturating_duration_since(now)).min();
        due.unwrap_or(LOOK_UP).min(LOOK_UP)
    }

    fn publish(&self, changes: Vec<Change>) {
        changes.into_iter().for_each(|change| self.changes.publish_here(change));
    }

    /// Something may have been missed. Who doubts often looks once a second.
    fn doubt(&mut self, now: Instant) {
        self.twice = true;
        self.look_by(now.max(self.looked + LOOK_PAUSE));
    }

    fn look_by(&mut self, at: Instant) {
        self.look_at = Some(self.look_at.map_or(at, |planned| planned.min(at)));
    }

    /// Reads again what is watched, and tells of what has changed since the last look.
    fn look(&mut self) {
        self.looked = clock::now();
        self.look_at = None;
        let mut seen = HashMap::new();
        let looked = self.look_into(&mut seen);
        self.seen = seen;
        match looked {
            Ok(()) => {
                self.is_blind = false;
                if std::mem::take(&mut self.twice) {
                    self.look_by(self.looked + self.settings.beat);
                }
            }
            Err(failure) => {
                if !std::mem::replace(&mut self.is_blind, true) {
                    log::warn!("nodes: what others changed cannot be read: {failure}");
                }
                self.look_by(self.looked + LOOK_PAUSE);
            }
        }
    }

    fn look_into(&self, seen: &mut HashMap<MailboxKey, ModSeq>) -> Result<(), Failure> {
        for some in self.changes.watched().chunks(WATCHED_IN_QUERY_MAX) {
            for change in self.store.mod_seqs(some)? {
                seen.insert(change.mailbox, change.mod_seq);
                if self.seen.get(&change.mailbox) != Some(&change.mod_seq) {
                    self.changes.publish_here(change);
                }
            }
        }
        Ok(())
    }
}
