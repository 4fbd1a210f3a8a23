//! What was deleted and is still there: list-deleted, restore-messages, purge.

use super::accounts::{self, rounded};
use super::options::{Choice, Options};
use super::{AdminError, Streams, confirm, counted, open};
use crate::config;
use crate::job::MailboxKey;
use crate::limits;
use crate::mail::envelope::Envelope;
use crate::mail::{UidRuns, text};
use crate::model::{AccountId, Address, MailboxName, Timestamp, Uid};
use crate::store::{DeletedFrom, DeletedMessage, Store};
use crate::work;

const EMAIL: Choice =
    Choice { name: "email", value: "ADDRESS", what: "any address of the account" };
const MAILBOX: Choice =
    Choice { name: "mailbox", value: "NAME", what: "only what was deleted from this mailbox" };
const SINCE: Choice = Choice {
    name: "since",
    value: "WHEN",
    what: "only what was deleted since then: 2026-11-20, or 36h or 3d ago",
};
const UID: Choice = Choice { name: "uid", value: "SET", what: "only these UIDs: 7, 3,5:9 or 12:*" };
const ALL: Choice = Choice { name: "all", value: "", what: "everything that was deleted" };

pub(super) const LIST: &[Choice] = &[EMAIL, MAILBOX, SINCE, UID];
pub(super) const RESTORE: &[Choice] = &[EMAIL, MAILBOX, SINCE, UID, ALL];
pub(super) const PURGE: &[Choice] = &[EMAIL, MAILBOX, SINCE, UID, ALL, super::YES];

pub(super) const LIST_MORE: &str = "\
Times are in UTC. Messages are kept for [cleanup] grace_period after they were expunged, or after
their mailbox was deleted; restore-messages brings them back until then.
";

pub(super) const RESTORE_MORE: &str = "\
Name what is wanted: a mailbox, a time, UIDs as list-deleted shows them, or --all. Messages come
back into the mailbox they were in, which is made again if it is gone, with their flags and dates
and new UIDs; a client that is connected sees them arrive. What is there already is not doubled.
";

pub(super) const PURGE_MORE: &str = "\
Removes for good, now, what list-deleted shows and the options name; mail that is in a mailbox is
left alone. It asks before it does, unless --yes is there. Bodies that cannot be removed now are
counted, and the exit code is 1 then; the server removes them by itself. With S3, the files in the
[local_cache] of servers that read such messages stay until it is full, or are deleted by hand.
";

/// What the options name.
struct Wanted {
    account: AccountId,
    primary: Address,
    mailbox: Option<MailboxName>,
    since: Timestamp,
    uids: UidRuns,
}

impl Wanted {
    fn read(options: &Options<'_>, store: &Store) -> Result<Self, AdminError> {
        options.no_words()?;
        let address = accounts::address(options, "email")?;
        let Some(found) = store.account_by_address(&address)? else {
            return Err(AdminError::NoSuchAddress(address));
        };
        let mailbox = options.value("mailbox").map(|text| {
            MailboxName::new(text).map_err(|_| {
                options.wrong(&format!("--mailbox {text:?}: no mailbox has such a name"))
            })
        });
        let since = options.value("since").map(|text| {
            since(text, store.now()?)
                .ok_or_else(|| options.wrong(&format!("--since {text:?}: expected {SINCE_FORMS}")))
        });
        let uids = options.value("uid").map(|text| {
            uid_set(text).ok_or_else(|| {
                options.wrong(&format!("--uid {text:?}: expected UIDs such as 3,5:9"))
            })
        });
        Ok(Self {
            account: found.account,
            primary: found.primary,
            mailbox: mailbox.transpose()?,
            since: since.transpose()?.unwrap_or(Timestamp(0)),
            uids: uids.transpose()?.unwrap_or_else(|| UidRuns::range(Uid(1), Uid(u32::MAX))),
        })
    }

    /// Refuses to work on everything unless told so.
    fn named(options: &Options<'_>) -> Result<(), AdminError> {
        let named = ["mailbox", "since", "uid", "all"].iter().any(|name| options.has(name));
        let what = "name what is meant: --mailbox, --since, --uid, or --all";
        if named { Ok(()) } else { Err(options.wrong(what)) }
    }

