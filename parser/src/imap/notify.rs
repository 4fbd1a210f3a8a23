//! NOTIFY: what a client wants to be told unasked (RFC 5465 §3, §8).

use super::command::{Command, EventGroup, FetchItem, MailEvent, MailboxFilter, Notify, Str};
use super::fetch::{fetch_atts, fetch_atts_again};
use super::lists::{Item, Least, List, lone, parenthesized, spaced, step_over};
use super::strings::{atom, mailbox, sp, word};
use crate::cursor::{Cursor, Error};

/// `notify = "NOTIFY" SP (notify-set / notify-none)`,
/// `notify-set = "SET" [status-indicator] SP event-groups`, `status-indicator = SP "STATUS"`,
/// `event-groups = event-group *(SP event-group)` — RFC 5465 §8.
pub(super) fn notify<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"NONE" => return Ok(Command::Notify(Notify::None)),
        b"SET" => {}
        _ => return Err(before.error("notify-set or notify-none")),
    }
    let status = cursor.eat_word(" STATUS ");
    if !status {
        sp(cursor)?;
    }
    let first = *cursor;
    let groups: List<'_, EventGroup<'_>> = spaced(cursor, event_group)?;
    let selecting = groups.iter().filter(|group| group.mailboxes.is_selected()).count();
    if selecting > 1 {
        return Err(first.error("one filter-mailboxes-selected at most")); // §6.1
    }
    Ok(Command::Notify(Notify::Set { status, groups }))
}

/// How a list of events is read: at first each is proved right, later it is stepped over.
type Events = for<'a> fn(&mut Cursor<'a>) -> Result<List<'a, MailEvent<'a>>, Error>;

/// An `event-group` seen for the first time.
fn event_group<'a>(cursor: &mut Cursor<'a>) -> Result<EventGroup<'a>, Error> {
    let before = *cursor;
    let group = group(cursor, |cursor| {
        parenthesized(cursor, Least::One, |cursor| event(cursor, fetch_atts))
    })?;
    match group.events.and_then(|events| wrong_events(group.mailboxes, events)) {
        Some(wrong) => Err(before.error(wrong)),
        None => Ok(group),
    }
}

impl<'a> Item<'a> for EventGroup<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        group(cursor, |cursor| step_over(cursor).map(List::proved))
    }
}

/// `event-group = "(" filter-mailboxes SP events ")"`,
/// `events = ("(" event *(SP event) ")") / "NONE"` — RFC 5465 §8.
fn group<'a>(cursor: &mut Cursor<'a>, list: Events) -> Result<EventGroup<'a>, Error> {
    cursor.expect(b'(', "event-group")?;
    let mailboxes = filter_mailboxes(cursor)?;
    sp(cursor)?;
    let before = *cursor;
    let events = match cursor.peek() {
        Some(b'(') => Some(list(cursor)?),
        _ => match word(cursor).as_bytes() {
            b"NONE" => None,
            _ => return Err(before.error("events")),
        },
    };
    cursor.expect(b')', "\")\"")?;
    Ok(EventGroup { mailboxes, events })
}

/// What is wrong with events that do not go together (RFC 5465 §5, §6.1, and the comments of §8).
fn wrong_events(
    mailboxes: MailboxFilter<'_>,
    events: List<'_, MailEvent<'_>>,
) -> Option<&'static str> {
    let (mut new, mut expunge, mut change, mut other, mut fetches) = Default::default();
    for event in events {
        match event {
            MailEvent::MessageNew(items) => {
                new = true;
                fetches |= items.is_some();
            }
            MailEvent::MessageExpunge => expunge = true,
            MailEvent::FlagChange | MailEvent::AnnotationChange => change = true,
            // One that we do not know may be any.
            MailEvent::Other(_) => {}
            _ => other = true,
        }
    }
    if new != expunge || change && !new {
        return Some("MessageNew and MessageExpunge together");
    }
    match mailboxes.is_selected() {
        true if other => Some("message-event"),
        false if fetches => Some("no fetch-att but for the selected mailbox"),
        _ => None,
    }
}

