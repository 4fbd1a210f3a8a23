//! The first start without a configuration: one account with a random password, a welcome message,
//! and the lines that show a person how to go on.

use std::fmt;
use std::fmt::Write as _;
use std::net::SocketAddr;

use ring::rand::{SecureRandom, SystemRandom};

use crate::model::Secret;
use crate::server::{AccountError, Handle};
use crate::session::Service;
use crate::store::Failure;
use crate::work::DeliverError;

/// Whom the first account belongs to.
pub const FIRST_ADDRESS: &str = "me@localhost";
/// Letters and digits that nobody takes for one another: 32 of them, five bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Four groups of four: 80 bits.
const GROUPS: usize = 4;
const GROUP_CHARACTERS: usize = 4;

/// What a person must know after the first start.
#[derive(Debug)]
pub struct FirstAccount {
    /// In the clear, to be shown once; the store has only its hash.
    pub password: Secret,
}

/// Why the first account is not there.
#[derive(Debug)]
pub enum FirstRunError {
    /// No random bytes for a password.
    NoRandomness,
    /// Nobody knows whether there are accounts.
    Store(Failure),
    /// It was not made.
    Account(AccountError),
    /// The welcome message was not delivered.
    Welcome(DeliverError),
}

impl fmt::Display for FirstRunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the first account: ")?;
        match self {
            Self::NoRandomness => f.write_str("the system gives no random bytes"),
            Self::Store(failure) => failure.fmt(f),
            Self::Account(error) => error.fmt(f),
            Self::Welcome(error) => write!(f, "welcome message: {error}"),
        }
    }
}

impl std::error::Error for FirstRunError {}

/// Makes the first account if there is none at all.
pub fn prepare(server: &Handle) -> Result<Option<FirstAccount>, FirstRunError> {
    if !server.is_empty().map_err(FirstRunError::Store)? {
        return Ok(None);
    }
    let password = password()?;
    server.create_account(FIRST_ADDRESS, &password).map_err(FirstRunError::Account)?;
    let fields = server.origination_fields().map_err(|_| FirstRunError::NoRandomness)?;
    let welcome = welcome(&fields);
    server.deliver("", FIRST_ADDRESS, welcome.as_bytes()).map_err(FirstRunError::Welcome)?;
    Ok(Some(FirstAccount { password }))
}

fn password() -> Result<Secret, FirstRunError> {
    let mut random = [0; GROUPS * GROUP_CHARACTERS];
    SystemRandom::new().fill(&mut random).map_err(|_| FirstRunError::NoRandomness)?;
    let character = |byte: &u8| ALPHABET[usize::from(byte % 32)];
    let groups = random.chunks(GROUP_CHARACTERS);
    let groups: Vec<Vec<u8>> = groups.map(|group| group.iter().map(character).collect()).collect();
    Ok(Secret::new(groups.join(&b'-')))
}

/// `origination_fields` are its Date and Message-ID: with From, what every message must or should
/// have (RFC 5322 §3.6).
fn welcome(origination_fields: &str) -> String {
    format!(
        "{origination_fields}From: Sora <sora@localhost>\r\n\
         To: {FIRST_ADDRESS}\r\n\
         Subject: Welcome to Sora\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Auto-Submitted: auto-generated\r\n\
         \r\n\
         This message came by the same way that all mail takes: it was delivered, committed to\r\n\
         disk, and only then acknowledged.\r\n\
         \r\n\
         To give somebody else an account:\r\n\
         \r\n\
         \x20   sora-admin create-account --email user@example.com\r\n\
         \r\n\
         To serve more than this machine, copy config.toml.example to config.toml and say there\r\n\
         which servers start and where they listen. sora-admin help and sora -help list the rest.\r\n"
    )
}

/// What is printed once the server listens. `program` is how it was called: its neighbour
/// `sora-admin` is called the same way.
pub fn banner(server: &Handle, first: Option<&FirstAccount>, program: &str) -> String {
    let mut out = String::from("Sora is listening:\n\n");
    for serving in server.serving() {
        let (name, how) = match (serving.service, serving.is_implicit) {
            (Service::Imap, false) => ("IMAP", "plain or STARTTLS"),
            (Service::Imap, true) => ("IMAPS", "TLS"),
            (Service::Lmtp, _) => ("LMTP", "for mail coming in"),
            (Service::Pop3, false) => ("POP3", "plain or STLS"),
            (Service::Pop3, true) => ("POP3S", "TLS"),
            (Service::ManageSieve, _) => ("SIEVE", "ManageSieve, for the rules that sort mail"),
            #[cfg(test)]
            (Service::Echo, _) => continue,
        };
        line(&mut out, format_args!("  {name:<6} {}  ({how})", serving.at));
    }
    let admin = neighbour(program);
    let (shown, password) = match first {
        Some(first) => {
            let password = String::from_utf8_lossy(first.password.expose()).into_owned();
            (password.clone(), format!(":{password}"))
        }
        None => (
            format!("as printed at the first start; {admin} update-account sets a new one"),
            String::new(),
        ),
    };
    line(&mut out, format_args!("\n  address   {FIRST_ADDRESS}\n  password  {shown}"));
    if let Some(imap) = server.address(Service::Imap) {
        read_lines(&mut out, imap, &password);
    }
    out.push_str("\nDeliver a message (or a file, in place of the -):\n\n");
    line(
        &mut out,
        format_args!(
            "  printf 'Subject: Hello\\n\\nHow are you?\\n' | {admin} deliver - --to {FIRST_ADDRESS}"
        ),
    );
    out.push_str("\nCtrl-C stops the server.\n");
    out
}

fn read_lines(out: &mut String, imap: SocketAddr, password: &str) {
    out.push_str("\nRead the mail:\n\n");
    line(
        out,
        format_args!("  curl -u {FIRST_ADDRESS}{password} 'imap://{imap}/INBOX;MAILINDEX=1'"),
    );
    // Without `folder` mutt asks a newcomer whether to make ~/Mail.
    line(
        out,
        format_args!(
            "  mutt -e 'set ssl_force_tls=no ssl_starttls=no folder=imap://{imap}' \
             -f imap://me%40localhost{password}@{imap}/INBOX"
        ),
    );
}

fn line(out: &mut String, text: fmt::Arguments<'_>) {
    let _into_a_string = writeln!(out, "{text}");
}

fn neighbour(program: &str) -> String {
    match program.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/sora-admin"),
        None => "sora-admin".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_never_the_same() {
        let (one, two) = (password().unwrap(), password().unwrap());
        assert_ne!(one, two);
        for password in [one, two] {
            let text = String::from_utf8(password.expose().to_vec()).unwrap();
            let groups: Vec<&str> = text.split('-').collect();
            assert_eq!(groups.len(), GROUPS);
            assert!(groups.iter().all(|group| group.len() == GROUP_CHARACTERS), "{text}");
        }
    }

    #[test] // RFC 5322 §3.6
    fn the_welcome_message_has_what_every_message_has() {
        let message = welcome("Date: now\r\nMessage-ID: <a@b>\r\n");
        let (header, _) = message.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> =
            header.split("\r\n").map(|line| line.split_once(':').unwrap().0).collect();
        assert_eq!(names[..5], ["Date", "Message-ID", "From", "To", "Subject"]);
    }

    #[test]
    fn the_admin_tool_is_called_as_the_server_was() {
        assert_eq!(neighbour("./sora"), "./sora-admin");
        assert_eq!(neighbour("/usr/local/bin/sora"), "/usr/local/bin/sora-admin");
        assert_eq!(neighbour("sora"), "sora-admin");
    }
}
