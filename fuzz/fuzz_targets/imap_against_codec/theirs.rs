//! A command of imap-codec, written as `parser::fuzzing` writes ours.

use std::fmt::{Display, Write as _};

use imap_codec::imap_types::command::{
    Command, CommandBody, FetchModifier, SelectParameter, StoreModifier,
};
use imap_codec::imap_types::core::{AString, Charset, Literal, NString8, Vec1};
use imap_codec::imap_types::datetime::NaiveDate;
use imap_codec::imap_types::extensions::binary::LiteralOrLiteral8;
use imap_codec::imap_types::extensions::metadata::{Depth, GetMetadataOption};
use imap_codec::imap_types::extensions::thread::ThreadingAlgorithm;
use imap_codec::imap_types::fetch::{
    MacroOrMessageDataItemNames, MessageDataItemName, Part, Section,
};
use imap_codec::imap_types::flag::{Flag, StoreResponse, StoreType};
use imap_codec::imap_types::mailbox::{ListMailbox, Mailbox};
use imap_codec::imap_types::search::SearchKey;
use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use imap_codec::imap_types::status::StatusDataItemName;
use parser::imap::write;

/// Their command as text.
pub struct Printed {
    pub text: Vec<u8>,
    /// False if they have put a word into their own case: INBOX, say.
    pub has_case: bool,
}

/// `None` for AUTHENTICATE, whose Base64 they have undone.
pub fn printed(command: &Command<'_>) -> Option<Printed> {
    let mut printer = Printer { out: Printed { text: Vec::new(), has_case: true } };
    printer.word(command.tag.inner());
    printer.word(" ");
    printer.body(&command.body)?;
    printer.word("\r\n");
    Some(printer.out)
}

struct Printer {
    out: Printed,
}

impl Printer {
    fn word(&mut self, word: &str) {
        self.out.text.extend_from_slice(word.as_bytes());
    }

    fn shown(&mut self, value: impl Display) {
        self.word(&value.to_string());
    }

    /// As an astring, with a space before it.
    fn string(&mut self, value: impl AsRef<[u8]>) {
        self.word(" ");
        write::astring(&mut self.out.text, value.as_ref(), write::Charset::Ascii);
    }

    fn mailbox(&mut self, mailbox: &Mailbox<'_>) {
        match mailbox {
            Mailbox::Inbox => {
                self.out.has_case = false;
                self.string("INBOX");
            }
            Mailbox::Other(name) => self.string(name),
        }
    }

    fn pattern(&mut self, pattern: &ListMailbox<'_>) {
        match pattern {
            ListMailbox::Token(token) => self.string(token),
            ListMailbox::String(string) => self.string(string),
        }
    }

    fn items<T>(&mut self, items: &[T], print: impl Fn(&mut Self, &T)) {
        for (place, item) in items.iter().enumerate() {
            self.word(if place == 0 { "" } else { " " });
            print(self, item);
        }
    }

    fn list<T>(&mut self, items: &[T], print: impl Fn(&mut Self, &T)) {
        self.word("(");
        self.items(items, print);
        self.word(")");
    }

