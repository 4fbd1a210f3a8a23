//! LMTP (RFC 2033): takes mail from the MTA beside us, many recipients at once, one answer for each.
//!
//! The rules: a 250 follows the commit (invariant 5); only certain knowledge refuses for good, every
//! doubt is a 4xx (pitfall 2); whatever is wrong with a message, its bytes are read to their end and
//! the connection stays usable (pitfall 12).

mod chunks;
mod incoming;
mod proxied;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use parser::lmtp::{self, BodyType, ChunkStream, Command, CommandError, Mail, Rcpt};
use parser::{Line, Lines};

use self::incoming::{Incoming, Taken};
use super::{Event, Next, Output, Peer, SharedSettings, Standing, Step};
use crate::error::{Fault, Refusal};
use crate::job::{DeliveryProblem, Envelope, Job, Recipient, RecipientDsn, Reply};
use crate::limits::{
    BAD_COMMANDS_MAX, LMTP_LINE_BYTES_MAX, LMTP_RECIPIENTS_MAX, REJECT_COLUMNS_MAX,
    REJECT_LINES_MAX,
};

/// One LMTP connection.
#[derive(Debug)]
pub struct Lmtp {
    settings: SharedSettings,
    peer: Peer,
    /// Whom a proxy speaks for, if it said so; `None` inside if it does not know.
    client: Option<Option<IpAddr>>,
    /// By XFORWARD: of the next message only.
    forwarded: Option<Option<IpAddr>>,
    state: State,
    /// What LHLO said; empty before it.
    helo: String,
    /// MAIL was accepted.
    transaction: Option<Box<Transaction>>,
    /// Commands that were wrong so far.
    bad_commands: u32,
    lines: Lines,
    /// The server stops as soon as the job is home.
    stopping: bool,
}

#[derive(Debug)]
enum State {
    /// Waits for commands.
    Command,
    /// RCPT's job is out; with what it said of reports.
    Finding(Option<Box<RecipientDsn>>),
    /// Between 354 and the final dot; perhaps with a chunk on its way to the spool.
    Data(Box<Incoming>),
    /// A chunk that nobody wants is read to its end (RFC 3030 §2).
    Skipping(ChunkStream),
    /// The delivery is out; so many replies are owed.
    Storing(usize),
}

#[derive(Debug, Default)]
struct Transaction {
    envelope: Envelope,
    recipients: Vec<Recipient>,
    /// Between two chunks.
    incoming: Option<Box<Incoming>>,
}

impl Lmtp {
    /// A connection that has not been greeted yet.
    pub fn new(settings: SharedSettings, peer: Peer) -> Self {
        Self {
            settings,
            peer,
            client: None,
            forwarded: None,
            state: State::Command,
            helo: String::new(),
            transaction: None,
            bad_commands: 0,
            lines: Lines::new(),
            stopping: false,
        }
    }

    /// What `net` must know between steps.
    pub fn standing(&self) -> Standing {
        Standing {
            watches: [None; 2],
            patience_seconds: self.settings.login_seconds_max,
            trusted: true,
            expects_input: matches!(self.state, State::Data(_) | State::Skipping(_)),
        }
    }

    /// One event.
    pub fn step(&mut self, event: Event<'_>, out: &mut Output) -> Step {
        if let Event::Input(input) = event {
            return self.on_input(input, out);
        }
        let next = match event {
            Event::Opened => {
                out.line(format_args!("220 {} LMTP Sora", self.settings.hostname));
                Next::Read
            }
            Event::Refused => {
                say(out, "421 4.3.2 Too many connections, try again later");
                Next::Close
            }
            Event::Reply(reply) => self.on_reply(reply, out),
            Event::TlsStarted => self.on_tls_started(),
            Event::Timeout => {
                say(out, "421 4.4.2 Nothing heard for too long, closing");
                Next::Close
            }
            Event::Shutdown if matches!(self.state, State::Finding(_) | State::Storing(_)) => {
                self.stopping = true; // the answer that is on its way is still owed
                Next::Read
            }
            Event::Shutdown => self.say_stopping(out),
            Event::Input(_) | Event::Changed(_) | Event::Drained => Next::Read,
        };
        Step { consumed: 0, next }
    }

