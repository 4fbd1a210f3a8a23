//! A conversation with the relay, by SMTP (RFC 5321) or LMTP (RFC 2033): one message after the other
//! on one connection, and for each recipient what became of it.
//!
//! What goes wrong before MAIL is the relay's trouble and no message's: [`Unreachable`].

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use parser::lmtp::Outcome;
use parser::message::header::header_len;
use rustls::ClientConfig;

use super::tls::Trust;
use super::wire::{Answer, FINAL_PATIENCE, PATIENCE, Wire};
use crate::config::{Relay, RelayProtocol, RelayTls, Remote};
use crate::model::Timestamp;
use crate::store::OutgoingOptions;
use crate::work::trace::path;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 64 * 1024;
/// RFC 6531 §3.2.
const NO_UTF8: &str = "the relay takes ASCII addresses only (no SMTPUTF8)";
/// RFC 6531 §3.4.
const NO_UTF8_HEADER: &str = "the relay takes ASCII headers only (no SMTPUTF8)";
/// RFC 6152 §3.
const NO_EIGHT_BIT: &str = "the relay takes 7-bit messages only (no 8BITMIME)";

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter<'a> {
    pub(super) sender: &'a str,
    pub(super) recipients: &'a [String],
    pub(super) options: &'a OutgoingOptions,
    pub(super) message: &'a [u8],
    /// This moment.
    pub(super) now: Timestamp,
}

/// What became of it for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The relay has it, and said this.
    Taken(String),
    /// Not now.
    Later(String),
    /// Never.
    Never(String),
}

/// The relay itself: nothing can be sent at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreachable(pub(super) String);

/// What the relay says it can do, of what we use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Offers {
    starttls: bool,
    plain: bool,
    login: bool,
    eight_bit: bool,
    utf8: bool,
    dsn: bool,
    /// Seconds at least (RFC 2852 §2), 0 for any.
    deliver_by: Option<i64>,
    /// Bytes at most, 0 for unknown (RFC 1870 §4).
    size: Option<u64>,
}

impl Offers {
    /// `ehlo-line`s behind the greeting (RFC 5321 §4.1.1.1).
    fn of(lines: &[String]) -> Self {
        let mut offers = Self::default();
        for line in lines.iter().skip(1) {
            // Some write "AUTH=" as old clients knew it.
            let line = line.to_ascii_uppercase().replace("AUTH=", "AUTH ");
            let mut words = line.split_ascii_whitespace();
            let name = words.next().unwrap_or_default();
            let parameter = words.clone().next();
            match name {
                "STARTTLS" => offers.starttls = true,
                "AUTH" => words.for_each(|mechanism| match mechanism {
                    "PLAIN" => offers.plain = true,
                    "LOGIN" => offers.login = true,
                    _ => {}
                }),
                "8BITMIME" => offers.eight_bit = true,
                "SMTPUTF8" => offers.utf8 = true,
                "DSN" => offers.dsn = true,
                "DELIVERBY" => {
                    offers.deliver_by = Some(parameter.and_then(|p| p.parse().ok()).unwrap_or(0));
                }
                "SIZE" => offers.size = Some(parameter.and_then(|p| p.parse().ok()).unwrap_or(0)),
                _ => {}
            }
        }
        offers
    }
}

/// The relay, greeted, and ready for MAIL.
#[derive(Debug)]
pub(super) struct Client {
    wire: Wire,
    offers: Offers,
    protocol: RelayProtocol,
    /// Messages that were begun on this connection.
    sent: u32,
    /// It ended in the middle.
    is_broken: bool,
}

impl Client {
    /// Connects, greets, begins TLS and logs in, as the settings want it.
    pub(super) fn connect(
        relay: &Relay,
        remote: &Remote,
        tls: &Trust,
        hostname: &str,
    ) -> Result<Self, Unreachable> {
        let trouble = |error: io::Error| Unreachable(format!("{remote}: {error}"));
        let wire = Wire::connect(remote).map_err(trouble)?;
        let offers = Offers::default();
        let mut client = Self { wire, offers, protocol: relay.protocol, sent: 0, is_broken: false };
        client.begin(relay, remote, tls, hostname).map_err(trouble)?;
        Ok(client)
    }