    fn body(&mut self, body: &CommandBody<'_>) -> Option<()> {
        match body {
            CommandBody::Authenticate { .. } => return None,
            CommandBody::Capability => self.word("CAPABILITY"),
            CommandBody::Noop => self.word("NOOP"),
            CommandBody::Logout => self.word("LOGOUT"),
            CommandBody::StartTLS => self.word("STARTTLS"),
            CommandBody::Unselect => self.word("UNSELECT"),
            CommandBody::Check => self.word("CHECK"),
            CommandBody::Close => self.word("CLOSE"),
            CommandBody::Expunge => self.word("EXPUNGE"),
            CommandBody::Idle => self.word("IDLE"),
            CommandBody::Namespace => self.word("NAMESPACE"),
            CommandBody::Login { username, password } => {
                self.word("LOGIN");
                self.string(username);
                self.string(password.declassify());
            }
            CommandBody::Select { mailbox, parameters } => {
                self.select("SELECT", mailbox, parameters);
            }
            CommandBody::Examine { mailbox, parameters } => {
                self.select("EXAMINE", mailbox, parameters);
            }
            CommandBody::Create { mailbox } => {
                self.named("CREATE", mailbox);
                self.word(" (USE ())");
            }
            CommandBody::Delete { mailbox } => self.named("DELETE", mailbox),
            CommandBody::Rename { from, to } => {
                self.named("RENAME", from);
                self.mailbox(to);
            }
            CommandBody::Subscribe { mailbox } => self.named("SUBSCRIBE", mailbox),
            CommandBody::Unsubscribe { mailbox } => self.named("UNSUBSCRIBE", mailbox),
            CommandBody::List { reference, mailbox_wildcard } => {
                self.named("LIST", reference);
                self.pattern(mailbox_wildcard);
            }
            CommandBody::Lsub { reference, mailbox_wildcard } => {
                self.named("LSUB", reference);
                self.pattern(mailbox_wildcard);
            }
            CommandBody::Status { mailbox, item_names } => {
                self.named("STATUS", mailbox);
                self.word(" ");
                self.list(item_names, |printer, item| printer.word(status_item(item)));
            }
            CommandBody::Append { mailbox, flags, date, message } => {
                self.named("APPEND", mailbox);
                self.word(" ");
                self.list(flags, Self::flag);
                if let Some(date) = date {
                    let date = date.as_ref();
                    let zone = date.offset().local_minus_utc() / 60;
                    self.word(" ");
                    write::date_time(&mut self.out.text, date.timestamp(), zone as i16);
                }
                self.word(" ");
                match message {
                    LiteralOrLiteral8::Literal(octets) => self.literal(octets),
                    LiteralOrLiteral8::Literal8(octets) => {
                        write::literal8(&mut self.out.text, &octets.data);
                    }
                }
            }
            CommandBody::Copy { sequence_set, mailbox, uid } => {
                self.numbered("COPY", *uid, sequence_set);
                self.mailbox(mailbox);
            }
            CommandBody::Move { sequence_set, mailbox, uid } => {
                self.numbered("MOVE", *uid, sequence_set);
                self.mailbox(mailbox);
            }
            CommandBody::ExpungeUid { sequence_set } => {
                self.numbered("EXPUNGE", true, sequence_set);
            }
            CommandBody::Store { sequence_set, kind, response, flags, uid, modifiers } => {
                self.numbered("STORE", *uid, sequence_set);
                for StoreModifier::UnchangedSince(mod_seq) in modifiers {
                    self.shown(format_args!(" (UNCHANGEDSINCE {mod_seq})"));
                }
                self.word(match kind {
                    StoreType::Replace => " FLAGS",
                    StoreType::Add => " +FLAGS",
                    StoreType::Remove => " -FLAGS",
                });
                self.word(if *response == StoreResponse::Silent { ".SILENT " } else { " " });
                self.list(flags, Self::flag);
            }
            CommandBody::Fetch { sequence_set, macro_or_item_names, uid, modifiers } => {
                self.numbered("FETCH", *uid, sequence_set);
                self.word(" ");
                match macro_or_item_names {
                    MacroOrMessageDataItemNames::Macro(items) => {
                        self.list(&items.expand(), Self::fetch_item);
                    }
                    MacroOrMessageDataItemNames::MessageDataItemNames(items) => {
                        self.list(items, Self::fetch_item);
                    }
                }
                if !modifiers.is_empty() {
                    self.word(" ");
                    self.list(modifiers, |printer, modifier| match modifier {
                        FetchModifier::ChangedSince(mod_seq) => {
                            printer.shown(format_args!("CHANGEDSINCE {mod_seq}"));
                        }
                        FetchModifier::Vanished => printer.word("VANISHED"),
                    });
                }
            }
            CommandBody::Search { charset, criteria, uid } => {
                self.word(if *uid { "UID SEARCH " } else { "SEARCH " });
                if let Some(charset) = charset {
                    self.word("CHARSET");
                    self.charset(charset);
                    self.word(" ");
                }
                self.search_keys(criteria);
            }
            CommandBody::Sort { sort_criteria, charset, search_criteria, uid } => {
                self.word(if *uid { "UID SORT " } else { "SORT " });
                self.list(sort_criteria.as_ref(), |printer, by| {
                    printer.word(if by.reverse { "REVERSE " } else { "" });
                    printer.word(by.key.as_ref());
                });
                self.charset(charset);
                self.word(" ");
                self.search_keys(search_criteria);
            }
            CommandBody::Thread { algorithm, charset, search_criteria, uid } => {
                self.word(if *uid { "UID THREAD " } else { "THREAD " });
                self.out.has_case &= matches!(algorithm, ThreadingAlgorithm::Other(_));
                self.shown(algorithm);
                self.charset(charset);
                self.word(" ");
                self.search_keys(search_criteria);
            }
            CommandBody::Enable { capabilities } => {
                self.word("ENABLE ");
                self.out.has_case = false;
                self.items(capabilities.as_ref(), |printer, word| printer.shown(word));
            }
            CommandBody::Compress { algorithm } => {
                self.out.has_case = false;
                self.shown(format_args!("COMPRESS {algorithm}"));
            }
            CommandBody::GetQuota { root } => {
                self.word("GETQUOTA");
                self.string(root);
            }
            CommandBody::GetQuotaRoot { mailbox } => self.named("GETQUOTAROOT", mailbox),
            CommandBody::SetQuota { root, quotas } => {
                self.word("SETQUOTA");
                self.string(root);
                self.word(" ");
                self.list(quotas, |printer, quota| {
                    printer.shown(format_args!("{} {}", quota.resource, quota.limit));
                });
            }
            CommandBody::Id { parameters } => self.id(parameters.as_deref()),
            CommandBody::SetMetadata { mailbox, entry_values } => {
                self.named("SETMETADATA", mailbox);
                self.word(" (");
                for (place, value) in entry_values.as_ref().iter().enumerate() {
                    self.word(if place == 0 { "" } else { " " });
                    write::astring(&mut self.out.text, value.entry.as_ref(), write::Charset::Ascii);
                    self.word(" ");
                    self.nstring8(&value.value);
                }
                self.word(")");
            }
            CommandBody::GetMetadata { options, mailbox, entries } => {
                self.metadata_options(options);
                self.mailbox(mailbox);
                self.word(" ");
                self.list(entries.as_ref(), |printer, entry| {
                    write::astring(&mut printer.out.text, entry.as_ref(), write::Charset::Ascii);
                });
            }
        }
        Some(())
    }

