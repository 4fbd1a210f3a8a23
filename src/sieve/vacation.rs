//! `vacation` (RFC 5230, RFC 6131): who is answered, and with what. Whether the same answer was sent
//! lately is for the store to know: the action says what makes two answers the same.

use std::collections::VecDeque;
use std::fmt::Write as _;

use parser::message::header::message_ids;
use parser::message::{Address, Addresses};
use parser::sieve::Position;
use parser::sieve::tree::{self, Content, Piece, Text};
use sha2::{Digest as _, Sha256};

use super::action::{Action, Vacation};
use super::command::Told;
use super::compose;
use super::limits::Budget;
use super::run::{Halt, Work, World};
use super::scope::cut;
use crate::limits::{
    SIEVE_MESSAGE_ID_BYTES_MAX, SIEVE_QUOTED_BYTES_MAX, SIEVE_REFERENCES_BYTES_MAX,
    SIEVE_VACATION_SECONDS, SIEVE_VACATION_SECONDS_MAX,
};

impl World<'_> {
    pub(super) fn vacation(
        &mut self,
        at: Position,
        vacation: &tree::Vacation,
        work: &mut Work,
    ) -> Told {
        // §4.7.
        if self.answered {
            return Err(Halt::error("\"vacation\" can be used once only"));
        }
        let rejects = |done: &super::action::Done| matches!(done.action, Action::Reject { .. });
        if self.ledger.list.iter().any(rejects) {
            return Err(Halt::error("\"reject\" and \"vacation\" exclude each other"));
        }
        let given = match &vacation.from {
            Some(from) => Some(self.mailbox_list(from)?),
            None => None,
        };
        let also = vacation.addresses.iter().map(|text| self.mail_address(text));
        let also: Vec<String> = also.collect::<Result<_, _>>()?;
        let reason = compose::crlf(&self.names().string(&vacation.reason));
        let header = reason.split("\r\n\r\n").next().unwrap_or_default();
        if vacation.mime && !header.is_ascii() {
            return Err(Halt::error("the header of the reason must be ASCII")); // §5
        }
        let fcc = vacation.fcc.as_ref().map(|fcc| self.fcc(fcc, work)).transpose()?;
        let ours = match self.may_answer(&also, &mut work.budget)? {
            Ok(ours) => ours,
            Err(why) => {
                self.answered = true;
                return Ok(self.told(|| format!("vacation: no answer, for {why}")));
            }
        };
        let (id, references) = self.thread(&mut work.budget)?;
        let subject = match &vacation.subject {
            Some(subject) => quoted(self.names().text(subject).into_owned()),
            None => self.subject_of_answer(&mut work.budget)?,
        };
        let answer = Vacation {
            to: self.envelope.from.clone().into_owned(),
            handle: self.handle(vacation),
            seconds: vacation
                .seconds
                .unwrap_or(SIEVE_VACATION_SECONDS)
                .min(SIEVE_VACATION_SECONDS_MAX),
            from: self.sender(given, ours),
            subject,
            mime: vacation.mime,
            reason,
            in_reply_to: id,
            references,
            fcc,
        };
        let told = self.told(|| format!("vacation: answer to {}", answer.to));
        self.answered = true;
        self.add_action(at, Action::Vacation(Box::new(answer)))?;
        Ok(told)
    }

    /// Which of the user's addresses the message was sent to, if it may be answered; otherwise why
    /// not (RFC 5230 §4.5 and §4.6, RFC 3834 §2; pitfall 30).
    fn may_answer(
        &self,
        also: &[String],
        budget: &mut Budget,
    ) -> Result<Result<String, &'static str>, Halt> {
        let from = &*self.envelope.from;
        if from.is_empty() {
            return Ok(Err("there is nobody to answer"));
        }
        let known = self.facts.addresses.iter().copied().chain([&*self.envelope.to]);
        let known: Vec<&str> = known.chain(also.iter().map(String::as_str)).collect();
        let is_ours = |address: &str| known.iter().any(|known| known.eq_ignore_ascii_case(address));
        if is_ours(from) {
            return Ok(Err("it is from the user"));
        }
        if is_automatic(from) {
            return Ok(Err("the sender is a program"));
        }
        if LIST_FIELDS.iter().any(|name| self.message.first(name).is_some()) {
            return Ok(Err("it is from a mailing list"));
        }
        if self.is_automatic() {
            return Ok(Err("it was sent by a program"));
        }
        let precedence =
            self.message.first("Precedence").map(|value| value.text().to_ascii_lowercase());
        if precedence.is_some_and(|value| matches!(&*value, b"bulk" | b"list" | b"junk")) {
            return Ok(Err("it is bulk mail"));
        }
        let suppressed = self.message.first("X-Auto-Response-Suppress").is_some_and(|value| {
            let value = value.text().to_ascii_lowercase();
            value
                .split(|byte| matches!(byte, b',' | b' '))
                .any(|w| matches!(w, b"all" | b"oof" | b"autoreply"))
        });
        if suppressed {
            return Ok(Err("its sender wants no answer"));
        }
        for name in ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"] {
            for value in self.message.values(0, name.as_bytes()) {
                budget.steps(value.len())?;
                let line = value.line();
                for address in Addresses::new(&line) {
                    budget.steps(known.len())?;
                    let Address::Mailbox(mailbox) = address else { continue };
                    let domain = mailbox.domain.as_deref().unwrap_or_default();
                    let address = compose::path(&mailbox.local, domain);
                    if is_ours(&address) {
                        return Ok(Ok(address));
                    }
                }
            }
        }
        Ok(Err("it was not sent to the user by name"))
    }

    /// An `Auto-Submitted:` with another value than `no` (RFC 3834 §5), whoever has put others beside it.
    pub(super) fn is_automatic(&self) -> bool {
        self.message.values(0, b"Auto-Submitted").any(|value| {
            let value = value.text();
            let end = value.iter().position(|byte| matches!(byte, b';' | b'(' | b' ' | b'\t'));
            !value.get(..end.unwrap_or(value.len())).unwrap_or_default().eq_ignore_ascii_case(b"no")
        })
    }

    /// §4.3: what `:from` says, if it is the user's; otherwise that address of the owner the message
    /// was sent to, or his first.
    fn sender(&self, given: Option<(String, Vec<String>)>, ours: String) -> String {
        let known = |address: &str| {
            let known = self.facts.addresses.iter().copied().chain([&*self.envelope.to]);
            known.into_iter().any(|known| known.eq_ignore_ascii_case(address))
        };
        if let Some((text, addresses)) = given
            && addresses.iter().all(|address| known(address))
        {
            return text;
        }
        if known(&ours) {
            return ours;
        }
        self.owner()
    }

    /// The address that the script's owner writes from.
    pub(super) fn owner(&self) -> String {
        self.facts.addresses.first().map_or(&*self.envelope.to, |owner| *owner).to_owned()
    }

    /// The message's subject, as much of it as others may repeat.
    pub(super) fn subject(&self, budget: &mut Budget) -> Result<Option<String>, Halt> {
        Ok(self.quoted("Subject", budget)?.filter(|text| !text.is_empty()))
    }

    /// The beginning of a field, decoded; `None` if there is none of this name.
    pub(super) fn quoted(&self, name: &str, budget: &mut Budget) -> Result<Option<String>, Halt> {
        let Some(value) = self.message.first(name) else { return Ok(None) };
        budget.steps(value.len())?;
        let text = value.text();
        let most = text.len().min(SIEVE_QUOTED_BYTES_MAX + 1);
        Ok(Some(quoted(text.get(..most).unwrap_or_default().to_vec())))
    }

    /// §5.3.
    fn subject_of_answer(&self, budget: &mut Budget) -> Result<String, Halt> {
        let subject = self.subject(budget)?;
        Ok(subject.map_or("Automated reply".into(), |subject| format!("Auto: {subject}")))
    }

    /// `In-Reply-To:` and `References:` (§5.8, RFC 5322 §3.6.4).
    fn thread(&self, budget: &mut Budget) -> Result<(Option<String>, Option<String>), Halt> {
        let mut line = |name| {
            let Some(value) = self.message.first(name) else { return Ok(None) };
            budget.steps(value.len())?;
            Ok(Some(value.line()))
        };
        let id = line("Message-ID")?;
        let Some(id) = ids(id.as_deref().unwrap_or_default()).next() else {
            return Ok((None, None));
        };
        let mut before = line("References")?.unwrap_or_default();
        if ids(&before).next().is_none() {
            before = line("In-Reply-To")?.unwrap_or_default();
            if ids(&before).nth(1).is_some() {
                before = b"".into();
            }
        }
        Ok((Some(text(id)), Some(references(ids(&before), id))))
    }

    /// §4.2: the handle, or all that makes the answer, as written: before variables are put in.
    fn handle(&self, vacation: &tree::Vacation) -> String {
        if let Some(handle) = &vacation.handle {
            return format!("handle:{}", self.source(handle));
        }
        let mut hash = Sha256::new();
        let reason = [Some(&vacation.reason)];
        let strings = [vacation.subject.as_deref(), vacation.from.as_deref()];
        for text in strings.into_iter().chain(reason) {
            let text = text.map(|text| self.source(text));
            // The length keeps one argument from running into the next.
            hash.update(text.as_ref().map_or(-1, |text| text.len() as i64).to_be_bytes());
            hash.update(text.unwrap_or_default());
        }
        hash.update([u8::from(vacation.mime)]);
        let mut handle = String::from("hash:");
        for byte in hash.finalize().iter().take(16) {
            // Writing to a String cannot fail.
            let _written = write!(handle, "{byte:02x}");
        }
        handle
    }

    /// A string as the script has it.
    fn source(&self, text: &Text) -> String {
        let pieces = match &text.content {
            Content::Constant(text) => return text.to_string(),
            Content::Octets(octets) => return String::from_utf8_lossy(octets).into_owned(),
            Content::Pieces(pieces) => pieces,
        };
        let piece = |piece: &Piece| match piece {
            Piece::Literal(text) => text.to_string(),
            Piece::Octets(octets) => String::from_utf8_lossy(octets).into_owned(),
            Piece::Variable(id) => format!("${{{}}}", self.variable_name(*id)),
            Piece::Match(number) => format!("${{{number}}}"),
            Piece::Environment(item) => format!("${{env.{item:?}}}"),
        };
        pieces.iter().map(piece).collect()
    }
}

