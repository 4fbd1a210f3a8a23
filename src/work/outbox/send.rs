//! One message on its way: read, given to the relay, and its row settled.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::RelaySettings;
use super::client::{Client, Letter, Unreachable, Verdict};
use super::compose;
use super::sendmail;
use super::srs::Srs;
use super::tls::Trust;
use crate::crash_point;
use crate::store::{Failure, NewOutgoing, Outgoing, OutgoingKind, Store};
use crate::work::clock;
use crate::work::trace::Journey;

/// From one try to the next; the last stands for all that follow.
const BACKOFF: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(6 * 3_600),
    Duration::from_secs(24 * 3_600),
];
/// Between two tries to write down what cannot be done again.
const WRITTEN_AGAIN: Duration = Duration::from_secs(1);
/// Bytes of what is kept of a relay's words.
const ERROR_BYTES_MAX: usize = 1_000;

/// What came of a message that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Its row says what.
    Settled,
    /// The relay is not there, or does not let us: others would fare the same, and are not tried.
    Unreachable,
}

/// Whoever carries messages; shared by the threads that do.
#[derive(Debug)]
pub(super) struct Carrier<'a> {
    store: &'a Store,
    settings: RelaySettings,
    trust: Trust,
    srs: Option<Srs>,
    stop: &'a AtomicBool,
    stops: &'a Receiver<()>,
    /// What was handed out is handed back untried.
    away: AtomicBool,
}

impl<'a> Carrier<'a> {
    pub(super) fn new(
        store: &'a Store,
        settings: RelaySettings,
        stop: &'a AtomicBool,
        stops: &'a Receiver<()>,
    ) -> Self {
        let trust = Trust::new(settings.relay.clone());
        let srs = Srs::of(&settings.relay);
        Self { store, settings, trust, srs, stop, stops, away: AtomicBool::new(false) }
    }

    /// It is to be tried again, though it was not there.
    pub(super) fn try_again(&self) {
        self.away.store(false, Ordering::Relaxed);
    }

    /// What was handed out and is not begun shall be handed back: the lease is another's.
    pub(super) fn stay_away(&self) {
        self.away.store(true, Ordering::Relaxed);
    }

    /// Puts off a message on whose way something broke that is no fault of the relay, so that it does
    /// not stand before the others for ever.
    pub(super) fn put_off(&self, outgoing: &Outgoing, why: &str) {
        let later = Verdict::Later(why.to_owned());
        self.settle(outgoing, vec![later; outgoing.recipients.len()]);
    }

    /// Sends one message, on `line` if there is one, which may be of use for the next.
    pub(super) fn carry(&self, line: &mut Option<Client>, outgoing: &Outgoing) -> Sent {
        if self.stop.load(Ordering::Relaxed) {
            return Sent::Settled; // it stays for later
        }
        if self.away.load(Ordering::Relaxed) {
            return Sent::Unreachable;
        }
        let (outgoing, message) = match self.read(outgoing) {
            Ok(Some(read)) => read,
            Ok(None) => return Sent::Settled,
            Err(failure) => {
                log::error!("outbox: {failure}");
                self.put_off(outgoing, &failure.to_string());
                return Sent::Settled;
            }
        };
        let outgoing = &outgoing;
        crash_point!("outbox: read, not sent");
        // The row keeps the true one, which is told if it comes to nothing.
        let sender = match &self.srs {
            Some(srs) if outgoing.kind == OutgoingKind::Redirect => {
                srs.forward(&outgoing.sender, clock::today())
            }
            _ => Cow::Borrowed(outgoing.sender.as_str()),
        };
        let letter = Letter {
            sender: &sender,
            recipients: &outgoing.recipients,
            options: &outgoing.options,
            message: &message,
            now: clock::today(),
        };
        let looped = Journey::of(&message).has_been_everywhere();
        let verdicts = if looped {
            // RFC 5321 §6.3
            let never = Verdict::Never("it goes in circles: too many Received fields".to_owned());
            Ok(vec![never; outgoing.recipients.len()])
        } else {
            self.transmit(line, &letter)
        };
        crash_point!("outbox: sent, row not removed");
        match verdicts {
            Ok(verdicts) => {
                self.settle(outgoing, verdicts);
                Sent::Settled
            }
            Err(Unreachable(why)) => {
                self.away.store(true, Ordering::Relaxed);
                let later = Verdict::Later(why);
                self.settle(outgoing, vec![later; outgoing.recipients.len()]);
                Sent::Unreachable
            }
        }
    }

    /// The row and its message as they are now. `None` if somebody has removed it, or tried it since it
    /// was handed out: it waited, and the lease may have been another's.
    fn read(&self, handed_out: &Outgoing) -> Result<Option<(Outgoing, Vec<u8>)>, Failure> {
        let Some(now) = self.store.outgoing(handed_out.id)? else { return Ok(None) };
        if now.is_dead || now.due_at != handed_out.due_at {
            return Ok(None);
        }
        let message = self.store.outgoing_message(now.id)?;
        Ok(message.map(|message| (now, message)))
    }