    fn named(&mut self, word: &str, mailbox: &Mailbox<'_>) {
        self.word(word);
        self.mailbox(mailbox);
    }

    fn numbered(&mut self, word: &str, uid: bool, set: &SequenceSet) {
        self.word(if uid { "UID " } else { "" });
        self.word(word);
        self.word(" ");
        self.set(set);
    }

    fn set(&mut self, set: &SequenceSet) {
        let end = |end: &SeqOrUid| match end {
            SeqOrUid::Value(number) => number.to_string(),
            SeqOrUid::Asterisk => "*".into(),
        };
        for (place, range) in set.0.as_ref().iter().enumerate() {
            self.word(if place == 0 { "" } else { "," });
            match range {
                Sequence::Range(first, last) if first != last => {
                    self.shown(format_args!("{}:{}", end(first), end(last)));
                }
                Sequence::Single(only) | Sequence::Range(only, _) => self.word(&end(only)),
            }
        }
    }

    fn select(&mut self, word: &str, mailbox: &Mailbox<'_>, parameters: &[SelectParameter]) {
        self.named(word, mailbox);
        if parameters.is_empty() {
            return;
        }
        self.word(" ");
        self.list(parameters, |printer, parameter| match parameter {
            SelectParameter::CondStore => printer.word("CONDSTORE"),
            SelectParameter::QResync {
                uid_validity,
                mod_sequence_value,
                known_uids,
                seq_match_data,
            } => {
                printer.shown(format_args!("QRESYNC ({uid_validity} {mod_sequence_value}"));
                if let Some(uids) = known_uids {
                    printer.word(" ");
                    printer.set(uids);
                }
                if let Some((numbers, uids)) = seq_match_data {
                    printer.word(" (");
                    printer.set(numbers);
                    printer.word(" ");
                    printer.set(uids);
                    printer.word(")");
                }
                printer.word(")");
            }
        });
    }

    fn flag(&mut self, flag: &Flag<'_>) {
        self.shown(flag);
    }

    fn charset(&mut self, charset: &Charset<'_>) {
        self.string(charset.as_ref());
    }

    fn literal(&mut self, literal: &Literal<'_>) {
        write::literal(&mut self.out.text, literal.as_ref());
    }

    fn nstring8(&mut self, value: &NString8<'_>) {
        let value = match value {
            NString8::NString(value) => value.0.as_ref().map(AsRef::as_ref),
            NString8::Literal8(value) => Some(value.data.as_ref()),
        };
        write::nstring8(&mut self.out.text, value, write::Charset::Ascii);
    }

