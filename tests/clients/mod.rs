//! Mail programs that people use, against the real server. A program that is not there is skipped.

mod curl;
mod delivery;
mod downloads;
mod learning;
mod mutt;
mod pop3;
mod postfix;
mod scripts;
mod sieve;
mod sync;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::connection::Connection;
use crate::support::messages;
use crate::support::server::Server;

const USER: &str = "me@example.com";
const PASSWORD: &str = "secret";

/// A server with one account.
struct Place {
    server: Server,
}

impl Place {
    /// With `messages` small messages in INBOX.
    fn new(messages: u32) -> Self {
        let server = Server::start();
        server.home.create_account(USER, PASSWORD);
        let place = Self { server };
        place.deliver(1, messages);
        place
    }

    /// Delivers the small messages `first` to `last`.
    fn deliver(&self, first: u32, last: u32) {
        let mut lmtp = Connection::lmtp(self.server.lmtp()).expect("LMTP");
        for n in first..=last {
            let replies = lmtp.deliver(&[USER], &messages::small(n)).expect("a delivery");
            assert!(replies.iter().all(|reply| reply.starts_with("250")), "{replies:?}");
        }
    }

    fn folder(&self) -> &Path {
        self.server.home.folder()
    }

    /// Our own connection, to look at what the program did.
    fn imap(&self) -> Connection {
        Connection::imap(self.server.imap(), USER, PASSWORD).expect("a login")
    }

    /// A message of INBOX, and how much of it the network took.
    fn fetch(&self, uid: u32) -> (Vec<u8>, usize) {
        let mut imap = self.imap();
        imap.must("EXAMINE INBOX").expect("INBOX");
        imap.fetch_body(uid).expect("its body")
    }

    /// Flags by UID.
    fn flags(&self, mailbox: &str) -> BTreeMap<u32, String> {
        let mut imap = self.imap();
        imap.must(&format!("EXAMINE \"{mailbox}\"")).expect("the mailbox");
        let answer = imap.must("UID FETCH 1:* (FLAGS)").expect("the flags");
        let of = |response: Vec<u8>| {
            let text = String::from_utf8(response).expect("flags are ASCII");
            let uid = text.split_once("UID ")?.1.split([' ', ')']).next()?.parse().ok()?;
            Some((uid, text.split_once("FLAGS (")?.1.split(')').next()?.to_owned()))
        };
        answer.untagged.into_iter().filter_map(of).collect()
    }

    /// Ends the server and proves the store right.
    fn stop(self) {
        self.server.stop();
    }
}

/// The files below `folder`, as they are named.
fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// Some programs refuse a configuration that others may read.
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, mode).expect("its mode");
}

/// An empty Maildir for programs that make none.
fn new_maildir(place: &Place) -> PathBuf {
    let mail = place.folder().join("mail");
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(mail.join(folder)).expect("a Maildir");
    }
    mail
}

/// Writes `getmailrc`: mail by `retriever` from `port` into the Maildir. Gives the arguments.
fn getmailrc(place: &Place, mail: &Path, retriever: &str, port: u16, delete: bool) -> [String; 2] {
    let text = format!(
        "[retriever]\ntype = {retriever}\nserver = 127.0.0.1\nport = {port}\n\
         username = {USER}\npassword = {PASSWORD}\n\
         [destination]\ntype = MDA_external\npath = /bin/sh\nallow_root_commands = true\n\
         arguments = (\"-c\", \"cat > $(mktemp {}/new/XXXXXX)\")\n\
         [options]\nread_all = false\ndelete = {delete}\nverbose = 2\n",
        mail.display()
    );
    std::fs::write(place.folder().join("getmailrc"), text).expect("a configuration");
    [format!("--getmaildir={}", place.folder().display()), "--rcfile=getmailrc".to_owned()]
}

/// The messages of a Maildir.
fn maildir(folder: &Path) -> Vec<String> {
    [files(&folder.join("new")), files(&folder.join("cur"))].concat()
}