    fn begin(
        &mut self,
        relay: &Relay,
        remote: &Remote,
        tls: &Trust,
        hostname: &str,
    ) -> io::Result<()> {
        let start_tls = |wire: &mut Wire| {
            let Remote::Tcp { host, .. } = remote else {
                return Err(io::Error::other("TLS needs the name of a host"));
            };
            let config: Arc<ClientConfig> = tls.config()?;
            wire.start_tls(config, host)
        };
        if relay.tls == RelayTls::Implicit {
            start_tls(&mut self.wire)?;
        }
        expect(self.wire.answer()?, Outcome::Done)?;
        self.greet(hostname)?;
        let is_wanted = match relay.tls {
            RelayTls::Auto => self.offers.starttls && matches!(remote, Remote::Tcp { .. }),
            RelayTls::StartTls => true,
            RelayTls::Implicit | RelayTls::Never => false,
        };
        if is_wanted {
            if !self.offers.starttls {
                return Err(io::Error::other("it does not offer STARTTLS"));
            }
            expect(self.ask("STARTTLS\r\n")?, Outcome::Done)?;
            start_tls(&mut self.wire)?;
            self.greet(hostname)?; // RFC 3207 §4.2: what it said before counts no more
        }
        if !relay.user.0.is_empty() {
            self.log_in(relay)?;
        }
        Ok(())
    }

    /// `EHLO`, or `LHLO` (RFC 2033 §4.1); a server that does not know it is greeted as of old (RFC 5321
    /// §3.2).
    fn greet(&mut self, hostname: &str) -> io::Result<()> {
        let hello = if self.protocol == RelayProtocol::Lmtp { "LHLO" } else { "EHLO" };
        let answer = self.ask(&format!("{hello} {hostname}\r\n"))?;
        if answer.code.outcome() == Outcome::Done {
            self.offers = Offers::of(&answer.lines);
            return Ok(());
        }
        if self.protocol == RelayProtocol::Lmtp || answer.code.outcome() != Outcome::Never {
            return Err(refused(&answer));
        }
        self.offers = Offers::default();
        expect(self.ask(&format!("HELO {hostname}\r\n"))?, Outcome::Done).map(drop)
    }

    /// `AUTH` (RFC 4954 §4), by PLAIN or by LOGIN.
    fn log_in(&mut self, relay: &Relay) -> io::Result<()> {
        if relay.tls == RelayTls::Auto && !self.wire.is_secret() {
            return Err(io::Error::other(
                "it offers no TLS, and the password is not sent without; [relay] tls = \"none\" \
                 would send it",
            ));
        }
        let base64 = |bytes: &[u8]| base64_simd::STANDARD.encode_to_string(bytes);
        let (user, password) = (relay.user.0.as_bytes(), relay.password.0.expose());
        let answer = if self.offers.plain {
            let message = [b"\0", user, b"\0", password].concat(); // RFC 4616 §2
            self.ask(&format!("AUTH PLAIN {}\r\n", base64(&message)))?
        } else if self.offers.login {
            expect(self.ask("AUTH LOGIN\r\n")?, Outcome::GoOn)?;
            expect(self.ask(&format!("{}\r\n", base64(user)))?, Outcome::GoOn)?;
            self.ask(&format!("{}\r\n", base64(password)))?
        } else {
            return Err(io::Error::other("it does not offer AUTH with PLAIN or LOGIN"));
        };
        expect(answer, Outcome::Done).map(drop)
    }

    /// True if the relay may have closed this connection since the last message.
    pub(super) const fn is_used(&self) -> bool {
        self.sent > 0
    }

    /// True if no other message can be sent on it.
    pub(super) const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Sends a message; a verdict for each recipient, in their order. After an error nobody has it,
    /// and the connection is of no use.
    pub(super) fn send(&mut self, letter: &Letter<'_>) -> Result<Vec<Verdict>, Unreachable> {
        if let Some(verdict) = self.cannot(letter) {
            return Ok(vec![verdict; letter.recipients.len()]);
        }
        let lost = |error: io::Error| Unreachable(error.to_string());
        self.sent = self.sent.saturating_add(1);
        let mail = self.mail(letter);
        let answer = self.ask(&mail).map_err(lost)?;
        // 421: it is about to go. 530 (RFC 3207 §4, RFC 4954 §6): it wants what it was not given.
        if matches!(answer.code.get(), 421 | 530) {
            return Err(Unreachable(answer.said));
        }
        if let Err(verdict) = done(&answer) {
            return Ok(vec![verdict; letter.recipients.len()]);
        }
        let mut verdicts = Vec::with_capacity(letter.recipients.len());
        for recipient in letter.recipients {
            if !self.offers.utf8 && !recipient.is_ascii() {
                verdicts.push(Some(Verdict::Never(NO_UTF8.to_owned())));
                continue;
            }
            let rcpt = self.rcpt(letter, recipient);
            let answer = self.ask(&rcpt).map_err(lost)?;
            verdicts.push(done(&answer).err());
        }
        if verdicts.iter().all(Option::is_some) {
            self.is_broken = self.reset().is_err();
        } else {
            self.is_broken = self.data(letter, &mut verdicts).is_err();
        }
        let missing = || Verdict::Later("it did not answer".to_owned());
        Ok(verdicts.into_iter().map(|verdict| verdict.unwrap_or_else(missing)).collect())
    }