impl<'a> Item<'a> for MailboxFilter<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        filter_mailboxes(cursor)
    }
}

/// `filter-mailboxes = filter-mailboxes-selected / filter-mailboxes-other` — RFC 5465 §8,
/// `filter-mailboxes-other =/ ("subtree-one" SP one-or-more-mailbox)` — RFC 7377 §4.
pub(super) fn filter_mailboxes<'a>(cursor: &mut Cursor<'a>) -> Result<MailboxFilter<'a>, Error> {
    let before = *cursor;
    Ok(match word(cursor).as_bytes() {
        b"SELECTED" => MailboxFilter::Selected,
        b"SELECTED-DELAYED" => MailboxFilter::SelectedDelayed,
        b"INBOXES" => MailboxFilter::Inboxes,
        b"PERSONAL" => MailboxFilter::Personal,
        b"SUBSCRIBED" => MailboxFilter::Subscribed,
        b"SUBTREE" => MailboxFilter::Subtree(one_or_more_mailbox(cursor)?),
        b"SUBTREE-ONE" => MailboxFilter::SubtreeOne(one_or_more_mailbox(cursor)?),
        b"MAILBOXES" => MailboxFilter::Mailboxes(one_or_more_mailbox(cursor)?),
        _ => return Err(before.error("filter-mailboxes")),
    })
}

/// `SP one-or-more-mailbox`, `one-or-more-mailbox = mailbox / many-mailboxes`,
/// `many-mailboxes = "(" mailbox *(SP mailbox) ")"` — RFC 5465 §8.
fn one_or_more_mailbox<'a>(cursor: &mut Cursor<'a>) -> Result<List<'a, Str<'a>>, Error> {
    sp(cursor)?;
    match cursor.peek() {
        Some(b'(') => parenthesized(cursor, Least::One, mailbox),
        _ => lone(cursor, mailbox),
    }
}

/// How the list behind MessageNew is read.
type FetchAtts = for<'a> fn(&mut Cursor<'a>) -> Result<List<'a, FetchItem<'a>>, Error>;

impl<'a> Item<'a> for MailEvent<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        event(cursor, fetch_atts_again)
    }
}

/// `event = message-event / mailbox-event / user-event / event-ext` — RFC 5465 §8.
fn event<'a>(cursor: &mut Cursor<'a>, list: FetchAtts) -> Result<MailEvent<'a>, Error> {
    let mut ahead = *cursor;
    let event = match word(&mut ahead).as_bytes() {
        b"MESSAGENEW" => MailEvent::MessageNew(message_new(&mut ahead, list)?),
        b"MESSAGEEXPUNGE" => MailEvent::MessageExpunge,
        b"FLAGCHANGE" => MailEvent::FlagChange,
        b"ANNOTATIONCHANGE" => MailEvent::AnnotationChange,
        b"MAILBOXNAME" => MailEvent::MailboxName,
        b"SUBSCRIPTIONCHANGE" => MailEvent::SubscriptionChange,
        b"MAILBOXMETADATACHANGE" => MailEvent::MailboxMetadataChange,
        b"SERVERMETADATACHANGE" => MailEvent::ServerMetadataChange,
        _ => {
            return match atom(cursor) {
                Ok(name) => Ok(MailEvent::Other(name)),
                Err(error) => Err(Error { expected: "event", ..error }),
            };
        }
    };
    *cursor = ahead;
    Ok(event)
}