    fn id(
        &mut self,
        parameters: Option<
            &[(
                imap_codec::imap_types::core::IString<'_>,
                imap_codec::imap_types::core::NString<'_>,
            )],
        >,
    ) {
        let Some(parameters) = parameters else { return self.word("ID NIL") };
        self.word("ID ");
        self.list(parameters, |printer, (field, value)| {
            write::astring(&mut printer.out.text, field.as_ref(), write::Charset::Ascii);
            printer.word(" ");
            match &value.0 {
                Some(value) => {
                    write::string(&mut printer.out.text, value.as_ref(), write::Charset::Ascii);
                }
                None => printer.word("NIL"),
            }
        });
    }

    fn metadata_options(&mut self, options: &[GetMetadataOption]) {
        let (mut depth, mut max_size) = ("0", None);
        for option in options {
            match option {
                GetMetadataOption::MaxSize(size) => max_size = Some(size),
                GetMetadataOption::Depth(Depth::Null) => depth = "0",
                GetMetadataOption::Depth(Depth::One) => depth = "1",
                GetMetadataOption::Depth(Depth::Infinity) => depth = "infinity",
            }
        }
        self.shown(format_args!("GETMETADATA (DEPTH {depth}"));
        if let Some(size) = max_size {
            self.shown(format_args!(" MAXSIZE {size}"));
        }
        self.word(")");
    }

    fn search_keys(&mut self, keys: &Vec1<SearchKey<'_>>) {
        self.items(keys.as_ref(), Self::search_key);
    }

    fn search_key(&mut self, key: &SearchKey<'_>) {
        match key {
            SearchKey::And(keys) => self.list(keys.as_ref(), Self::search_key),
            SearchKey::SequenceSet(set) => self.set(set),
            SearchKey::Uid(set) => {
                self.word("UID ");
                self.set(set);
            }
            SearchKey::All => self.word("ALL"),
            SearchKey::Answered => self.word("ANSWERED"),
            SearchKey::Deleted => self.word("DELETED"),
            SearchKey::Draft => self.word("DRAFT"),
            SearchKey::Flagged => self.word("FLAGGED"),
            SearchKey::Seen => self.word("SEEN"),
            SearchKey::Unanswered => self.word("UNANSWERED"),
            SearchKey::Undeleted => self.word("UNDELETED"),
            SearchKey::Undraft => self.word("UNDRAFT"),
            SearchKey::Unflagged => self.word("UNFLAGGED"),
            SearchKey::Unseen => self.word("UNSEEN"),
            SearchKey::New => self.word("NEW"),
            SearchKey::Old => self.word("OLD"),
            SearchKey::Recent => self.word("RECENT"),
            SearchKey::Bcc(value) => self.header("Bcc", value),
            SearchKey::Cc(value) => self.header("Cc", value),
            SearchKey::From(value) => self.header("From", value),
            SearchKey::Subject(value) => self.header("Subject", value),
            SearchKey::To(value) => self.header("To", value),
            SearchKey::Header(field, value) => {
                self.word("HEADER");
                self.string(field);
                self.string(value);
            }
            SearchKey::Body(value) => {
                self.word("BODY");
                self.string(value);
            }
            SearchKey::Text(value) => {
                self.word("TEXT");
                self.string(value);
            }
            SearchKey::Keyword(name) => self.shown(format_args!("KEYWORD {name}")),
            SearchKey::Unkeyword(name) => self.shown(format_args!("UNKEYWORD {name}")),
            SearchKey::Larger(size) => self.shown(format_args!("LARGER {size}")),
            SearchKey::Smaller(size) => self.shown(format_args!("SMALLER {size}")),
            SearchKey::Older(seconds) => self.shown(format_args!("OLDER {seconds}")),
            SearchKey::Younger(seconds) => self.shown(format_args!("YOUNGER {seconds}")),
            SearchKey::Before(day) => self.day("BEFORE", day),
            SearchKey::On(day) => self.day("ON", day),
            SearchKey::Since(day) => self.day("SINCE", day),
            SearchKey::SentBefore(day) => self.day("SENTBEFORE", day),
            SearchKey::SentOn(day) => self.day("SENTON", day),
            SearchKey::SentSince(day) => self.day("SENTSINCE", day),
            SearchKey::ModSequence { modseq, .. } => self.shown(format_args!("MODSEQ {modseq}")),
            SearchKey::Not(key) => {
                self.word("NOT ");
                self.search_key(key);
            }
            SearchKey::Or(one, other) => {
                self.word("OR ");
                self.search_key(one);
                self.word(" ");
                self.search_key(other);
            }
        }
    }

