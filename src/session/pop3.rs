//! POP3 (RFC 1939, 2449, 5034, 6856): one maildrop, INBOX, numbered once and read one by one.
//!
//! The rules: numbers and sizes are those of the login, whatever others do meanwhile (pitfall 119); a
//! message goes away only by QUIT, and then all that were marked or none (RFC 1939 §6, pitfall 121);
//! a message that cannot be read is `-ERR`, and the session goes on (pitfall 124).

mod authorization;
mod listing;
mod maildrop;
mod sending;
#[cfg(test)]
mod tests;

use parser::pop3::write::{self, Charset, Code};
use parser::pop3::{self, Command, CommandError};
use parser::{Line, Lines};

use self::listing::Listing;
use self::maildrop::Maildrop;
use self::sending::Sending;
use super::{Event, Next, Output, Peer, SharedSettings, Standing, Step};
use crate::error::{Fault, Refusal};
use crate::job::{Reply, Seat};
use crate::limits::BAD_COMMANDS_MAX;
use crate::model::AccountId;

/// One POP3 connection.
#[derive(Debug)]
pub struct Pop3 {
    settings: SharedSettings,
    peer: Peer,
    state: State,
    doing: Doing,
    lines: Lines,
    /// UTF-8 once UTF8 was said (RFC 6856 §2.1).
    charset: Charset,
    /// Commands that were wrong so far.
    bad_commands: u32,
    /// The server stops as soon as the job is home.
    stopping: bool,
}

/// RFC 1939 §3
#[derive(Debug)]
enum State {
    /// §4; with the name that USER gave.
    Authorization { user: Option<String> },
    /// §5
    Transaction(Box<Maildrop>),
}

/// What goes on between two commands.
#[derive(Debug)]
enum Doing {
    Nothing,
    /// AUTH waits for the client's line.
    Sasl,
    /// The password is being checked.
    LoggingIn,
    /// The maildrop's lease is asked for.
    Locking(AccountId, Seat),
    /// INBOX is being read.
    Opening {
        seat: Seat,
        lock: Option<Seat>,
    },
    /// LIST or UIDL of all.
    Listing(Listing),
    /// RETR or TOP.
    Sending(Box<Sending>),
    /// QUIT: what was marked goes.
    Removing,
}

impl Pop3 {
    /// A connection that has not been greeted yet.
    pub fn new(settings: SharedSettings, peer: Peer) -> Self {
        Self {
            settings,
            peer,
            state: State::Authorization { user: None },
            doing: Doing::Nothing,
            lines: Lines::new(),
            charset: Charset::Ascii,
            bad_commands: 0,
            stopping: false,
        }
    }

    /// What `net` must know between steps.
    pub fn standing(&self) -> Standing {
        let trusted = matches!(self.state, State::Transaction(_));
        self.settings.standing(trusted)
    }

    /// One event.
    pub fn step(&mut self, event: Event<'_>, out: &mut Output) -> Step {
        let next = match event {
            Event::Input(input) => return self.on_input(input, out),
            // No APOP, so no timestamp (RFC 1939 §7).
            Event::Opened => self.ok("Sora is ready", out),
            Event::Refused => {
                self.err(Some(Code::SysTemp), "Too many connections, try again later", out);
                Next::Close
            }
            Event::Reply(reply) => self.on_reply(reply, out),
            Event::Drained => self.go_on(out),
            Event::TlsStarted => self.on_tls_started(),
            // RFC 1939 §3: neither a response nor an update.
            Event::Timeout => Next::Close,
            Event::Shutdown if self.awaits_reply() => {
                self.stopping = true; // the answer that is on its way is still owed
                Next::Read
            }
            Event::Shutdown => self.say_stopping(out),
            Event::Changed(_) => Next::Read,
        };
        Step { consumed: 0, next }
    }

    fn awaits_reply(&self) -> bool {
        match &self.doing {
            Doing::Nothing | Doing::Sasl | Doing::Listing(_) => false,
            Doing::Sending(sending) => sending.awaits_bytes(),
            Doing::LoggingIn | Doing::Locking(..) | Doing::Opening { .. } | Doing::Removing => true,
        }
    }

    fn on_input(&mut self, input: &[u8], out: &mut Output) -> Step {
        let bytes_max = match self.doing {
            Doing::Nothing => pop3::COMMAND_BYTES_MAX,
            Doing::Sasl => pop3::SASL_LINE_BYTES_MAX,
            _ => return Step { consumed: 0, next: Next::Read },
        };
        let mut next = Next::Read;
        loop {
            let consumed = match self.lines.next(input, bytes_max) {
                Line::TooLong => {
                    self.doing = Doing::Nothing;
                    next = self.bad("Line too long", out);
                    continue;
                }
                Line::Incomplete => 0,
                Line::Skip { bytes } => bytes,
                Line::Complete { bytes } => {
                    next = self.on_line(input.get(..bytes).unwrap_or_default(), out);
                    bytes
                }
            };
            return Step { consumed, next };
        }
    }

    fn on_line(&mut self, line: &[u8], out: &mut Output) -> Next {
        if matches!(self.doing, Doing::Sasl) {
            return self.on_sasl_line(line, out);
        }
        match pop3::command(line) {
            Ok(command) => self.on_command(command, out),
            Err(CommandError::Unknown) => self.bad("No such command", out),
            Err(error) => self.bad(&error.to_string(), out), // pitfall 118
        }
    }

    fn on_command(&mut self, command: Command<'_>, out: &mut Output) -> Next {
        match command {
            Command::Capa => self.on_capa(out),
            Command::Lang(range) => self.on_lang(range, out),
            Command::Quit => self.on_quit(out),
            command if matches!(self.state, State::Authorization { .. }) => {
                self.on_authorization(command, out)
            }
            command => self.on_transaction(command, out),
        }
    }

