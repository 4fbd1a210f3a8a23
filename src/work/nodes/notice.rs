//! What nodes tell each other, as text: one notice is the payload of one NOTIFY.
//!
//! `1 NAME NUMBER ACCOUNT.MAILBOX.MODSEQ …`: the version, who speaks, how often it has spoken with this
//! notice, and what it changed. One without changes is a beat; `bye` is the last of a node that stops.
//! Number 0 is of a program that does not stay, as `sora-admin`: nobody waits for its next.

use crate::job::{Change, MailboxKey};
use crate::limits::NOTICE_BYTES_MAX;
use crate::model::{AccountId, MailboxId, ModSeq};

const VERSION: &str = "1";
const BYE: &str = "bye";

/// A notice that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Notice<'a> {
    /// Who speaks.
    pub(super) name: &'a str,
    /// One more than that of its last; 0 if it does not count.
    pub(super) number: u64,
    /// Nothing comes after it.
    pub(super) is_last: bool,
    /// What was committed.
    pub(super) changes: Vec<Change>,
}

impl<'a> Notice<'a> {
    /// Reads a notice; `None` if it is of another version, or none at all.
    pub(super) fn read(payload: &'a str) -> Option<Self> {
        let mut words = payload.split(' ');
        if words.next() != Some(VERSION) {
            return None;
        }
        let (name, number) = (words.next()?, words.next()?.parse().ok()?);
        let (mut is_last, mut changes) = (false, Vec::new());
        for word in words {
            match word {
                BYE => is_last = true,
                word => changes.push(read_change(word)?),
            }
        }
        Some(Self { name, number, is_last, changes })
    }
}

fn read_change(word: &str) -> Option<Change> {
    let mut numbers = word.split('.').map(|number| number.parse::<i64>().ok());
    let mut next = || numbers.next().flatten();
    let mailbox = MailboxKey { account: AccountId(next()?), mailbox: MailboxId(next()?) };
    let change = Change { mailbox, mod_seq: ModSeq(next()?) };
    numbers.next().is_none().then_some(change)
}

/// Writes notices, and counts them.
pub(super) struct Writer {
    name: String,
    /// That of the last notice; `None` if they are not counted.
    number: Option<u64>,
}

impl Writer {
    /// For a node, which counts.
    pub(super) fn of_node(name: &str) -> Self {
        Self { name: plain(name), number: Some(0) }
    }

    /// For a program that does not stay.
    pub(super) fn of_visitor(name: &str) -> Self {
        Self { name: plain(name), number: None }
    }

    /// One number is left out: the others find a gap, and look for themselves.
    pub(super) fn skip(&mut self) {
        self.number = self.number.map(|number| number.saturating_add(1));
    }

    /// As few notices as hold `changes`; one at least.
    pub(super) fn write(&mut self, changes: impl Iterator<Item = Change>) -> Vec<String> {
        let mut notices = vec![self.next()];
        for Change { mailbox: MailboxKey { account, mailbox }, mod_seq } in changes {
            let word = format!(" {}.{}.{}", account.0, mailbox.0, mod_seq.0);
            match notices.last_mut() {
                Some(last) if last.len() + word.len() <= NOTICE_BYTES_MAX => last.push_str(&word),
                _ => notices.push(self.next() + &word),
            }
        }
        notices
    }

    /// The last one.
    pub(super) fn goodbye(&mut self) -> String {
        format!("{} {BYE}", self.next())
    }

    fn next(&mut self) -> String {
        self.skip();
        format!("{VERSION} {} {}", self.name, self.number.unwrap_or(0))
    }
}

/// A word that is surely one.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).take(NAME_BYTES_MAX).collect()
}

const NAME_BYTES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn change(account: i64, mailbox: i64, mod_seq: i64) -> Change {
        let mailbox = MailboxKey { account: AccountId(account), mailbox: MailboxId(mailbox) };
        Change { mailbox, mod_seq: ModSeq(mod_seq) }
    }

    #[track_caller]
    fn check(payload: &str, want: &str) {
        let read = Notice::read(payload).map_or("none".to_owned(), |notice| {
            let Notice { name, number, is_last, changes } = notice;
            let seen = changes.iter().map(|change| {
                let MailboxKey { account, mailbox } = change.mailbox;
                format!("; {} in {} of {}", change.mod_seq.0, mailbox.0, account.0)
            });
            let last = if is_last { "last, " } else { "" };
            format!("{last}{number} of {name}{}", seen.collect::<String>())
        });
        assert_eq!(read, want, "{payload}");
    }

    #[test]
    fn notices_are_read() {
        check("1 a:1:host 7", "7 of a:1:host");
        check("1 admin 0 3.250.9 4.1.2", "0 of admin; 9 in 250 of 3; 2 in 1 of 4");
        check("1 a 8 1.2.9223372036854775807", "8 of a; 9223372036854775807 in 2 of 1");
        check("1 a 9 bye", "last, 9 of a");
        for other in ["", "1", "2 a 7", "1 a", "1 a x", "1 a -1"] {
            check(other, "none");
        }
        for other in ["1.2", "1.2.3.4", "1.2.x", "", "1.2.9223372036854775808", "hello"] {
            check(&format!("1 a 7 {other}"), "none");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::of_node("a:1:ho st\u{e9}");
        assert_eq!(writer.write(std::iter::empty()), ["1 a:1:ho?st? 1"]);
        let notices = writer.write([change(1, 2, 3), change(1, 3, 4)].into_iter());
        assert_eq!(notices, ["1 a:1:ho?st? 2 1.2.3 1.3.4"]);
        writer.skip();
        assert_eq!(writer.goodbye(), "1 a:1:ho?st? 4 bye");
        let mut visitor = Writer::of_visitor("v");
        assert_eq!(visitor.write(std::iter::once(change(1, 2, 3))), ["1 v 0 1.2.3"]);
        assert_eq!(visitor.write(std::iter::once(change(1, 2, 3))), ["1 v 0 1.2.3"]);
    }

    /// PostgreSQL refuses a payload of 8,000 bytes.
    #[test]
    fn no_notice_is_longer_than_the_server_takes() {
        let mut writer = Writer::of_node(&"n".repeat(1_000));
        let huge: Vec<Change> = (0..2_000).map(|n| change(i64::MAX, i64::MAX - n, n)).collect();
        let notices = writer.write(huge.iter().copied());
        assert!(notices.len() > 2);
        assert!(notices.iter().all(|notice| notice.len() < 8_000));
        let read: Vec<_> = notices.iter().map(|notice| Notice::read(notice).unwrap()).collect();
        assert!(read.iter().zip(1..).all(|(notice, number)| notice.number == number));
        let back: Vec<Change> = read.into_iter().flat_map(|notice| notice.changes).collect();
        assert_eq!(back, huge);
        // Small ones go together.
        let small = (0..700).map(|n| change(1, n, 5));
        assert_eq!(Writer::of_node("n").write(small).len(), 1);
    }
}