    /// The message itself, and what becomes of it for those who have no verdict yet. If the connection
    /// breaks in it, the relay may have the message: it is sent again all the same.
    fn data(&mut self, letter: &Letter<'_>, verdicts: &mut [Option<Verdict>]) -> io::Result<()> {
        let told = self.give(letter, verdicts);
        if let Err(error) = &told {
            for slot in verdicts.iter_mut().filter(|slot| slot.is_none()) {
                *slot = Some(Verdict::Later(error.to_string()));
            }
        }
        told
    }

    fn give(&mut self, letter: &Letter<'_>, verdicts: &mut [Option<Verdict>]) -> io::Result<()> {
        let answer = self.ask("DATA\r\n")?;
        let waiting = verdicts.iter_mut().filter(|slot| slot.is_none());
        if answer.code.outcome() != Outcome::GoOn {
            let Err(verdict) = done(&answer) else { return Err(refused(&answer)) }; // a strange answer
            waiting.for_each(|slot| *slot = Some(verdict.clone()));
            return self.reset(); // MAIL and RCPT stand: the next MAIL would be nested
        }
        self.body(letter.message)?;
        if self.protocol == RelayProtocol::Lmtp {
            // RFC 2033 §4.2: a reply for each recipient that was taken.
            for slot in waiting {
                *slot = Some(verdict(&self.wire.answer()?));
            }
        } else {
            let verdict = verdict(&self.wire.answer()?);
            waiting.for_each(|slot| *slot = Some(verdict.clone()));
        }
        self.wire.be_patient(PATIENCE)
    }

    /// With dots doubled (RFC 5321 §4.5.2), and every line ended by CRLF: another ending may be taken
    /// for the end of the message, or for none (RFC 5321 §2.3.8).
    fn body(&mut self, message: &[u8]) -> io::Result<()> {
        let mut out = Vec::with_capacity(WRITE_BYTES + 1024);
        for line in lines(message) {
            if line.first() == Some(&b'.') {
                out.push(b'.');
            }
            for piece in line.chunks(WRITE_BYTES) {
                out.extend_from_slice(piece);
                if out.len() >= WRITE_BYTES {
                    self.wire.write(&out)?;
                    out.clear();
                }
            }
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        self.wire.be_patient(FINAL_PATIENCE)?;
        self.wire.write(&out)
    }

    /// Why it cannot even be tried.
    fn cannot(&self, letter: &Letter<'_>) -> Option<Verdict> {
        let never = |why: &str| Some(Verdict::Never(why.to_owned()));
        let bytes = letter.message.len() as u64;
        if self.offers.size.is_some_and(|max| max > 0 && bytes > max) {
            return never("the relay takes no message of this size");
        }
        let mut recipients = letter.recipients.iter();
        let nobody = !recipients.any(|recipient| recipient.is_ascii());
        if !self.offers.utf8 && (nobody || !letter.sender.is_ascii()) {
            return never(NO_UTF8);
        }
        let header = letter.message.get(..header_len(letter.message)).unwrap_or_default();
        if !self.offers.utf8 && letter.options.utf8 && !header.is_ascii() {
            return never(NO_UTF8_HEADER);
        }
        // Encoding it anew would break what it is signed with.
        if !self.offers.eight_bit && !letter.message.is_ascii() {
            return never(NO_EIGHT_BIT);
        }
        let (at, mode) = letter.options.by.as_ref()?;
        let left = at.seconds().saturating_sub(letter.now.seconds());
        if !mode.starts_with('R') {
            return None;
        }
        match self.offers.deliver_by {
            _ if left <= 0 => never("its time is over (BY)"), // RFC 2852 §4.1.3
            None => never("the relay knows no times (no DELIVERBY)"), // RFC 2852 §4.1.4.1
            Some(min) if left < min => never("the relay needs more time than is left (BY)"),
            Some(_) => None,
        }
    }

    fn mail(&self, letter: &Letter<'_>) -> String {
        let Letter { sender, options, message, .. } = letter;
        let sender = if sender.is_empty() { String::new() } else { path(sender) };
        let mut line = format!("MAIL FROM:<{sender}>");
        let mut add = |parameter: std::fmt::Arguments<'_>| {
            let _written = write!(line, " {parameter}"); // to a String: cannot fail
        };
        if self.offers.size.is_some() {
            add(format_args!("SIZE={}", message.len()));
        }
        if self.offers.eight_bit && !message.is_ascii() {
            add(format_args!("BODY=8BITMIME")); // RFC 6152 §3
        }
        if self.offers.utf8 && needs_utf8(letter) {
            add(format_args!("SMTPUTF8")); // RFC 6531 §3.4
        }
        if self.offers.dsn
            && let Some(ret) = &options.ret
        {
            add(format_args!("RET={ret}")); // RFC 3461 §4.3
        }
        if self.offers.dsn
            && let Some(id) = &options.id
        {
            add(format_args!("ENVID={id}")); // RFC 3461 §4.4
        }
        if self.offers.deliver_by.is_some()
            && let Some((at, mode)) = &options.by
        {
            let left = at.seconds().saturating_sub(letter.now.seconds());
            add(format_args!("BY={};{mode}", left.clamp(-999_999_999, 999_999_999))); // RFC 2852 §4
        }
        line.push_str("\r\n");
        line
    }