    /// RFC 3207 §4.2: what was learnt before TLS is forgotten.
    fn on_tls_started(&mut self) -> Next {
        self.peer.tls = true;
        self.peer.can_start_tls = false;
        self.helo.clear();
        self.forget();
        Next::Read
    }

    /// As RSET has it (RFC 5321 §4.1.1.5).
    fn forget(&mut self) {
        self.transaction = None;
        self.forwarded = None;
    }

    fn say_stopping(&self, out: &mut Output) -> Next {
        say(out, "421 4.3.2 The server is stopping, try again soon");
        Next::Close
    }

    fn on_input(&mut self, input: &[u8], out: &mut Output) -> Step {
        match &mut self.state {
            State::Data(incoming) => {
                let taken = incoming.take(input);
                let consumed = taken.consumed;
                Step { consumed, next: self.after_take(taken, out) }
            }
            State::Skipping(chunk) => {
                let fed = chunk.feed(input, &mut Vec::new());
                let next = if fed.ended { self.after_skipping(out) } else { Next::Read };
                Step { consumed: fed.consumed, next }
            }
            State::Command => self.on_line(input, out),
            State::Finding(_) | State::Storing(_) => Step { consumed: 0, next: Next::Read },
        }
    }

    fn on_line(&mut self, input: &[u8], out: &mut Output) -> Step {
        let mut next = Next::Read;
        loop {
            let consumed = match self.lines.next(input, LMTP_LINE_BYTES_MAX) {
                Line::TooLong => {
                    // Told once, at its beginning (RFC 5321 §4.5.3.1.9); the rest is skipped.
                    say(out, "500 5.5.2 Line too long");
                    next = self.count_bad(out);
                    continue;
                }
                Line::Incomplete => 0,
                Line::Skip { bytes } => bytes,
                Line::Complete { bytes } => {
                    next = match lmtp::command(input.get(..bytes).unwrap_or_default()) {
                        Ok(command) => self.on_command(command, out),
                        Err(error) => self.on_bad_command(error, out),
                    };
                    bytes
                }
            };
            return Step { consumed, next };
        }
    }

    fn on_bad_command(&mut self, error: CommandError, out: &mut Output) -> Next {
        match error {
            CommandError::Unknown => {
                say(out, "500 5.5.1 Command not known");
            }
            CommandError::Syntax(expected) => {
                out.line(format_args!("501 5.5.4 Expected {expected}"));
            }
            CommandError::Address(why) => {
                out.line(format_args!("501 5.1.3 Bad address: {why}"));
            }
            CommandError::Parameter => {
                say(out, "555 5.5.4 A parameter that was not offered");
            }
            CommandError::Chunk(expected) => {
                out.line(format_args!("501 5.5.4 Expected {expected}"));
                return Next::Close; // nobody knows where the chunk behind it ends
            }
        }
        self.count_bad(out)
    }

    fn count_bad(&mut self, out: &mut Output) -> Next {
        self.bad_commands += 1;
        if self.bad_commands < BAD_COMMANDS_MAX {
            return Next::Read;
        }
        say(out, "421 4.7.0 Too many wrong commands, closing");
        Next::Close
    }