    /// RFC 1939 §5.
    fn on_transaction(&mut self, command: Command<'_>, out: &mut Output) -> Next {
        let State::Transaction(maildrop) = &mut self.state else { return Next::Read };
        match command {
            Command::Stat => {
                write::stat(out.buffer(), maildrop.messages(), maildrop.octets());
                Next::Read
            }
            Command::Noop => self.ok("Still here", out),
            Command::Rset => {
                maildrop.unmark_all();
                self.ok("Nothing is marked any more", out)
            }
            Command::Dele(number) => match maildrop.mark(number) {
                true => self.ok("Marked", out),
                false => self.no_such_message(out),
            },
            Command::List(None) => self.list(Listing::sizes(), out),
            Command::Uidl(None) => self.list(Listing::unique_ids(), out),
            Command::List(Some(number)) => self.list_one(number, Listing::sizes(), out),
            Command::Uidl(Some(number)) => self.list_one(number, Listing::unique_ids(), out),
            Command::Retr(number) => self.on_retr(number, out),
            Command::Top { message, lines } => self.on_top(message, lines, out),
            _ => self.bad("Not once you are logged in", out),
        }
    }

    fn no_such_message(&mut self, out: &mut Output) -> Next {
        self.err(None, "No such message", out);
        Next::Read
    }

    /// RFC 1939 §6: the marked messages go now, all or none of them (pitfall 121).
    fn on_quit(&mut self, out: &mut Output) -> Next {
        if let State::Transaction(maildrop) = &self.state
            && let Some(job) = maildrop.removal()
        {
            self.doing = Doing::Removing;
            return Next::Run(Box::new(job));
        }
        self.bye(out)
    }

    fn bye(&mut self, out: &mut Output) -> Next {
        self.doing = Doing::Nothing;
        self.unlock();
        write::ok(out.buffer(), "Bye", self.charset);
        Next::Close
    }

    fn on_reply(&mut self, reply: Reply, out: &mut Output) -> Next {
        let next = match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::LoggingIn => self.on_logged_in(reply, out),
            Doing::Locking(account, seat) => self.on_locked(account, seat, reply, out),
            Doing::Opening { seat, lock } => self.on_opened(seat, lock, reply, out),
            Doing::Sending(sending) => self.on_sent(*sending, reply, out),
            Doing::Removing => return self.on_removed(reply, out),
            doing @ (Doing::Nothing | Doing::Sasl | Doing::Listing(_)) => {
                self.doing = doing;
                Next::Read
            }
        };
        if self.stopping && !matches!(next, Next::Run(_)) { self.say_stopping(out) } else { next }
    }

    fn on_removed(&mut self, reply: Reply, out: &mut Output) -> Next {
        match reply {
            // Those that others had removed already are as gone as the client wants them.
            Reply::Expunged { .. } => self.bye(out),
            reply => {
                self.unlock();
                self.fail(&reply, "Nothing was removed", out);
                Next::Close
            }
        }
    }

    /// RFC 1939 §6: "the server then releases any exclusive-access lock". Before the answer, for who has
    /// read it may come again at once.
    fn unlock(&mut self) {
        if let State::Transaction(maildrop) = &mut self.state {
            maildrop.unlock();
        }
    }

    /// The peer has taken what was written.
    fn go_on(&mut self, out: &mut Output) -> Next {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Listing(listing) => self.go_on_listing(listing, out),
            Doing::Sending(sending) => self.go_on_sending(sending, out),
            doing => {
                self.doing = doing;
                Next::Read
            }
        }
    }

    fn ok(&self, text: &str, out: &mut Output) -> Next {
        write::ok(out.buffer(), text, self.charset);
        Next::Read
    }

    fn err(&self, code: Option<Code>, text: &str, out: &mut Output) {
        write::err(out.buffer(), code, text, self.charset);
    }

    /// A command that cannot be understood, or not now. Who goes on like that is cut off.
    fn bad(&mut self, why: &str, out: &mut Output) -> Next {
        self.err(None, why, out);
        self.bad_commands += 1;
        if self.bad_commands < BAD_COMMANDS_MAX { Next::Read } else { Next::Close }
    }

    /// The one table of POP3's answers to a job that failed (RFC 2449 §8, RFC 3206).
    fn fail(&self, reply: &Reply, otherwise: &str, out: &mut Output) {
        let (code, text) = match reply {
            Reply::Refused(Refusal::BadCredentials) => {
                (Some(Code::Auth), "Wrong user name or password") // pitfall 55
            }
            Reply::Refused(Refusal::TooManyConnections) => {
                (Some(Code::InUse), "Too many connections of this account")
            }
            Reply::Refused(Refusal::InUse) => {
                (Some(Code::InUse), "Another session has the maildrop")
            }
            Reply::Refused(Refusal::MessageGone) => (None, "The message is gone"),
            Reply::Refused(_) => (Some(Code::SysPerm), otherwise),
            Reply::Failed(Fault::ServerBug) => (Some(Code::SysPerm), "Something went wrong here"),
            Reply::Failed(Fault::NoSpace) => {
                (Some(Code::SysTemp), "No space left, try again later")
            }
            Reply::Failed(Fault::Unavailable) => {
                (Some(Code::SysTemp), "Not available now, try again later")
            }
            _ => (Some(Code::SysPerm), otherwise),
        };
        self.err(code, text, out);
    }

    fn say_stopping(&mut self, out: &mut Output) -> Next {
        // Within a message it would be taken for a part of it.
        if !matches!(self.doing, Doing::Sending(_) | Doing::Listing(_)) {
            self.err(Some(Code::SysTemp), "The server is stopping, try again soon", out);
        }
        Next::Close
    }
}
