//! AUTHENTICATE PLAIN, STARTTLS and UNAUTHENTICATE (RFC 5804 §2.1, §2.2, §2.14.1).

use parser::imap::Str;
use parser::managesieve::write::{self, Code};
use parser::managesieve::{self, SaslLine};

use super::super::sasl::Plain;
use super::{Doing, ManageSieve, Next, Output, User};
use crate::error::Refusal;
use crate::job::Reply;

impl ManageSieve {
    pub(super) fn takes_passwords(&self) -> bool {
        self.settings.insecure_auth || self.peer.is_private()
    }

    pub(super) fn on_authenticate(
        &mut self,
        mechanism: &str,
        initial: Option<Str<'_>>,
        out: &mut Output,
    ) -> Next {
        if self.user.is_some() {
            return self.bad("You are logged in", out); // pitfall 128
        }
        if !mechanism.eq_ignore_ascii_case("PLAIN") {
            return self.bad("Only PLAIN is known here", out);
        }
        if !self.takes_passwords() {
            return self.no(Some(Code::EncryptNeeded), "Use STARTTLS first", out); // pitfall 58
        }
        match initial {
            Some(initial) => self.on_base64(&initial.bytes(), out),
            None => {
                write::line(out.buffer(), b""); // RFC 5804 §2.1: an empty challenge
                self.doing = Doing::Sasl;
                Next::Read
            }
        }
    }

    /// The string that answers our challenge.
    pub(super) fn on_sasl_response(&mut self, frame: &[u8], out: &mut Output) -> Next {
        self.doing = Doing::Nothing;
        match managesieve::sasl_response(frame) {
            Ok(response) => self.on_base64(&response.0.bytes(), out),
            Err(error) => self.bad(&format!("Not understood: {error}"), out),
        }
    }

    fn on_base64(&mut self, base64: &[u8], out: &mut Output) -> Next {
        let mut room = vec![0; base64.len()];
        let message = match managesieve::sasl_line(base64, &mut room) {
            Ok(SaslLine::Response(message)) => message,
            Ok(SaslLine::Cancelled) => return self.no(None, "Given up", out),
            Err(_) => return self.bad("Not base64", out),
        };
        let Some(plain) = Plain::read(message) else {
            return self.bad("Not a PLAIN response", out);
        };
        match plain.login(&self.peer) {
            Some(job) => {
                self.doing = Doing::LoggingIn;
                Next::Run(Box::new(job))
            }
            None => self.fail(&Reply::Refused(Refusal::BadCredentials), out),
        }
    }

    pub(super) fn on_logged_in(&mut self, reply: Reply, out: &mut Output) -> Next {
        let Reply::LoggedIn { account, address, seat } = reply else {
            return self.fail(&reply, out);
        };
        self.user = Some(User { account, address, _seat: seat });
        self.ok("Logged in", out)
    }

    /// RFC 5804 §2.2. What was pipelined behind it is thrown away by the connection (pitfall 60).
    pub(super) fn on_start_tls(&mut self, out: &mut Output) -> Next {
        if self.user.is_some() {
            return self.bad("Not once you are logged in", out); // pitfall 128
        }
        if !self.peer.can_start_tls {
            let why = if self.peer.tls { "TLS is on" } else { "No TLS here" };
            return self.bad(why, out);
        }
        let _read = self.ok("Begin TLS now", out);
        Next::StartTls
    }

    /// What was learnt in the clear is forgotten.
    pub(super) fn on_tls_started(&mut self) {
        self.peer.tls = true;
        self.peer.can_start_tls = false;
        self.doing = Doing::Nothing;
        self.gathering.reset();
    }

    /// RFC 5804 §2.14.1: back to before the login; TLS stays.
    pub(super) fn on_unauthenticate(&mut self, out: &mut Output) -> Next {
        self.user = None;
        self.ok("Who is next?", out)
    }
}
