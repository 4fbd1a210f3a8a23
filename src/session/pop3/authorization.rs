//! From the greeting to the maildrop: USER and PASS, AUTH PLAIN, STLS; and what may be asked before
//! and after it: CAPA and LANG.

use parser::pop3::write::{self, Charset};
use parser::pop3::{self, Command, SaslLine};

use super::super::sasl::Plain;
use super::maildrop::Maildrop;
use super::{Doing, Next, Output, Pop3, State};
use crate::error::Refusal;
use crate::job::{Job, Reply, Seat};
use crate::model::{AccountId, MailboxName};

/// Bytes of a PLAIN message: more than an address, twice, and a password can have.
const PLAIN_BYTES_MAX: usize = pop3::SASL_LINE_BYTES_MAX / 4 * 3;

impl Pop3 {
    /// RFC 2449 §5: what there is, and now.
    pub(super) fn on_capa(&self, out: &mut Output) -> Next {
        let is_new = matches!(self.state, State::Authorization { .. });
        write::ok(out.buffer(), "What there is", self.charset);
        let mut tell = |tag: &str, parameters: &[&str]| {
            write::capability(out.buffer(), tag, parameters);
        };
        for tag in ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "LANG"] {
            tell(tag, &[]);
        }
        tell("UTF8", &["USER"]); // RFC 6856 §2.2: names and passwords, too
        if self.takes_passwords() {
            tell("USER", &[]);
            tell("SASL", &["PLAIN"]);
        }
        if self.peer.can_start_tls && is_new {
            tell("STLS", &[]); // RFC 2595 §4: not once it is on
        }
        // RFC 2449 §6.7: for how long mail may stay.
        match self.settings.expire_days {
            Some(days) => tell("EXPIRE", &[&days.to_string()]),
            None => tell("EXPIRE", &["NEVER"]),
        }
        tell("LOGIN-DELAY", &["0"]); // RFC 2449 §6.5: none
        tell("IMPLEMENTATION", &["Sora"]);
        out.put(write::END);
        Next::Read
    }

    /// RFC 6856 §3.2: responses are in English, so English is what can be had.
    pub(super) fn on_lang(&mut self, range: Option<&str>, out: &mut Output) -> Next {
        let Some(range) = range else {
            write::ok(out.buffer(), "Languages", self.charset);
            write::language(out.buffer(), "en", "English");
            out.put(write::END);
            return Next::Read;
        };
        let is_english = |range: &str| {
            let primary = range.split('-').next().unwrap_or(range);
            primary.eq_ignore_ascii_case("en") || range.eq_ignore_ascii_case("i-default")
        };
        if range == "*" || is_english(range) {
            return self.ok("en In English, as ever", out);
        }
        self.err(None, "Only English can be had", out);
        Next::Read
    }

    /// RFC 1939 §4.
    pub(super) fn on_authorization(&mut self, command: Command<'_>, out: &mut Output) -> Next {
        match command {
            Command::User(name) if self.takes_passwords() => {
                // The same for every name (pitfall 55).
                self.state = State::Authorization { user: Some(name.to_owned()) };
                self.ok("Now the password", out)
            }
            Command::Pass(password) => self.on_pass(password.0, out),
            Command::Auth { mechanism, initial } => {
                self.on_auth(mechanism, initial.map(|initial| initial.0), out)
            }
            Command::AuthList => {
                write::ok(out.buffer(), "Mechanisms", self.charset);
                if self.takes_passwords() {
                    out.put(b"PLAIN\r\n");
                }
                out.put(write::END);
                Next::Read
            }
            Command::User(_) => self.wants_privacy(out),
            Command::Stls => self.on_stls(out),
            Command::Utf8 => {
                self.charset = Charset::Utf8; // RFC 6856 §2.1
                self.ok("UTF-8 from here on", out)
            }
            Command::Apop { .. } => self.bad("APOP is not offered: use AUTH PLAIN under TLS", out),
            _ => self.bad("Log in first", out),
        }
    }

    fn takes_passwords(&self) -> bool {
        self.settings.insecure_auth || self.peer.is_private()
    }

    /// Pitfall 58.
    fn wants_privacy(&self, out: &mut Output) -> Next {
        self.err(None, "Use TLS first", out);
        Next::Read
    }

    fn on_pass(&mut self, password: &[u8], out: &mut Output) -> Next {
        if !self.takes_passwords() {
            return self.wants_privacy(out);
        }
        let State::Authorization { user } = &mut self.state else { return Next::Read };
        let Some(user) = user.take() else { return self.bad("USER comes first", out) };
        self.log_in(&Plain::new(user.as_bytes(), password), out)
    }

    /// RFC 5034 §4, with or without an initial response (pitfall 123).
    fn on_auth(&mut self, mechanism: &str, initial: Option<&[u8]>, out: &mut Output) -> Next {
        if !mechanism.eq_ignore_ascii_case("PLAIN") {
            return self.bad("Only PLAIN is known here", out);
        }
        if !self.takes_passwords() {
            return self.wants_privacy(out);
        }
        let Some(initial) = initial else {
            write::challenge(out.buffer(), b"");
            self.doing = Doing::Sasl;
            return Next::Read;
        };
        let mut room = [0; pop3::COMMAND_BYTES_MAX];
        match pop3::initial_response(initial, &mut room) {
            Ok(message) => self.on_plain(message, out),
            Err(_) => self.bad("Not base64", out),
        }
    }

    /// The line that answers our `+`.
    pub(super) fn on_sasl_line(&mut self, line: &[u8], out: &mut Output) -> Next {
        self.doing = Doing::Nothing;
        let mut room = vec![0; line.len().min(PLAIN_BYTES_MAX)];
        match pop3::sasl_line(line, &mut room) {
            Ok(SaslLine::Response(message)) => self.on_plain(message, out),
            Ok(SaslLine::Cancelled) => {
                self.err(None, "Given up", out);
                Next::Read
            }
            Err(_) => self.bad("Not base64", out),
        }
    }

    fn on_plain(&mut self, message: &[u8], out: &mut Output) -> Next {
        match Plain::read(message) {
            Some(plain) => self.log_in(&plain, out),
            None => self.bad("Not a PLAIN response", out),
        }
    }

    fn log_in(&mut self, plain: &Plain<'_>, out: &mut Output) -> Next {
        match plain.login(&self.peer) {
            Some(job) => {
                self.doing = Doing::LoggingIn;
                Next::Run(Box::new(job))
            }
            None => {
                self.fail(&Reply::Refused(Refusal::BadCredentials), "", out);
                Next::Read
            }
        }
    }

    pub(super) fn on_logged_in(&mut self, reply: Reply, out: &mut Output) -> Next {
        let Reply::LoggedIn { account, seat, .. } = reply else {
            self.fail(&reply, "No login now", out);
            return Next::Read;
        };
        if self.settings.pop3_exclusive {
            self.doing = Doing::Locking(account, seat);
            return Next::Run(Box::new(Job::LockMaildrop { account }));
        }
        self.open(account, seat, None)
    }

    /// RFC 1939 §4: "if the maildrop cannot be opened … the server responds negatively".
    pub(super) fn on_locked(
        &mut self,
        account: AccountId,
        seat: Seat,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        let Reply::MaildropLocked(lock) = reply else {
            self.fail(&reply, "The maildrop cannot be locked", out);
            return Next::Read;
        };
        self.open(account, seat, Some(lock))
    }

    fn open(&mut self, account: AccountId, seat: Seat, lock: Option<Seat>) -> Next {
        self.doing = Doing::Opening { seat, lock };
        Next::Run(Box::new(Job::OpenMailbox { account, name: MailboxName::inbox() }))
    }

    pub(super) fn on_opened(
        &mut self,
        seat: Seat,
        lock: Option<Seat>,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        let Reply::MailboxOpened { info, snapshot } = reply else {
            self.fail(&reply, "The maildrop cannot be opened", out);
            return Next::Read;
        };
        let maildrop = Maildrop::new(info.key, snapshot, seat, lock);
        let text = format!("{} messages ({} octets)", maildrop.messages(), maildrop.octets());
        self.state = State::Transaction(Box::new(maildrop));
        self.ok(&text, out)
    }

    /// RFC 2595 §4. What was pipelined behind it is thrown away by the connection (pitfall 60).
    fn on_stls(&mut self, out: &mut Output) -> Next {
        if !self.peer.can_start_tls {
            let why = if self.peer.tls { "TLS is on" } else { "No TLS here" };
            return self.bad(why, out);
        }
        let _read = self.ok("Begin TLS now", out);
        Next::StartTls
    }

    /// RFC 2595 §4: what was learnt in the clear is forgotten.
    pub(super) fn on_tls_started(&mut self) -> Next {
        self.peer.tls = true;
        self.peer.can_start_tls = false;
        self.charset = Charset::Ascii;
        self.state = State::Authorization { user: None };
        self.lines = parser::Lines::new();
        Next::Read
    }
}