    fn on_command(&mut self, command: Command<'_>, out: &mut Output) -> Next {
        match command {
            Command::Lhlo(name) => self.on_lhlo(name, out),
            Command::Helo(_) | Command::Ehlo(_) => {
                // RFC 2033 §4.1: HELO and EHLO must not get a positive answer.
                say(out, "500 5.5.1 This is LMTP: say LHLO");
                self.count_bad(out)
            }
            Command::Mail(mail) => self.on_mail(&mail, out),
            Command::Rcpt(rcpt) => self.on_rcpt(&rcpt, out),
            Command::Data => self.on_data(out),
            Command::Rset => {
                self.forget();
                answered(out, "250 2.0.0 Forgotten")
            }
            Command::Noop => answered(out, "250 2.0.0 Still here"),
            Command::Help(_) => answered(out, "214 2.0.0 See RFC 2033"),
            Command::Vrfy(_) => {
                answered(out, "252 2.5.0 Not told; send and see") // RFC 5321 §3.5.3
            }
            Command::Expn(_) => answered(out, "502 5.5.1 Lists are not told"),
            Command::StartTls => self.on_start_tls(out),
            Command::Quit => {
                say(out, "221 2.0.0 Bye");
                Next::Close
            }
            Command::Bdat { size, last } => self.on_bdat(size, last, out),
            Command::Xclient(attributes) => self.on_xclient(attributes, out),
            Command::Xforward(attributes) => self.on_xforward(attributes, out),
        }
    }

    /// RFC 2033 §4.1; the extensions in the order of their RFCs.
    fn on_lhlo(&mut self, name: &str, out: &mut Output) -> Next {
        name.clone_into(&mut self.helo);
        self.forget(); // RFC 5321 §4.1.4
        out.line(format_args!("250-{}", self.settings.hostname));
        out.put(b"250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n");
        out.put(b"250-CHUNKING\r\n250-BINARYMIME\r\n"); // RFC 3030 §2, §3
        if self.is_proxy() {
            out.put(proxied::OFFERED);
        }
        if self.peer.can_start_tls {
            out.put(b"250-STARTTLS\r\n"); // RFC 3207; never again once TLS is on
        }
        out.line(format_args!("250 SIZE {}", self.settings.lmtp_bytes_max)); // RFC 1870 §4
        Next::Read
    }

    fn on_start_tls(&self, out: &mut Output) -> Next {
        if self.peer.tls {
            return answered(out, "503 5.5.1 TLS is on already");
        }
        if !self.peer.can_start_tls {
            return answered(out, "454 4.7.0 TLS cannot be had here");
        }
        say(out, "220 2.0.0 Go ahead");
        Next::StartTls
    }

    fn on_mail(&mut self, mail: &Mail<'_>, out: &mut Output) -> Next {
        if self.helo.is_empty() {
            return answered(out, "503 5.5.1 Say LHLO first");
        }
        if self.transaction.is_some() {
            return answered(out, "503 5.5.1 A transaction is open: RSET first");
        }
        if mail.by.is_some() {
            return answered(out, "555 5.5.4 DELIVERBY was not offered");
        }
        if !mail.utf8 && !mail.from.as_str().is_ascii() {
            return answered(out, "553 5.6.7 Needs SMTPUTF8"); // RFC 6531 §3.5
        }
        let bytes_max = self.settings.lmtp_bytes_max;
        if mail.size.is_some_and(|size| size > bytes_max) {
            // RFC 1870 §6.1: told before a byte of it was sent.
            out.line(format_args!("552 5.3.4 At most {bytes_max} bytes"));
            return Next::Read;
        }
        let envelope = Envelope {
            sender: mail.from.as_str().to_owned(),
            helo: self.helo.clone(),
            peer: self.forwarded.take().or(self.client).unwrap_or(self.peer.address),
            tls: self.peer.tls,
            utf8: mail.utf8,
            is_binary: mail.body == Some(BodyType::BinaryMime),
            dsn: proxied::dsn_of(mail),
        };
        self.transaction = Some(Box::new(Transaction { envelope, ..Transaction::default() }));
        answered(out, "250 2.1.0 Sender taken")
    }

    fn on_rcpt(&mut self, rcpt: &Rcpt<'_>, out: &mut Output) -> Next {
        let Some(transaction) = &self.transaction else {
            return answered(out, "503 5.5.1 Say MAIL first");
        };
        if transaction.recipients.len() >= LMTP_RECIPIENTS_MAX {
            return answered(out, "452 4.5.3 Too many recipients"); // §4.5.3.1.10
        }
        if !transaction.envelope.utf8 && !rcpt.to.as_str().is_ascii() {
            return answered(out, "553 5.6.7 Needs SMTPUTF8");
        }
        let given = match rcpt.to.domain() {
            Some(domain) => format!("{}@{domain}", rcpt.to.local_unquoted()),
            None => rcpt.to.local_unquoted().into_owned(),
        };
        self.state = State::Finding(proxied::dsn_of_recipient(rcpt));
        Next::Run(Box::new(Job::FindRecipient { given }))
    }

