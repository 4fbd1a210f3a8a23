//! LOGIN, AUTHENTICATE PLAIN and STARTTLS (RFC 9051 §6.2, RFC 4616, RFC 4959).

use parser::imap::Str;

use super::super::sasl::Plain;
use super::super::{Next, Output};
use super::codes::Missing;
use super::doing::{Doing, Ending, What};
use super::table::{AUTHENTICATE, Rule};
use super::{Imap, State, User};
use crate::job::Reply;

const PRIVACY_REQUIRED: &str = "NO [PRIVACYREQUIRED] Use TLS first"; // pitfall 58, RFC 5530 §3

impl Imap {
    pub(super) fn on_login(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        user: Str<'_>,
        password: Str<'_>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, rule);
        if !self.takes_passwords() {
            return self.end(ending.saying(PRIVACY_REQUIRED), out);
        }
        self.log_in(ending, &Plain::new(&user.bytes(), &password.bytes()), out)
    }

    /// RFC 9051 §6.2.2: only PLAIN; an initial response spares a round trip (RFC 4959).
    pub(super) fn on_authenticate(
        &mut self,
        tag: &str,
        mechanism: &str,
        initial_response: Option<&[u8]>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, &AUTHENTICATE);
        if !mechanism.eq_ignore_ascii_case("PLAIN") {
            return self.end(ending.saying("NO [CANNOT] Only PLAIN is known here"), out);
        }
        if !self.takes_passwords() {
            return self.end(ending.saying(PRIVACY_REQUIRED), out);
        }
        match initial_response {
            Some(b"=") => self.on_sasl(ending, b"", out), // RFC 4959 §3: an empty one
            Some(response) => self.on_sasl(ending, response, out),
            None => {
                out.put(b"+ \r\n");
                self.doing = Doing::Sasl { tag: tag.into() };
                Next::Read
            }
        }
    }

    /// The line that answers our `+`.
    pub(super) fn on_sasl_line(&mut self, tag: Box<str>, line: &[u8], out: &mut Output) -> Next {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line == b"*" {
            return self.bad(Some(&tag), format_args!("Authentication given up"), out);
        }
        self.on_sasl(Ending::ok(&tag, &AUTHENTICATE), line, out)
    }

    fn on_sasl(&mut self, ending: Ending, response: &[u8], out: &mut Output) -> Next {
        let Ok(plain) = base64_simd::STANDARD.decode_to_vec(response) else {
            return self.bad(Some(&ending.tag), format_args!("Not base64"), out);
        };
        match Plain::read(&plain) {
            Some(plain) => self.log_in(ending, &plain, out),
            None => self.bad(Some(&ending.tag), format_args!("Not a PLAIN response"), out),
        }
    }

    fn log_in(&mut self, ending: Ending, plain: &Plain<'_>, out: &mut Output) -> Next {
        match plain.login(&self.peer) {
            Some(job) => self.run(ending, What::Login, job),
            None => {
                let text = "NO [AUTHENTICATIONFAILED] Wrong user name or password";
                self.end(ending.saying(text), out)
            }
        }
    }

    pub(super) fn on_logged_in(&mut self, ending: Ending, reply: Reply, out: &mut Output) -> Next {
        let Reply::LoggedIn { account, seat, .. } = reply else {
            return self.fail(ending, &reply, Missing::Plain, out);
        };
        self.state = State::Authenticated(User { account, _seat: seat });
        out.text(format_args!("{} OK [", ending.tag));
        self.write_capabilities(out); // pitfall 59
        out.put(b"] Logged in\r\n");
        Next::Read
    }

    /// RFC 9051 §6.2.1. What was pipelined behind it is thrown away by the connection (pitfall 60).
    pub(super) fn on_starttls(&mut self, tag: &str, rule: &'static Rule, out: &mut Output) -> Next {
        if !self.peer.can_start_tls {
            let why = if self.peer.tls { "TLS is on" } else { "No TLS here" };
            return self.bad(Some(tag), format_args!("{why}"), out);
        }
        Ending::ok(tag, rule).saying("OK Begin TLS now").write(out);
        Next::StartTls
    }

    /// RFC 9051 §6.2.1: what was learnt in the clear is forgotten.
    pub(super) fn on_tls_started(&mut self) -> Next {
        self.peer.tls = true;
        self.peer.can_start_tls = false;
        self.framer.reset();
        Next::Read
    }
}