/// `[SP "(" fetch-att *(SP fetch-att) ")"]` behind `"MessageNew"` — RFC 5465 §8.
fn message_new<'a>(
    cursor: &mut Cursor<'a>,
    list: FetchAtts,
) -> Result<Option<List<'a, FetchItem<'a>>>, Error> {
    let mut ahead = *cursor;
    if !ahead.eat(b' ') || ahead.peek() != Some(b'(') {
        return Ok(None);
    }
    *cursor = ahead;
    list(cursor).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::command;
    use crate::imap::testing::check;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    /// The groups of NOTIFY SET, with their events looked at.
    #[track_caller]
    fn groups(line: &str, want: &[&str]) {
        let frame = format!("a NOTIFY {line}\r\n");
        let told: Vec<String> = match command(frame.as_bytes()).map(|tagged| tagged.command) {
            Ok(Command::Notify(Notify::Set { groups, .. })) => groups
                .iter()
                .map(|EventGroup { mailboxes, events }| {
                    let events = events.map(|events| events.iter().collect::<Vec<_>>());
                    format!("{mailboxes:?} {events:?}")
                })
                .collect(),
            Ok(command) => [format!("{command:?}")].into(),
            Err(error) => [error.to_string()].into(),
        };
        assert_eq!(told, want, "from {line:?}");
    }

    #[test]
    fn sets() {
        check("NOTIFY NONE", "Notify(None)");
        check(
            "notify set status (selected none)",
            "Notify(Set { status: true, groups: ((selected none)) })",
        );
        groups(
            "SET (SELECTED (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From To)]) MessageExpunge))",
            &["Selected Some([MessageNew(Some((UID BODY.PEEK[HEADER.FIELDS (From To)]))), \
               MessageExpunge])"],
        );
        groups(
            "SET STATUS (selected-delayed (messageexpunge MessageNew FlagChange)) (inboxes NONE) \
             (personal (MailboxName SubscriptionChange)) (subscribed (X.1 ServerMetadataChange)) \
             (subtree Lists (MailboxMetadataChange)) \
             (mailboxes (INBOX \"a b\") (MessageNew MessageExpunge AnnotationChange))",
            &[
                "SelectedDelayed Some([MessageExpunge, MessageNew(None), FlagChange])",
                "Inboxes None",
                "Personal Some([MailboxName, SubscriptionChange])",
                "Subscribed Some([Other(\"X.1\"), ServerMetadataChange])",
                "Subtree((Lists)) Some([MailboxMetadataChange])",
                "Mailboxes((INBOX \\\"a b\\\")) \
                 Some([MessageNew(None), MessageExpunge, AnnotationChange])",
            ],
        );
        groups("SET (mailboxes {3}\r\na(b NONE)", &["Mailboxes(({3}\\r\\na(b)) None"]);
    }

    #[test]
    fn what_is_no_set() {
        #[track_caller]
        fn wrong(line: &str, want: &str) {
            groups(line, &[want]);
        }
        wrong("", "expected notify-set or notify-none at byte 9");
        wrong("SET", "expected SP at byte 12");
        wrong("SET STATUS", "expected event-group at byte 13");
        wrong("SET (foo NONE)", "expected filter-mailboxes at byte 14");
        wrong("SET (subtree NONE)", "expected SP at byte 26");
        wrong("SET (personal ())", "expected event at byte 24");
        wrong("SET (personal MessageNew)", "expected events at byte 23");
        wrong("SET (personal NONE", "expected \")\" at byte 27");
        wrong("SET (personal NONE)(inboxes NONE)", "expected SP at byte 28");
        wrong("NONE x", "expected CRLF at byte 14");
    }

    /// RFC 5465 §5, §6.1: BAD.
    #[test]
    fn events_that_do_not_go_together() {
        #[track_caller]
        fn wrong(group: &str, want: &str) {
            groups(&format!("SET {group}"), &[want]);
        }
        let together = "expected MessageNew and MessageExpunge together at byte 13";
        wrong("(personal (MessageNew))", together);
        wrong("(personal (MessageExpunge))", together);
        wrong("(personal (FlagChange))", together);
        wrong("(personal (AnnotationChange MailboxName))", together);
        wrong("(selected (MailboxName))", "expected message-event at byte 13");
        wrong(
            "(personal (MessageNew (UID) MessageExpunge))",
            "expected no fetch-att but for the selected mailbox at byte 13",
        );
        wrong(
            "(selected NONE) (selected-delayed NONE)",
            "expected one filter-mailboxes-selected at most at byte 13",
        );
    }
}