/// No more of a field than is worth to be repeated.
fn quoted(mut octets: Vec<u8>) -> String {
    cut(&mut octets, SIEVE_QUOTED_BYTES_MAX);
    text(&octets)
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// The ids of a field, without those that no line holds.
fn ids(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    message_ids(line).filter(|id| id.len() <= SIEVE_MESSAGE_ID_BYTES_MAX)
}

/// The ids of a thread, and `id` behind them. Of a long thread the beginning and the end tell most:
/// the first, and as many of the last as fit.
fn references<'a>(mut before: impl Iterator<Item = &'a [u8]>, id: &'a [u8]) -> String {
    let first = before.next();
    let mut last = VecDeque::new();
    let mut bytes = id.len() + first.map_or(0, |first| first.len() + 1);
    for id in before {
        last.push_back(id);
        bytes += id.len() + 1;
        while bytes > SIEVE_REFERENCES_BYTES_MAX
            && let Some(gone) = last.pop_front()
        {
            bytes -= gone.len() + 1;
        }
    }
    let all: Vec<&[u8]> = first.into_iter().chain(last).chain([id]).collect();
    text(&all.join(&b' '))
}

/// RFC 2369, RFC 2919.
const LIST_FIELDS: [&str; 7] = [
    "List-Id",
    "List-Help",
    "List-Subscribe",
    "List-Unsubscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
];

