//! ManageSieve (RFC 5804): an account's Sieve scripts, listed, read, checked and stored.
//!
//! The rules: a literal is measured before a byte of it is kept, and less is taken from a stranger
//! (pitfall 126); a script that does not compile changes nothing (pitfall 127); whatever is said of
//! one arrives as it was written, line breaks and quotes too (pitfall 125).

mod authentication;
mod gathering;
mod scripts;
#[cfg(test)]
mod tests;

use parser::managesieve::write::{self, Code, Status};
use parser::managesieve::{self, Command, Frame, Limits};
use parser::sieve::{Capabilities, Capability};

use self::gathering::{Gathered, Gathering};
use self::scripts::Asked;
use super::{Event, Next, Output, Peer, SharedSettings, Standing, Step};
use crate::error::{Fault, Refusal};
use crate::job::{Job, Reply, Seat};
use crate::limits::{
    BAD_COMMANDS_MAX, SIEVE_FRAME_BEFORE_LOGIN_BYTES_MAX, SIEVE_LINE_BYTES_MAX,
    SIEVE_SKIPPED_BYTES_MAX,
};
use crate::model::{AccountId, Address};
use crate::sieve::SERVED;

/// What sessions of this protocol read of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SieveSettings {
    /// Bytes of one script.
    pub script_bytes_max: u32,
    /// Scripts of one account.
    pub scripts_max: u32,
    /// What a script may require.
    pub offered: Capabilities,
    /// Redirects that one message may take (RFC 5804 §1.7 MAXREDIRECTS).
    pub redirects_max: u32,
}

impl Default for SieveSettings {
    fn default() -> Self {
        Self {
            script_bytes_max: 16 * 1024,
            scripts_max: 32,
            offered: SERVED.without(Capability::ExtLists),
            redirects_max: 4,
        }
    }
}

/// One ManageSieve connection.
#[derive(Debug)]
pub struct ManageSieve {
    settings: SharedSettings,
    peer: Peer,
    user: Option<User>,
    doing: Doing,
    gathering: Gathering,
    /// Commands that were wrong so far.
    bad_commands: u32,
    /// The server stops as soon as the job is home.
    stopping: bool,
}

/// Who has logged in.
#[derive(Debug)]
struct User {
    account: AccountId,
    address: Address,
    _seat: Seat,
}

/// What goes on between two commands.
#[derive(Debug)]
enum Doing {
    Nothing,
    /// AUTHENTICATE waits for the client's string.
    Sasl,
    /// The password is being checked.
    LoggingIn,
    /// A job is out.
    Asking(Asked),
}

impl ManageSieve {
    /// A connection that has not been greeted yet.
    pub fn new(settings: SharedSettings, peer: Peer) -> Self {
        Self {
            settings,
            peer,
            user: None,
            doing: Doing::Nothing,
            gathering: Gathering::default(),
            bad_commands: 0,
            stopping: false,
        }
    }

    /// What `net` must know between steps.
    pub fn standing(&self) -> Standing {
        let trusted = self.user.is_some();
        Standing { expects_input: !self.gathering.is_empty(), ..self.settings.standing(trusted) }
    }

    /// One event.
    pub fn step(&mut self, event: Event<'_>, out: &mut Output) -> Step {
        let next = match event {
            Event::Input(input) => return self.on_input(input, out),
            Event::Opened | Event::TlsStarted => {
                if matches!(event, Event::TlsStarted) {
                    self.on_tls_started();
                }
                self.write_capabilities(out); // RFC 5804 §1.7; §2.2, pitfall 128
                self.ok("Sora is ready", out)
            }
            Event::Refused => {
                self.bye(Some(Code::TryLater), "Too many connections, try again later", out)
            }
            Event::Reply(reply) => self.on_reply(reply, out),
            Event::Timeout => self.bye(None, "Nothing heard for too long", out),
            Event::Shutdown if matches!(self.doing, Doing::LoggingIn | Doing::Asking(_)) => {
                self.stopping = true; // the answer that is on its way is still owed
                Next::Read
            }
            Event::Shutdown => self.say_stopping(out),
            Event::Changed(_) | Event::Drained => Next::Read,
        };
        Step { consumed: 0, next }
    }