    fn mailboxes(&self, store: &Store) -> Result<Vec<DeletedFrom>, AdminError> {
        let mut found = store.deleted_from(self.account)?;
        let wanted = self.mailbox.as_ref().map(MailboxName::key);
        found.retain(|from| wanted.as_ref().is_none_or(|key| *key == from.name.key()));
        Ok(found)
    }

    /// Hands out the messages that are meant, page by page.
    fn each_page(
        &self,
        store: &Store,
        from: &DeletedFrom,
        mut each: impl FnMut(MailboxKey, &[DeletedMessage]) -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        let mailbox = MailboxKey { account: self.account, mailbox: from.mailbox };
        let mut after = Uid(0);
        loop {
            let mut page = store.deleted_messages(mailbox, after, self.since)?;
            let is_last = (page.len() as i64) < limits::RESTORED_MESSAGES_MAX;
            after = page.last().map_or(after, |message| message.uid);
            page.retain(|message| self.uids.contains(message.uid));
            if !page.is_empty() {
                each(mailbox, &page)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

pub(super) fn list(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let (config, store) = open(options)?;
    let wanted = Wanted::read(options, &store)?;
    let mut count = 0;
    for from in wanted.mailboxes(&store)? {
        let mut is_first = true;
        wanted.each_page(&store, &from, |_, page| {
            if std::mem::take(&mut is_first) {
                let gone = if from.is_deleted { " (deleted)" } else { "" };
                writeln!(streams.out, "{}{gone}", from.name)?;
                writeln!(
                    streams.out,
                    "{:>10}  {:16}  {:>7}  from, subject",
                    "uid", "deleted", "size"
                )?;
            }
            count += page.len() as u64;
            page.iter().try_for_each(|message| Ok(writeln!(streams.out, "{}", line_of(message))?))
        })?;
    }
    match count {
        0 => writeln!(streams.out, "Nothing to restore for {}.", wanted.primary)?,
        _ => writeln!(
            streams.out,
            "{} can be restored, each for {} after it was deleted.",
            counted(count, "message"),
            config::shown_duration(config.cleanup.grace_period)
        )?,
    }
    Ok(())
}

fn line_of(message: &DeletedMessage) -> String {
    let envelope = Envelope::parse(&message.envelope).unwrap_or_default();
    let shown = |text: Option<&[u8]>| {
        let text = text::decode_header(text.unwrap_or_default());
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect::<String>()
    };
    let from = envelope.from.first().map_or_else(String::new, |from| {
        let part =
            |part: Option<&[u8]>| String::from_utf8_lossy(part.unwrap_or_default()).into_owned();
        format!("{}@{}", part(from.mailbox.as_deref()), part(from.host.as_deref()))
    });
    format!(
        "{:>10}  {}  {:>7}  {}, {}",
        message.uid.0,
        message.deleted_at,
        rounded(message.size).to_string(),
        shown(Some(from.as_bytes())),
        shown(envelope.subject.as_deref()),
    )
}

pub(super) fn restore(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    Wanted::named(options)?;
    let (config, store) = open(options)?;
    let wanted = Wanted::read(options, &store)?;
    let (mut count, mut there) = (0, 0);
    for from in wanted.mailboxes(&store)? {
        let mut came = 0;
        wanted.each_page(&store, &from, |mailbox, page| {
            let uids = page.iter().map(|message| message.uid).collect();
            let restored = store.restore(mailbox, &uids)?;
            came += u64::from(restored.uids.len());
            there += restored.there_already;
            if let Some(change) = restored.change() {
                work::tell(&store, &config.data_dir, &[change]); // who is connected sees them arrive
            }
            progress(streams, count + came, "restored")
        })?;
        if came > 0 {
            line_feed(streams)?;
            writeln!(streams.out, "{}: {} restored", from.name, counted(came, "message"))?;
        }
        count += came;
    }
    if there > 0 {
        writeln!(streams.out, "{} there already", counted(there, "message"))?;
    }
    if count == 0 && there == 0 {
        return Err(AdminError::NothingDeleted(wanted.primary));
    }
    Ok(())
}

pub(super) fn purge(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    Wanted::named(options)?;
    let (_, store) = open(options)?;
    let wanted = Wanted::read(options, &store)?;
    let mut meant = Vec::new();
    for from in wanted.mailboxes(&store)? {
        wanted.each_page(&store, &from, |mailbox, page| {
            meant.push((mailbox, page.iter().map(|message| message.uid).collect::<UidRuns>()));
            Ok(())
        })?;
    }
    let count: u64 = meant.iter().map(|(_, uids)| u64::from(uids.len())).sum();
    if count == 0 {
        return Err(AdminError::NothingDeleted(wanted.primary));
    }
    let what = format!("{} of {} will be gone for good", counted(count, "message"), wanted.primary);
    confirm(options, streams, &what)?;
    let (mut purged, mut bodies) = (0, Vec::new());
    for (mailbox, uids) in meant {
        let done = store.purge(mailbox, &uids)?;
        purged += done.messages;
        bodies.push(done.bodies);
        progress(streams, purged, "purged")?;
    }
    // Others' bodies may be what cannot be removed: of ours, what is left tells.
    let removed = store.remove_all_bodies();
    line_feed(streams)?;
    writeln!(streams.out, "{} purged", counted(purged, "message"))?;
    let mut left = 0;
    for bodies in bodies {
        left += store.bodies_left(wanted.account, &bodies)?;
    }
    if left > 0 {
        return Err(AdminError::BodiesLeft { left, why: removed.err() });
    }
    Ok(())
}

fn progress(streams: &mut Streams<'_>, done: u64, what: &str) -> Result<(), AdminError> {
    if streams.watched {
        write!(streams.err, "\r{done} {what}")?;
        streams.err.flush()?;
    }
    Ok(())
}

fn line_feed(streams: &mut Streams<'_>) -> Result<(), AdminError> {
    if streams.watched {
        write!(streams.err, "\r\x1b[K")?;
    }
    Ok(())
}

const SINCE_FORMS: &str = "a day such as 2026-11-20, or how long ago such as 36h or 3d";

fn since(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(ago) = config::duration(text) {
        let micros = i64::try_from(ago.as_micros()).ok()?;
        return Some(Timestamp(now.0.saturating_sub(micros)));
    }
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i32>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let days = i64::from(parser::message::date::days_from_civil(year, month, day));
    let at = Timestamp::from_seconds(days * 86_400);
    (at.civil() == (year.into(), month.into(), day.into())).then_some(at)
}

fn uid_set(text: &str) -> Option<UidRuns> {
    let number = |text: &str| match text {
        "*" => Some(u32::MAX),
        text => text.parse::<u32>().ok().filter(|number| *number > 0),
    };
    let mut ranges = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let (first, last) = (number(first)?, number(last)?);
        ranges.push((first.min(last), first.max(last)));
    }
    ranges.sort_unstable();
    Some(UidRuns::from_ranges(ranges.into_iter().map(|(first, last)| (Uid(first), Uid(last)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_or_spans() {
        let now = Timestamp::from_seconds(1_000_000);
        let check = |text: &str, want: Option<i64>| {
            assert_eq!(since(text, now).map(Timestamp::seconds), want, "{text}");
        };
        check("1h", Some(1_000_000 - 3_600));
        check("2d", Some(1_000_000 - 172_800));
        check("1970-01-03", Some(172_800));
        check("1970-02-30", None);
        check("yesterday", None);
        check("", None);
    }

    #[test]
    fn uid_sets() {
        let check = |text: &str, want: Option<&[(u32, u32)]>| {
            let runs = uid_set(text);
            let runs = runs.as_ref().map(|runs| {
                runs.ranges().map(|(first, last)| (first.0, last.0)).collect::<Vec<_>>()
            });
            assert_eq!(runs.as_deref(), want, "{text}");
        };
        check("7", Some(&[(7, 7)]));
        check("9:5,3", Some(&[(3, 3), (5, 9)]));
        check("5:9,7:12", Some(&[(5, 12)]));
        check("12:*", Some(&[(12, u32::MAX)]));
        check("0", None);
        check("", None);
        check("a", None);
    }
}