/// §4.6: addresses of programs, which are never answered.
fn is_automatic(address: &str) -> bool {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local).to_ascii_lowercase();
    let names = [
        "mailer-daemon",
        "listserv",
        "majordomo",
        "noreply",
        "no-reply",
        "donotreply",
        "do-not-reply",
        "bounce",
        "bounces",
    ];
    names.contains(&local.as_str())
        || local.ends_with("-request")
        || local.ends_with("-bounces")
        || local.starts_with("owner-")
        || local.starts_with("bounce-")
        || local.starts_with("bounces+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // RFC 5322 §3.6.4
    fn of_a_long_thread_the_beginning_and_the_end_are_taken_over() {
        let check =
            |line: &str, want: &str| assert_eq!(references(ids(line.as_bytes()), b"<z>"), want);
        check("", "<z>");
        check("<a>", "<a> <z>");
        check("<a> <b>\t<c>", "<a> <b> <c> <z>");
        let long = |count: usize| format!("<{}>", "x".repeat(count - 2));
        let (most, more) = (long(SIEVE_MESSAGE_ID_BYTES_MAX), long(SIEVE_MESSAGE_ID_BYTES_MAX + 1));
        check(&format!("<a>{more}{most}{more}<b>"), &format!("<a> {most} <b> <z>"));
        check(&more, "<z>");
        check(&most.repeat(9), &format!("{most} {most} {most} {most} <z>"));
        let middle: String = (0..200_000).map(|nth| format!("<{nth}>")).collect();
        let taken = references(ids(format!("<first>{middle}<last>").as_bytes()), b"<z>");
        assert!(taken.starts_with("<first> <1995") && taken.ends_with(" <199999> <last> <z>"));
        let room = SIEVE_REFERENCES_BYTES_MAX - taken.len();
        assert!(room < "<199000> ".len(), "{room}");
    }

    #[test]
    fn what_is_quoted_has_an_end() {
        assert_eq!(quoted("ä".repeat(600).into()), "ä".repeat(512));
        assert_eq!(quoted(format!("x{}", "ä".repeat(600)).into()), format!("x{}", "ä".repeat(511)));
    }
}