    fn header(&mut self, field: &str, value: &AString<'_>) {
        self.shown(format_args!("HEADER {field}"));
        self.string(value);
    }

    fn day(&mut self, word: &str, day: &NaiveDate) {
        let mut text = String::new();
        write!(text, "{word} {}", day.as_ref().format("%-d-%b-%Y")).expect("a date");
        self.word(&text);
    }

    fn fetch_item(&mut self, item: &MessageDataItemName<'_>) {
        match item {
            MessageDataItemName::Body => self.word("BODY"),
            MessageDataItemName::BodyStructure => self.word("BODYSTRUCTURE"),
            MessageDataItemName::Envelope => self.word("ENVELOPE"),
            MessageDataItemName::Flags => self.word("FLAGS"),
            MessageDataItemName::InternalDate => self.word("INTERNALDATE"),
            MessageDataItemName::Rfc822 => self.word("RFC822"),
            MessageDataItemName::Rfc822Header => self.word("RFC822.HEADER"),
            MessageDataItemName::Rfc822Size => self.word("RFC822.SIZE"),
            MessageDataItemName::Rfc822Text => self.word("RFC822.TEXT"),
            MessageDataItemName::Uid => self.word("UID"),
            MessageDataItemName::ModSeq => self.word("MODSEQ"),
            MessageDataItemName::BodyExt { section, partial, peek } => {
                self.word(if *peek { "BODY.PEEK[" } else { "BODY[" });
                if let Some(section) = section {
                    self.section(section);
                }
                self.word("]");
                self.partial(partial);
            }
            MessageDataItemName::Binary { section, partial, peek } => {
                self.word(if *peek { "BINARY.PEEK[" } else { "BINARY[" });
                self.numbers(section);
                self.word("]");
                self.partial(partial);
            }
            MessageDataItemName::BinarySize { section } => {
                self.word("BINARY.SIZE[");
                self.numbers(section);
                self.word("]");
            }
        }
    }

    fn section(&mut self, section: &Section<'_>) {
        match section {
            Section::Part(Part(part)) => self.numbers(part.as_ref()),
            Section::Header(part) => self.text_of(part.as_ref(), "HEADER", &[]),
            Section::HeaderFields(part, names) => {
                self.text_of(part.as_ref(), "HEADER.FIELDS ", names.as_ref());
            }
            Section::HeaderFieldsNot(part, names) => {
                self.text_of(part.as_ref(), "HEADER.FIELDS.NOT ", names.as_ref());
            }
            Section::Text(part) => self.text_of(part.as_ref(), "TEXT", &[]),
            Section::Mime(part) => self.text_of(Some(part), "MIME", &[]),
        }
    }

    fn text_of(&mut self, part: Option<&Part>, word: &str, names: &[AString<'_>]) {
        if let Some(Part(part)) = part {
            self.numbers(part.as_ref());
            self.word(".");
        }
        self.word(word);
        if !names.is_empty() {
            self.list(names, |printer, name| {
                write::astring(&mut printer.out.text, name.as_ref(), write::Charset::Ascii);
            });
        }
    }

    fn numbers(&mut self, part: &[std::num::NonZeroU32]) {
        let numbers: Vec<String> = part.iter().map(ToString::to_string).collect();
        self.word(&numbers.join("."));
    }

    fn partial(&mut self, partial: &Option<(u32, std::num::NonZeroU32)>) {
        if let Some((offset, count)) = partial {
            self.shown(format_args!("<{offset}.{count}>"));
        }
    }
}

fn status_item(item: &StatusDataItemName) -> &'static str {
    match item {
        StatusDataItemName::Messages => "MESSAGES",
        StatusDataItemName::Recent => "RECENT",
        StatusDataItemName::UidNext => "UIDNEXT",
        StatusDataItemName::UidValidity => "UIDVALIDITY",
        StatusDataItemName::Unseen => "UNSEEN",
        StatusDataItemName::Deleted => "DELETED",
        StatusDataItemName::DeletedStorage => "DELETED-STORAGE",
        StatusDataItemName::Size => "SIZE",
        StatusDataItemName::HighestModSeq => "HIGHESTMODSEQ",
    }
}