    fn on_data(&mut self, out: &mut Output) -> Next {
        // RFC 2033 §4.2: without a recipient that was accepted, DATA fails.
        if self.transaction.as_ref().is_none_or(|open| open.recipients.is_empty()) {
            return answered(out, "503 5.5.1 No recipient was accepted");
        }
        if let Some(transaction) = &self.transaction {
            if transaction.incoming.is_some() {
                return answered(out, "503 5.5.1 BDAT was begun: go on with it"); // RFC 3030 §2
            }
            if transaction.envelope.is_binary {
                return answered(out, "503 5.5.1 BINARYMIME needs BDAT"); // RFC 3030 §3
            }
        }
        self.state = State::Data(Box::new(Incoming::dots(self.settings.lmtp_bytes_max)));
        out.put(b"354 Send it, end with a dot\r\n");
        Next::Read
    }

    /// The final dot was read, or all of a chunk.
    fn on_end(&mut self, out: &mut Output) -> Next {
        match &self.state {
            State::Data(incoming) if !incoming.is_last() => self.on_chunk_end(out),
            _ => self.on_message_end(out),
        }
    }

    fn after_take(&mut self, taken: Taken, out: &mut Output) -> Next {
        match taken.spool {
            Some(job) => Next::Run(job),
            None if taken.ended => self.on_end(out),
            None => Next::Read,
        }
    }

    /// The final dot was read and no chunk is out.
    fn on_message_end(&mut self, out: &mut Output) -> Next {
        let state = std::mem::replace(&mut self.state, State::Command);
        let (State::Data(incoming), Some(transaction)) = (state, self.transaction.take()) else {
            return Next::Read;
        };
        match incoming.finish() {
            Ok(body) => {
                let Transaction { envelope, recipients, .. } = *transaction;
                self.state = State::Storing(recipients.len());
                Next::Run(Box::new(Job::Deliver { envelope, recipients, body }))
            }
            Err(problem) => {
                for _ in &transaction.recipients {
                    tell(out, Err(problem.clone()));
                }
                self.unless_stopping(out)
            }
        }
    }

    fn on_reply(&mut self, reply: Reply, out: &mut Output) -> Next {
        match std::mem::replace(&mut self.state, State::Command) {
            State::Finding(dsn) => {
                self.on_found(reply, dsn, out);
                self.unless_stopping(out)
            }
            State::Data(mut incoming) => {
                let ended = incoming.spooled(reply);
                self.state = State::Data(incoming);
                if ended { self.on_end(out) } else { Next::Read }
            }
            State::Storing(owed) => {
                Self::on_delivered(reply, owed, out);
                self.unless_stopping(out)
            }
            state @ (State::Command | State::Skipping(_)) => {
                self.state = state;
                Next::Read
            }
        }
    }

    fn on_found(&mut self, reply: Reply, dsn: Option<Box<RecipientDsn>>, out: &mut Output) {
        match (reply, &mut self.transaction) {
            (Reply::RecipientFound(mut recipient), Some(transaction)) => {
                recipient.dsn = dsn;
                transaction.recipients.push(recipient);
                say(out, "250 2.1.5 Recipient taken");
            }
            (Reply::Refused(refusal), _) => tell(out, Err(DeliveryProblem::Refused(refusal))),
            (Reply::Failed(Fault::Unavailable), _) => {
                // The directory did not answer: a doubt is never a 550 (pitfall 2).
                say(out, "451 4.4.3 Cannot look that up now");
            }
            (Reply::Failed(fault), _) => tell(out, Err(DeliveryProblem::Failed(fault))),
            _ => tell(out, Err(DeliveryProblem::Failed(Fault::ServerBug))),
        }
    }

