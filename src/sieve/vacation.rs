//! `vacation` (RFC 5230, RFC 6131): who is answered, and with what. Whether the same answer was sent
//! lately is for the store to know: the action says what makes two answers the same.

use std::fmt::Write as _;

use parser::message::header::message_ids;
use parser::message::{Address, Addresses};
use parser::sieve::Position;
use parser::sieve::tree::{self, Content, Piece, Text};
use sha2::{Digest as _, Sha256};

use super::action::{Action, Vacation};
use super::command::Told;
use super::compose;
use super::run::{Halt, Work, World};
use crate::limits::{
    SIEVE_REFERENCES_BYTES_MAX, SIEVE_VACATION_SECONDS, SIEVE_VACATION_SECONDS_MAX,
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
        let ours = match self.may_answer(&also) {
            Ok(ours) => ours,
            Err(why) => {
                self.answered = true;
                return Ok(self.told(|| format!("vacation: no answer, for {why}")));
            }
        };
        let (id, references) = self.thread();
        let answer = Vacation {
            to: self.envelope.from.clone().into_owned(),
            handle: self.handle(vacation),
            seconds: vacation
                .seconds
                .unwrap_or(SIEVE_VACATION_SECONDS)
                .min(SIEVE_VACATION_SECONDS_MAX),
            from: self.sender(given, ours),
            subject: match &vacation.subject {
                Some(subject) => self.names().string(subject),
                None => self.subject_of_answer(),
            },
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
    fn may_answer(&self, also: &[String]) -> Result<String, &'static str> {
        let from = &*self.envelope.from;
        if from.is_empty() {
            return Err("there is nobody to answer");
        }
        let known = self.facts.addresses.iter().copied().chain([&*self.envelope.to]);
        let known: Vec<&str> = known.chain(also.iter().map(String::as_str)).collect();
        let is_ours = |address: &str| known.iter().any(|known| known.eq_ignore_ascii_case(address));
        if is_ours(from) {
            return Err("it is from the user");
        }
        if is_automatic(from) {
            return Err("the sender is a program");
        }
        if LIST_FIELDS.iter().any(|name| self.message.first(name).is_some()) {
            return Err("it is from a mailing list");
        }
        if self.is_automatic() {
            return Err("it was sent by a program");
        }
        let precedence =
            self.message.first("Precedence").map(|value| value.text().to_ascii_lowercase());
        if precedence.is_some_and(|value| matches!(&*value, b"bulk" | b"list" | b"junk")) {
            return Err("it is bulk mail");
        }
        let suppressed = self.message.first("X-Auto-Response-Suppress").is_some_and(|value| {
            let value = value.text().to_ascii_lowercase();
            value
                .split(|byte| matches!(byte, b',' | b' '))
                .any(|w| matches!(w, b"all" | b"oof" | b"autoreply"))
        });
        if suppressed {
            return Err("its sender wants no answer");
        }
        for name in ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"] {
            for value in self.message.values(0, name.as_bytes()) {
                let line = value.line();
                for address in Addresses::new(&line) {
                    let Address::Mailbox(mailbox) = address else { continue };
                    let domain = mailbox.domain.as_deref().unwrap_or_default();
                    let address = compose::path(&mailbox.local, domain);
                    if is_ours(&address) {
                        return Ok(address);
                    }
                }
            }
        }
        Err("it was not sent to the user by name")
    }

    /// An `Auto-Submitted:` with another value than `no` (RFC 3834 §5).
    pub(super) fn is_automatic(&self) -> bool {
        self.message.first("Auto-Submitted").is_some_and(|value| {
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

    pub(super) fn subject(&self) -> Option<String> {
        let subject = self.message.first("Subject")?;
        let text = String::from_utf8_lossy(&subject.text()).into_owned();
        (!text.is_empty()).then_some(text)
    }

    /// §5.3.
    fn subject_of_answer(&self) -> String {
        self.subject().map_or("Automated reply".into(), |subject| format!("Auto: {subject}"))
    }

    /// `In-Reply-To:` and `References:` (§5.8, RFC 5322 §3.6.4).
    fn thread(&self) -> (Option<String>, Option<String>) {
        let value = |name| self.message.first(name).map(|value| value.line().into_owned());
        let ids = |value: &[u8]| -> Vec<String> {
            message_ids(value).map(|id| String::from_utf8_lossy(id).into_owned()).collect()
        };
        let Some(id) = value("Message-ID").and_then(|value| ids(&value).into_iter().next()) else {
            return (None, None);
        };
        let mut references = value("References").map_or(Vec::new(), |value| ids(&value));
        if references.is_empty() {
            let before = value("In-Reply-To").map_or(Vec::new(), |value| ids(&value));
            references = if before.len() == 1 { before } else { Vec::new() };
        }
        references.push(id.clone());
        // Of a long thread the beginning and the end tell most.
        while references.iter().map(|id| id.len() + 1).sum::<usize>() > SIEVE_REFERENCES_BYTES_MAX
            && references.len() > 2
        {
            references.remove(1);
        }
        (Some(id), Some(references.join(" ")))
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