    /// Ends a connection that nothing waits for.
    pub(super) fn hang_up(&self, line: &mut Option<Client>) {
        if let Some(client) = line.take() {
            client.quit();
        }
    }

    fn transmit(
        &self,
        line: &mut Option<Client>,
        letter: &Letter<'_>,
    ) -> Result<Vec<Verdict>, Unreachable> {
        let RelaySettings { relay, remote, hostname } = &self.settings;
        let Some(remote) = remote else {
            return sendmail::send(&relay.sendmail, letter, self.stops);
        };
        loop {
            let mut client = match line.take() {
                Some(client) => client,
                None => Client::connect(relay, remote, &self.trust, hostname)?,
            };
            let was_used = client.is_used();
            match client.send(letter) {
                Ok(verdicts) => {
                    *line = Some(client).filter(|client| !client.is_broken());
                    return Ok(verdicts);
                }
                Err(_) if was_used => {} // it was closed since the last message
                Err(Unreachable(why)) => return Err(Unreachable(format!("{remote}: {why}"))),
            }
        }
    }

    /// Removes the row, or says in it who has not got the message yet, and when to try again.
    fn settle(&self, outgoing: &Outgoing, verdicts: Vec<Verdict>) {
        let id = outgoing.id;
        let (mut failed, mut is_final) = (Vec::new(), true);
        for (recipient, verdict) in outgoing.recipients.iter().zip(verdicts) {
            match verdict {
                Verdict::Taken(said) => log::info!(
                    "outbox: {id} ({}) from <{}> to <{}>: sent: {said}",
                    outgoing.kind.name(),
                    outgoing.sender.escape_debug(),
                    recipient.escape_debug(),
                ),
                Verdict::Later(why) => {
                    is_final = false;
                    failed.push((recipient.clone(), why));
                }
                Verdict::Never(why) => failed.push((recipient.clone(), why)),
            }
        }
        if failed.is_empty() {
            self.until_written(|| self.store.remove_outgoing(id).map(drop));
            return;
        }
        let left: Vec<String> = failed.iter().map(|(to, _)| to.clone()).collect();
        let told = |(to, why): &(String, String)| format!("<{}>: {why}", to.escape_debug());
        let mut error = failed.iter().map(told).collect::<Vec<_>>().join("; ");
        error.truncate(error.floor_char_boundary(ERROR_BYTES_MAX));
        let attempts = outgoing.attempts.saturating_add(1);
        // Of several recipients some may be refused for good: they are asked again with the others.
        let is_dead = is_final || attempts >= self.settings.relay.max_attempts;
        let pause = (!is_dead).then(|| backoff(attempts));
        match pause {
            Some(pause) => {
                let seconds = pause.as_secs();
                log::warn!("outbox: {id}: not sent, tried again in {seconds} s: {error}");
            }
            None => log::error!(
                "outbox: {id} ({}) from <{}>: not sent after {attempts} tries, and given up: {error}; \
                 see sora-admin outbox show --id {id}",
                outgoing.kind.name(),
                outgoing.sender.escape_debug(),
            ),
        }
        let micros = pause.map(|pause| i64::try_from(pause.as_micros()).unwrap_or(i64::MAX));
        let report = if is_dead { self.report(outgoing, &failed) } else { None };
        let report = report.as_ref();
        self.until_written(|| self.store.postpone_outgoing(id, &left, micros, &error, report));
    }

    /// What the sender is told, if it is to be told anything.
    fn report(&self, outgoing: &Outgoing, failed: &[(String, String)]) -> Option<NewOutgoing> {
        let message = self.store.outgoing_message(outgoing.id).unwrap_or_else(|failure| {
            log::error!("outbox: {failure}");
            None
        });
        let message = message.unwrap_or_default();
        compose::undelivered(outgoing, failed, &message, &self.settings.hostname, clock::today())
    }

    /// What another server has taken must not be sent again for as long as we live to know it.
    fn until_written(&self, mut write: impl FnMut() -> Result<(), Failure>) {
        while let Err(failure) = write() {
            log::error!("outbox: {failure}");
            let ended = self.stops.recv_timeout(WRITTEN_AGAIN);
            if ended == Err(crossbeam_channel::RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }
}

/// After so many tries.
fn backoff(attempts: u32) -> Duration {
    let nth = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let [.., last] = BACKOFF;
    BACKOFF.get(nth).copied().unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_day() {
        let minutes: Vec<u64> = (1..9).map(|tries| backoff(tries).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 5, 15, 60, 360, 1_440, 1_440, 1_440]);
    }
}
