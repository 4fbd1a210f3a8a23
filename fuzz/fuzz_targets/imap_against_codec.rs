//! IMAP commands against imap-codec: what it reads, we read as the same command.
//!
//! The other way round it does not hold, and is not meant to: we forgive what real clients send.
//! Disagreements that are understood are listed in docs/testing.md, and `understood` knows them.
#![no_main]

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder;
use imap_codec::imap_types::command::CommandBody;
use imap_codec::imap_types::core::AString;
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use parser::imap::{Command, Numbers, SeqNumber, Set, Str};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Ok((b"", theirs)) = CommandCodec::default().decode(input) else { return };
    let Some(want) = theirs_as_text(&theirs.body) else { return };
    let ours = match parser::imap::command(input) {
        Ok(ours) => ours,
        Err(error) if understood(error.error, input) => return,
        Err(error) => panic!("{error:?} in {}", input.escape_ascii()),
    };
    assert_eq!(ours.tag, theirs.tag.inner());
    assert_eq!(ours_as_text(&ours.command), want, "{}", input.escape_ascii());
});

/// Where we refuse with reason what imap-codec reads; docs/testing.md has the reasons.
fn understood(error: parser::Error, input: &[u8]) -> bool {
    let at = input.get(error.offset..).unwrap_or_default();
    match error.expected {
        "nz-number" => at.starts_with(b"0"),
        "fetch-att" | "status-att" => at.starts_with(b")"),
        "zone" => {
            matches!(at, [b'+' | b'-', zone @ ..] if zone.iter().take(4).all(u8::is_ascii_digit))
        }
        "flag" => at.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"NIL")),
        _ => false,
    }
}

/// Keyword and arguments; `None` for what RFC 3501 has not.
fn theirs_as_text(body: &CommandBody<'_>) -> Option<String> {
    let uid = |uid: &bool| if *uid { "UID " } else { "" };
    Some(match body {
        CommandBody::Capability => "CAPABILITY".into(),
        CommandBody::Noop => "NOOP".into(),
        CommandBody::Logout => "LOGOUT".into(),
        CommandBody::Check => "CHECK".into(),
        CommandBody::Close => "CLOSE".into(),
        CommandBody::Expunge => "EXPUNGE".into(),
        CommandBody::Login { username, password } => {
            format!("LOGIN {} {}", astring(username), astring(password.declassify()))
        }
        CommandBody::Select { mailbox, .. } => format!("SELECT {}", name(mailbox)),
        CommandBody::Examine { mailbox, .. } => format!("EXAMINE {}", name(mailbox)),
        CommandBody::Create { mailbox } => format!("CREATE {}", name(mailbox)),
        CommandBody::Delete { mailbox } => format!("DELETE {}", name(mailbox)),
        CommandBody::Subscribe { mailbox } => format!("SUBSCRIBE {}", name(mailbox)),
        CommandBody::Unsubscribe { mailbox } => format!("UNSUBSCRIBE {}", name(mailbox)),
        CommandBody::Rename { from, to } => format!("RENAME {} {}", name(from), name(to)),
        CommandBody::Status { mailbox, .. } => format!("STATUS {}", name(mailbox)),
        CommandBody::Append { mailbox, .. } => format!("APPEND {}", name(mailbox)),
        CommandBody::Search { uid: by, .. } => format!("{}SEARCH", uid(by)),
        CommandBody::Fetch { sequence_set, uid: by, .. } => {
            format!("{}FETCH {}", uid(by), their_set(sequence_set))
        }
        CommandBody::Store { sequence_set, uid: by, .. } => {
            format!("{}STORE {}", uid(by), their_set(sequence_set))
        }
        CommandBody::Copy { sequence_set, mailbox, uid: by } => {
            format!("{}COPY {} {}", uid(by), their_set(sequence_set), name(mailbox))
        }
        _ => return None,
    })
}

fn astring(value: &AString<'_>) -> String {
    value.as_ref().escape_ascii().to_string()
}

fn name(mailbox: &Mailbox<'_>) -> String {
    match mailbox {
        Mailbox::Inbox => "INBOX".into(),
        Mailbox::Other(other) => other.as_ref().escape_ascii().to_string(),
    }
}

fn their_set(set: &SequenceSet) -> String {
    let end = |end: &SeqOrUid| match end {
        SeqOrUid::Value(number) => number.to_string(),
        SeqOrUid::Asterisk => "*".into(),
    };
    let range = |range: &Sequence| match range {
        Sequence::Single(only) => format!("{}:{}", end(only), end(only)),
        Sequence::Range(first, last) => format!("{}:{}", end(first), end(last)),
    };
    set.0.as_ref().iter().map(range).collect::<Vec<_>>().join(",")
}

fn ours_as_text(command: &Command<'_>) -> String {
    let uid = |numbers: &Numbers| if *numbers == Numbers::Uid { "UID " } else { "" };
    match command {
        Command::Capability => "CAPABILITY".into(),
        Command::Noop => "NOOP".into(),
        Command::Logout => "LOGOUT".into(),
        Command::Check => "CHECK".into(),
        Command::Close => "CLOSE".into(),
        Command::Expunge(None) => "EXPUNGE".into(),
        Command::Login { user, password } => {
            let text = |value: &Str<'_>| value.bytes().escape_ascii().to_string();
            format!("LOGIN {} {}", text(user), text(&password.0))
        }
        Command::Select { mailbox, .. } => format!("SELECT {}", our_name(mailbox)),
        Command::Examine { mailbox, .. } => format!("EXAMINE {}", our_name(mailbox)),
        Command::Create { mailbox, .. } => format!("CREATE {}", our_name(mailbox)),
        Command::Delete(mailbox) => format!("DELETE {}", our_name(mailbox)),
        Command::Subscribe(mailbox) => format!("SUBSCRIBE {}", our_name(mailbox)),
        Command::Unsubscribe(mailbox) => format!("UNSUBSCRIBE {}", our_name(mailbox)),
        Command::Rename { from, to } => format!("RENAME {} {}", our_name(from), our_name(to)),
        Command::Status { mailbox, .. } => format!("STATUS {}", our_name(mailbox)),
        Command::Append { mailbox, .. } => format!("APPEND {}", our_name(mailbox)),
        Command::Search { numbers, .. } => format!("{}SEARCH", uid(numbers)),
        Command::Fetch { numbers, set, .. } => format!("{}FETCH {}", uid(numbers), our_set(set)),
        Command::Store { numbers, set, .. } => format!("{}STORE {}", uid(numbers), our_set(set)),
        Command::Copy { numbers, set, mailbox } => {
            format!("{}COPY {} {}", uid(numbers), our_set(set), our_name(mailbox))
        }
        other => format!("{other:?}"),
    }
}

/// INBOX has no case (RFC 3501 §5.1).
fn our_name(name: &Str<'_>) -> String {
    let name = name.bytes();
    if name.eq_ignore_ascii_case(b"INBOX") {
        "INBOX".into()
    } else {
        name.escape_ascii().to_string()
    }
}

fn our_set(set: &Set<'_>) -> String {
    let end = |end: SeqNumber| match end {
        SeqNumber::Number(number) => number.to_string(),
        SeqNumber::Largest => "*".into(),
    };
    match set {
        Set::Ranges(set) => {
            let ranges =
                set.ranges().map(|range| format!("{}:{}", end(range.first), end(range.last)));
            ranges.collect::<Vec<_>>().join(",")
        }
        Set::Saved => "$".into(),
    }
}