    /// What may wait of one command: little from a stranger, a whole script from others.
    fn limits(&self) -> Limits {
        let frame_bytes_max = match &self.user {
            Some(_) => self.settings.sieve.script_bytes_max as usize + 2 * SIEVE_LINE_BYTES_MAX,
            None => SIEVE_FRAME_BEFORE_LOGIN_BYTES_MAX,
        };
        Limits { line_bytes_max: SIEVE_LINE_BYTES_MAX, frame_bytes_max }
    }

    fn on_input(&mut self, input: &[u8], out: &mut Output) -> Step {
        if matches!(self.doing, Doing::LoggingIn | Doing::Asking(_)) {
            return Step { consumed: 0, next: Next::Read };
        }
        let limits = self.limits();
        let mut next = Next::Read;
        loop {
            let Gathered { consumed, frame, whole } = self.gathering.next(input, &limits);
            match frame {
                Frame::Incomplete | Frame::Skip { .. } => return Step { consumed, next },
                Frame::Complete { bytes } => {
                    let frame = whole.as_deref().unwrap_or(input);
                    let next = self.on_frame(frame.get(..bytes).unwrap_or_default(), out);
                    return Step { consumed, next };
                }
                Frame::TooLong => next = self.bad("The command is too long", out),
                Frame::LiteralTooLong { size } => next = self.on_large_literal(size, out),
            }
            if matches!(next, Next::Close) {
                return Step { consumed, next };
            }
        }
    }

    /// Pitfall 126: nothing of it is kept, and if it is large it is not even waited for.
    fn on_large_literal(&mut self, size: u64, out: &mut Output) -> Next {
        self.doing = Doing::Nothing;
        let text = format!("At most {} bytes", self.settings.sieve.script_bytes_max);
        if self.user.is_none() || size > SIEVE_SKIPPED_BYTES_MAX {
            return self.bye(Some(Code::QuotaMaxSize), &text, out);
        }
        self.no(Some(Code::QuotaMaxSize), &text, out)
    }

    fn on_frame(&mut self, frame: &[u8], out: &mut Output) -> Next {
        if matches!(self.doing, Doing::Sasl) {
            return self.on_sasl_response(frame, out);
        }
        match managesieve::command(frame) {
            Ok(command) => self.on_command(command, out),
            Err(error) => self.bad(&format!("Not understood: {error}"), out),
        }
    }

    fn on_command(&mut self, command: Command<'_>, out: &mut Output) -> Next {
        match command {
            Command::Capability => {
                self.write_capabilities(out);
                self.ok("", out)
            }
            Command::Noop(tag) => {
                // RFC 5804 §2.13: what it said is said back.
                let tag = tag.as_ref().map(|tag| tag.bytes());
                let code = tag.as_ref().map(|tag| Code::Tag(tag));
                write::response(out.buffer(), Status::Ok, code, "Done");
                Next::Read
            }
            Command::Logout => {
                write::response(out.buffer(), Status::Ok, None, "Bye");
                Next::Close
            }
            Command::StartTls => self.on_start_tls(out),
            Command::Authenticate { mechanism, initial } => {
                self.on_authenticate(&mechanism, initial.map(|initial| initial.0), out)
            }
            command => match &self.user {
                Some(user) => {
                    let account = user.account;
                    self.on_script_command(account, command, out)
                }
                None => self.bad("Log in first", out),
            },
        }
    }