    /// RFC 2033 §4.2: one reply for each recipient that was accepted, in their order.
    fn on_delivered(reply: Reply, owed: usize, out: &mut Output) {
        let problem = match reply {
            Reply::Delivered(results) => {
                results.into_iter().for_each(|result| tell(out, result));
                return;
            }
            Reply::Refused(refusal) => DeliveryProblem::Refused(refusal),
            Reply::Failed(fault) => DeliveryProblem::Failed(fault),
            _ => DeliveryProblem::Failed(Fault::ServerBug),
        };
        (0..owed).for_each(|_| tell(out, Err(problem.clone())));
    }

    fn unless_stopping(&self, out: &mut Output) -> Next {
        if self.stopping { self.say_stopping(out) } else { Next::Read }
    }
}

fn tell(out: &mut Output, result: Result<(), DeliveryProblem>) {
    match result {
        Ok(()) => say(out, "250 2.0.0 Stored"),
        Err(DeliveryProblem::Rejected(why)) => reject(&why, out),
        Err(problem) => say(out, answer_to(&problem)),
    }
}

/// RFC 5429 §2.1.1: a script's reason, in lines that a reply may have (RFC 5321 §4.5.3.1.5), in
/// ASCII (RFC 6531 §3.7.4.2 has UTF-8 only where the peer asked for it).
fn reject(why: &str, out: &mut Output) {
    let clean = |c: char| match c {
        ' '..='~' => c,
        '\t' => ' ',
        _ => '?',
    };
    let all: Vec<String> = why.lines().map(|line| line.chars().map(clean).collect()).collect();
    let lines = all.iter().flat_map(|line| wrapped(line));
    let mut lines: Vec<&str> = lines.take(REJECT_LINES_MAX).collect();
    if lines.is_empty() {
        lines.push("The recipient does not want this message");
    }
    let last = lines.len() - 1;
    for (nth, line) in lines.iter().enumerate() {
        let dash = if nth < last { '-' } else { ' ' };
        out.line(format_args!("550{dash}5.7.1 {line}"));
    }
}

/// Lines of ASCII that are not too long, broken between words where there are any.
fn wrapped(line: &str) -> Vec<&str> {
    let (mut lines, mut rest) = (Vec::new(), line.trim_end());
    while let Some((start, _)) =
        rest.split_at_checked(REJECT_COLUMNS_MAX).filter(|(_, more)| !more.is_empty())
    {
        let at =
            start.rfind(' ').filter(|at| !start[..*at].trim().is_empty()).unwrap_or(start.len());
        let (line, more) = rest.split_at(at);
        lines.push(line);
        rest = more.trim_start();
    }
    if !rest.trim().is_empty() {
        lines.push(rest);
    }
    lines
}

fn say(out: &mut Output, line: &str) {
    out.line(format_args!("{line}"));
}

fn answered(out: &mut Output, line: &str) -> Next {
    say(out, line);
    Next::Read
}

/// The one table of LMTP's answers (RFC 5321 §4.2.3, RFC 3463).
fn answer_to(problem: &DeliveryProblem) -> &'static str {
    match problem {
        DeliveryProblem::Rejected(_) => "550 5.7.1 Rejected", // `tell` says why
        DeliveryProblem::Refused(Refusal::NoSuchRecipient) => "550 5.1.1 No such user here",
        DeliveryProblem::Refused(Refusal::TooBig) => "552 5.3.4 Message too large",
        DeliveryProblem::Refused(Refusal::MailLoop) => "550 5.4.6 Mail loop",
        DeliveryProblem::Refused(Refusal::OverQuota) => "452 4.2.2 Mailbox is full",
        DeliveryProblem::Refused(_) => "451 4.2.0 Cannot be stored now",
        DeliveryProblem::Failed(Fault::NoSpace) => "452 4.3.1 No space now, try again later",
        DeliveryProblem::Failed(Fault::Unavailable) => "451 4.3.0 Not now, try again later",
        DeliveryProblem::Failed(Fault::ServerBug) => "451 4.3.0 Internal error",
    }
}