    fn rcpt(&self, letter: &Letter<'_>, recipient: &str) -> String {
        let OutgoingOptions { notify, original_recipient, .. } = letter.options;
        // RFC 3461 §4.1 and §4.2
        let given = [("NOTIFY", notify), ("ORCPT", original_recipient)];
        let given = given.into_iter().filter(|_| self.offers.dsn);
        let given = given.filter_map(|(name, value)| Some(format!(" {name}={}", value.as_ref()?)));
        format!("RCPT TO:<{}>{}\r\n", path(recipient), given.collect::<String>())
    }

    /// Ends a transaction that is not to be finished (RFC 5321 §4.1.1.5).
    fn reset(&mut self) -> io::Result<()> {
        expect(self.ask("RSET\r\n")?, Outcome::Done).map(drop)
    }

    fn ask(&mut self, command: &str) -> io::Result<Answer> {
        self.wire.write(command.as_bytes())?;
        self.wire.answer()
    }

    /// Says goodbye, and does not wait for an answer.
    pub(super) fn quit(mut self) {
        let _heard_or_not = self.wire.write(b"QUIT\r\n");
    }
}

/// Lines without their ends: CRLF, a CR or an LF alone.
pub(super) fn lines(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        rest = tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..)).unwrap_or_default();
        Some(line)
    })
}

/// RFC 6531 §3.4. Other bytes of a header that are not ASCII are many an old message's, and no reason to
/// have it refused by servers that would take it.
fn needs_utf8(letter: &Letter<'_>) -> bool {
    let mut addresses = letter.recipients.iter().map(String::as_str).chain([letter.sender]);
    letter.options.utf8 || !addresses.all(str::is_ascii)
}

fn expect(answer: Answer, outcome: Outcome) -> io::Result<Answer> {
    if answer.code.outcome() == outcome { Ok(answer) } else { Err(refused(&answer)) }
}

fn refused(answer: &Answer) -> io::Error {
    io::Error::other(answer.said.clone())
}

fn verdict(answer: &Answer) -> Verdict {
    done(answer).err().unwrap_or_else(|| Verdict::Taken(answer.said.clone()))
}

/// RFC 5321 §4.2.1, and §4.5.3.1.10: a 552 was often meant to be a 452.
fn done(answer: &Answer) -> Result<(), Verdict> {
    match answer.code.outcome() {
        Outcome::Done => Ok(()),
        Outcome::Never if answer.code.get() != 552 => Err(Verdict::Never(answer.said.clone())),
        Outcome::Never | Outcome::NotNow | Outcome::GoOn => {
            Err(Verdict::Later(answer.said.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let text = "mx starttls\nSTARTTLS\nauth=LOGIN\nAUTH PLAIN GSSAPI\n8bitmime\nSMTPUTF8\nDSN\n\
                    DELIVERBY 240\nSIZE 52428800\nPIPELINING\n";
        let want = Offers {
            starttls: true,
            plain: true,
            login: true,
            eight_bit: true,
            utf8: true,
            dsn: true,
            deliver_by: Some(240),
            size: Some(52_428_800),
        };
        assert_eq!(Offers::of(&lines(text)), want);
        assert_eq!(Offers::of(&lines("STARTTLS")), Offers::default(), "the greeting is a name");
        let any = Offers { deliver_by: Some(0), size: Some(0), ..Offers::default() };
        assert_eq!(Offers::of(&lines("mx\nDELIVERBY\nSIZE")), any);
    }

    #[test] // RFC 5321 §2.3.8: no line ends but by CRLF
    fn messages_are_lines() {
        let check = |message: &str, want: &[&str]| {
            let found: Vec<_> = lines(message.as_bytes()).collect();
            assert_eq!(found, want.iter().map(|line| line.as_bytes()).collect::<Vec<_>>());
        };
        check("", &[]);
        check("a\r\nb", &["a", "b"]);
        check("a\r\n\r\n", &["a", ""]);
        check("a\nb\rc\n\r\r\n", &["a", "b", "c", "", ""]);
        check("a\r\n.\nMAIL FROM:<>\r.\r\n", &["a", ".", "MAIL FROM:<>", "."]);
    }
}