    /// RFC 5804 §1.7.
    fn write_capabilities(&self, out: &mut Output) {
        let settings = &self.settings.sieve;
        let mut tell = |name: &str, value: Option<&str>| {
            write::capability(out.buffer(), name, value);
        };
        tell("IMPLEMENTATION", Some("Sora"));
        // Empty where a password would be overheard (pitfall 128).
        tell("SASL", Some(if self.takes_passwords() { "PLAIN" } else { "" }));
        tell("SIEVE", Some(&names(settings.offered)));
        if settings.offered.has(Capability::Enotify) {
            tell("NOTIFY", Some("mailto"));
        }
        if settings.offered.has(Capability::ExtLists) {
            tell("EXTLISTS", Some("tag urn")); // RFC 6134 §2.8: schemes
        }
        tell("MAXREDIRECTS", Some(&settings.redirects_max.to_string()));
        tell("LANGUAGE", Some("en"));
        if self.peer.can_start_tls && self.user.is_none() {
            tell("STARTTLS", None);
        }
        if let Some(user) = &self.user {
            tell("OWNER", Some(user.address.as_str()));
        }
        tell("UNAUTHENTICATE", None);
        tell("VERSION", Some("1.0"));
    }

    fn on_reply(&mut self, reply: Reply, out: &mut Output) -> Next {
        let next = match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::LoggingIn => self.on_logged_in(reply, out),
            Doing::Asking(asked) => self.on_answer(&asked, reply, out),
            doing @ (Doing::Nothing | Doing::Sasl) => {
                self.doing = doing;
                Next::Read
            }
        };
        if self.stopping { self.say_stopping(out) } else { next }
    }

    fn ask(&mut self, asked: Asked, job: Job) -> Next {
        self.doing = Doing::Asking(asked);
        Next::Run(Box::new(job))
    }

    fn ok(&self, text: &str, out: &mut Output) -> Next {
        write::response(out.buffer(), Status::Ok, None, text);
        Next::Read
    }

    fn no(&self, code: Option<Code<'_>>, text: &str, out: &mut Output) -> Next {
        write::response(out.buffer(), Status::No, code, text);
        Next::Read
    }

    fn bye(&self, code: Option<Code<'_>>, text: &str, out: &mut Output) -> Next {
        write::response(out.buffer(), Status::Bye, code, text);
        Next::Close
    }

    /// A command that cannot be understood, or not now. Who goes on like that is cut off.
    fn bad(&mut self, why: &str, out: &mut Output) -> Next {
        self.doing = Doing::Nothing;
        self.bad_commands += 1;
        if self.bad_commands >= BAD_COMMANDS_MAX {
            return self.bye(None, "Too many wrong commands", out);
        }
        self.no(None, why, out)
    }

    /// The one table of ManageSieve's answers to a job that failed (RFC 5804 §1.3).
    fn fail(&self, reply: &Reply, out: &mut Output) -> Next {
        let (code, text) = match reply {
            Reply::Refused(Refusal::BadCredentials) => {
                (None, "Wrong user name or password") // pitfall 55
            }
            Reply::Refused(Refusal::TooManyConnections) => {
                (Some(Code::TryLater), "Too many connections of this account")
            }
            Reply::Refused(Refusal::NoSuchScript) => (Some(Code::NonExistent), "No such script"),
            Reply::Refused(Refusal::ScriptExists) => {
                (Some(Code::AlreadyExists), "A script of that name is there")
            }
            Reply::Refused(Refusal::ScriptActive) => {
                (Some(Code::Active), "The script is active: deactivate it first")
            }
            Reply::Refused(Refusal::TooManyScripts) => {
                (Some(Code::QuotaMaxScripts), "You have as many scripts as you may")
            }
            Reply::Failed(Fault::Unavailable | Fault::NoSpace) => {
                (Some(Code::TryLater), "Not now, try again later")
            }
            _ => (None, "Something went wrong here"),
        };
        self.no(code, text, out)
    }

    fn say_stopping(&self, out: &mut Output) -> Next {
        self.bye(Some(Code::TryLater), "The server is stopping, try again soon", out)
    }
}

/// The extensions' names, but for those that are known without being required.
fn names(offered: Capabilities) -> String {
    let is_told = |capability: &Capability| {
        !matches!(capability, Capability::ComparatorAsciiCasemap | Capability::ComparatorOctet)
    };
    let names: Vec<&str> = offered.iter().filter(is_told).map(Capability::name).collect();
    names.join(" ")
}
