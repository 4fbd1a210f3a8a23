//! Commands written back as a client would write them, in one spelling each.

use crate::imap::write::{self, Charset};
use crate::imap::{
    Command, DateTime, FetchItem, FetchModifier, Flag, List, ListCommand, ListReturn, ListSelect,
    Numbers, PartNumbers, Partial, SearchKey, SearchReturn, SectionText, SelectParam, Set,
    StatusItem, StoreOperation, Str, Tagged,
};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

/// The command, and how many items had to be looked at to print it.
pub(super) fn print(tagged: &Tagged<'_>) -> (Vec<u8>, usize) {
    let mut printer = Printer { out: Vec::new(), steps: 0 };
    printer.word(tagged.tag);
    printer.word(" ");
    printer.command(&tagged.command);
    printer.word("\r\n");
    (printer.out, printer.steps)
}

struct Printer {
    out: Vec<u8>,
    steps: usize,
}

impl Printer {
    fn word(&mut self, word: &str) {
        self.out.extend_from_slice(word.as_bytes());
    }

    fn string(&mut self, value: Str<'_>) {
        write::astring(&mut self.out, &value.bytes(), Charset::Ascii);
    }

    fn strings(&mut self, word: &str, values: &[Str<'_>]) {
        self.word(word);
        for value in values {
            self.word(" ");
            self.string(*value);
        }
    }

    /// Every item, separated by spaces; asserts that the walk gets to the end.
    fn items<T>(&mut self, list: List<'_, T>, print: fn(&mut Self, T)) {
        let mut items = list.iter();
        let mut first = true;
        for item in items.by_ref() {
            if !first {
                self.word(" ");
            }
            first = false;
            self.steps += 1;
            print(self, item);
        }
        assert!(items.is_done(), "{list:?} stops at {items:?}");
    }

    fn list<T>(&mut self, list: List<'_, T>, print: fn(&mut Self, T)) {
        self.word("(");
        self.items(list, print);
        self.word(")");
    }

    fn command(&mut self, command: &Command<'_>) {
        match command {
            Command::Capability => self.word("CAPABILITY"),
            Command::Noop => self.word("NOOP"),
            Command::Logout => self.word("LOGOUT"),
            Command::StartTls => self.word("STARTTLS"),
            Command::Namespace => self.word("NAMESPACE"),
            Command::Idle => self.word("IDLE"),
            Command::Check => self.word("CHECK"),
            Command::Close => self.word("CLOSE"),
            Command::Unselect => self.word("UNSELECT"),
            Command::Id(None) => self.word("ID NIL"),
            Command::Id(Some(fields)) => {
                self.word("ID ");
                self.list(*fields, |printer, (field, value)| {
                    printer.string(field);
                    printer.word(" ");
                    match value {
                        // An atom NIL would be none.
                        Some(value) => {
                            write::string(&mut printer.out, &value.bytes(), Charset::Ascii);
                        }
                        None => printer.word("NIL"),
                    }
                });
            }
            Command::Authenticate { mechanism, initial_response } => {
                self.word(&format!("AUTHENTICATE {mechanism}"));
                if let Some(response) = initial_response {
                    self.word(" ");
                    self.out.extend_from_slice(response.0);
                }
            }
            Command::Login { user, password } => self.strings("LOGIN", &[*user, password.0]),
            Command::Enable(capabilities) => {
                self.word("ENABLE ");
                self.items(*capabilities, Self::word);
            }
            Command::Select { mailbox, params } => self.select("SELECT", *mailbox, *params),
            Command::Examine { mailbox, params } => self.select("EXAMINE", *mailbox, *params),
            Command::Create { mailbox, special_use } => {
                self.strings("CREATE", &[*mailbox]);
                self.word(" (USE ");
                self.list(*special_use, Self::word);
                self.word(")");
            }
            Command::Delete(mailbox) => self.strings("DELETE", &[*mailbox]),
            Command::Rename { from, to } => self.strings("RENAME", &[*from, *to]),
            Command::Subscribe(mailbox) => self.strings("SUBSCRIBE", &[*mailbox]),
            Command::Unsubscribe(mailbox) => self.strings("UNSUBSCRIBE", &[*mailbox]),
            Command::List(list) => self.list_command(list),
            Command::Lsub { reference, pattern } => self.strings("LSUB", &[*reference, *pattern]),
            Command::Status { mailbox, items } => {
                self.strings("STATUS", &[*mailbox]);
                self.word(" ");
                self.list(*items, Self::status_item);
            }
            Command::Append { head, message } => {
                self.strings("APPEND", &[head.mailbox]);
                self.word(" ");
                self.list(head.flags, Self::flag);
                self.word(" ");
                if let Some(DateTime { unix_seconds, zone_minutes }) = head.date_time {
                    // Whole hours of zone could lead out of the four-digit years.
                    write::date_time(&mut self.out, unix_seconds, zone_minutes);
                    self.word(" ");
                }
                if head.literal.binary {
                    self.word("~");
                }
                write::literal(&mut self.out, message);
            }
            Command::Expunge(None) => self.word("EXPUNGE"),
            Command::Expunge(Some(set)) => {
                self.word("UID EXPUNGE ");
                self.set(*set);
            }
            Command::Search { numbers, returns, charset, keys } => {
                self.numbered(*numbers, "SEARCH ");
                if let Some(returns) = returns {
                    self.word("RETURN ");
                    self.list(*returns, Self::search_return);
                    self.word(" ");
                }
                if let Some(charset) = charset {
                    self.strings("CHARSET", &[*charset]);
                    self.word(" ");
                }
                self.items(*keys, Self::search_key);
            }
            Command::Fetch { numbers, set, items, modifiers } => {
                self.numbered(*numbers, "FETCH ");
                self.set(*set);
                self.word(" ");
                self.list(*items, Self::fetch_item);
                if !modifiers.is_empty() {
                    self.word(" ");
                    self.list(*modifiers, |printer, modifier| match modifier {
                        FetchModifier::ChangedSince(mod_seq) => {
                            printer.word(&format!("CHANGEDSINCE {mod_seq}"));
                        }
                        FetchModifier::Vanished => printer.word("VANISHED"),
                    });
                }
            }
            Command::Store { numbers, set, unchanged_since, operation, silent, flags } => {
                self.numbered(*numbers, "STORE ");
                self.set(*set);
                if let Some(mod_seq) = unchanged_since {
                    self.word(&format!(" (UNCHANGEDSINCE {mod_seq})"));
                }
                self.word(match operation {
                    StoreOperation::Replace => " FLAGS",
                    StoreOperation::Add => " +FLAGS",
                    StoreOperation::Remove => " -FLAGS",
                });
                self.word(if *silent { ".SILENT " } else { " " });
                self.list(*flags, Self::flag);
            }
            Command::Copy { numbers, set, mailbox } => {
                self.numbered(*numbers, "COPY ");
                self.set(*set);
                self.strings("", &[*mailbox]);
            }
            Command::Move { numbers, set, mailbox } => {
                self.numbered(*numbers, "MOVE ");
                self.set(*set);
                self.strings("", &[*mailbox]);
            }
        }
    }

    fn numbered(&mut self, numbers: Numbers, word: &str) {
        if numbers == Numbers::Uid {
            self.word("UID ");
        }
        self.word(word);
    }

    fn select(&mut self, word: &str, mailbox: Str<'_>, params: List<'_, SelectParam<'_>>) {
        self.strings(word, &[mailbox]);
        if params.is_empty() {
            return;
        }
        self.word(" ");
        self.list(params, |printer, param| match param {
            SelectParam::CondStore => printer.word("CONDSTORE"),
            SelectParam::QResync { uid_validity, mod_seq, known_uids, seq_match } => {
                printer.word(&format!("QRESYNC ({uid_validity} {mod_seq}"));
                if let Some(uids) = known_uids {
                    printer.word(&format!(" {uids}"));
                }
                if let Some((numbers, uids)) = seq_match {
                    printer.word(&format!(" ({numbers} {uids})"));
                }
                printer.word(")");
            }
        });
    }

    fn list_command(&mut self, list: &ListCommand<'_>) {
        self.word("LIST ");
        if list.extended {
            self.list(list.select, |printer, option| {
                printer.word(match option {
                    ListSelect::Subscribed => "SUBSCRIBED",
                    ListSelect::Remote => "REMOTE",
                    ListSelect::RecursiveMatch => "RECURSIVEMATCH",
                    ListSelect::SpecialUse => "SPECIAL-USE",
                });
            });
            self.word(" ");
        }
        self.string(list.reference);
        self.word(" ");
        if list.extended {
            self.list(list.patterns, Self::string);
        } else {
            self.items(list.patterns, Self::string);
        }
        if let Some(returns) = list.returns {
            self.word(" RETURN ");
            self.list(returns, |printer, option| match option {
                ListReturn::Subscribed => printer.word("SUBSCRIBED"),
                ListReturn::Children => printer.word("CHILDREN"),
                ListReturn::SpecialUse => printer.word("SPECIAL-USE"),
                ListReturn::Status(items) => {
                    printer.word("STATUS ");
                    printer.list(items, Self::status_item);
                }
            });
        }
    }

    fn status_item(&mut self, item: StatusItem) {
        self.word(match item {
            StatusItem::Messages => "MESSAGES",
            StatusItem::UidNext => "UIDNEXT",
            StatusItem::UidValidity => "UIDVALIDITY",
            StatusItem::Unseen => "UNSEEN",
            StatusItem::Deleted => "DELETED",
            StatusItem::Size => "SIZE",
            StatusItem::Recent => "RECENT",
            StatusItem::HighestModSeq => "HIGHESTMODSEQ",
            StatusItem::AppendLimit => "APPENDLIMIT",
        });
    }

    fn flag(&mut self, flag: Flag<'_>) {
        match flag {
            Flag::Seen => self.word("\\Seen"),
            Flag::Answered => self.word("\\Answered"),
            Flag::Flagged => self.word("\\Flagged"),
            Flag::Deleted => self.word("\\Deleted"),
            Flag::Draft => self.word("\\Draft"),
            Flag::System(name) => self.word(&format!("\\{name}")),
            Flag::Keyword(name) => self.word(name),
        }
    }

    fn set(&mut self, set: Set<'_>) {
        match set {
            Set::Saved => self.word("$"),
            Set::Ranges(set) => self.word(&set.to_string()),
        }
    }

    fn search_return(&mut self, option: SearchReturn) {
        self.word(match option {
            SearchReturn::Min => "MIN",
            SearchReturn::Max => "MAX",
            SearchReturn::All => "ALL",
            SearchReturn::Count => "COUNT",
            SearchReturn::Save => "SAVE",
        });
    }

    fn search_key(&mut self, key: SearchKey<'_>) {
        let date = |days: i32| {
            let mut text = Vec::new();
            write::date_time(&mut text, i64::from(days) * 86_400, 0);
            text[1..12].trim_ascii_start().to_vec()
        };
        let mut on = |word: &str, days: i32| {
            self.word(word);
            self.out.extend_from_slice(&date(days));
        };
        match key {
            SearchKey::Before(day) => on("BEFORE ", day.unix_days),
            SearchKey::On(day) => on("ON ", day.unix_days),
            SearchKey::Since(day) => on("SINCE ", day.unix_days),
            SearchKey::SentBefore(day) => on("SENTBEFORE ", day.unix_days),
            SearchKey::SentOn(day) => on("SENTON ", day.unix_days),
            SearchKey::SentSince(day) => on("SENTSINCE ", day.unix_days),
            SearchKey::All => self.word("ALL"),
            SearchKey::Recent => self.word("RECENT"),
            SearchKey::New => self.word("NEW"),
            SearchKey::Old => self.word("OLD"),
            SearchKey::Has(flag) => self.word(system(flag)),
            SearchKey::Lacks(flag) => {
                self.word("UN");
                self.word(system(flag));
            }
            SearchKey::Keyword(name) => self.word(&format!("KEYWORD {name}")),
            SearchKey::Unkeyword(name) => self.word(&format!("UNKEYWORD {name}")),
            SearchKey::Header { field, value } => self.strings("HEADER", &[field, value]),
            SearchKey::Body(value) => self.strings("BODY", &[value]),
            SearchKey::Text(value) => self.strings("TEXT", &[value]),
            SearchKey::Larger(size) => self.word(&format!("LARGER {size}")),
            SearchKey::Smaller(size) => self.word(&format!("SMALLER {size}")),
            SearchKey::Seq(set) => self.set(set),
            SearchKey::Uid(set) => {
                self.word("UID ");
                self.set(set);
            }
            SearchKey::ModSeq(mod_seq) => self.word(&format!("MODSEQ {mod_seq}")),
            SearchKey::Not(key) => {
                self.word("NOT ");
                self.search_key(key.parse().expect("a proved key"));
            }
            SearchKey::Or(one, two) => {
                self.word("OR ");
                self.search_key(one.parse().expect("a proved key"));
                self.word(" ");
                self.search_key(two.parse().expect("a proved key"));
            }
            SearchKey::And(keys) => self.list(keys, Self::search_key),
        }
    }

    fn fetch_item(&mut self, item: FetchItem<'_>) {
        match item {
            FetchItem::Uid => self.word("UID"),
            FetchItem::Flags => self.word("FLAGS"),
            FetchItem::InternalDate => self.word("INTERNALDATE"),
            FetchItem::Rfc822Size => self.word("RFC822.SIZE"),
            FetchItem::ModSeq => self.word("MODSEQ"),
            FetchItem::Envelope => self.word("ENVELOPE"),
            FetchItem::Body => self.word("BODY"),
            FetchItem::BodyStructure => self.word("BODYSTRUCTURE"),
            FetchItem::Rfc822 => self.word("RFC822"),
            FetchItem::Rfc822Header => self.word("RFC822.HEADER"),
            FetchItem::Rfc822Text => self.word("RFC822.TEXT"),
            FetchItem::BodySection { peek, section, partial } => {
                self.word(if peek { "BODY.PEEK[" } else { "BODY[" });
                self.part(section.part);
                let dot = section.text != SectionText::Whole && !section.part.is_empty();
                self.word(if dot { "." } else { "" });
                self.section_text(section.text);
                self.word("]");
                self.partial(partial);
            }
            FetchItem::Binary { peek, part, partial } => {
                self.word(if peek { "BINARY.PEEK[" } else { "BINARY[" });
                self.part(part);
                self.word("]");
                self.partial(partial);
            }
            FetchItem::BinarySize(part) => {
                self.word("BINARY.SIZE[");
                self.part(part);
                self.word("]");
            }
        }
    }

    fn section_text(&mut self, text: SectionText<'_>) {
        match text {
            SectionText::Whole => {}
            SectionText::Header => self.word("HEADER"),
            SectionText::Text => self.word("TEXT"),
            SectionText::Mime => self.word("MIME"),
            SectionText::HeaderFields(names) => {
                self.word("HEADER.FIELDS ");
                self.list(names, Self::string);
            }
            SectionText::HeaderFieldsNot(names) => {
                self.word("HEADER.FIELDS.NOT ");
                self.list(names, Self::string);
            }
        }
    }

    fn part(&mut self, part: PartNumbers<'_>) {
        for (place, number) in part.iter().enumerate() {
            self.steps += 1;
            self.word(&format!("{}{number}", if place == 0 { "" } else { "." }));
        }
    }

    fn partial(&mut self, partial: Option<Partial>) {
        if let Some(Partial { offset, count }) = partial {
            self.word(&format!("<{offset}.{count}>"));
        }
    }
}

/// A flag that SEARCH has a word for.
fn system(flag: Flag<'_>) -> &'static str {
    match flag {
        Flag::Answered => "ANSWERED",
        Flag::Deleted => "DELETED",
        Flag::Draft => "DRAFT",
        Flag::Flagged => "FLAGGED",
        Flag::Seen => "SEEN",
        other => panic!("no search word for {other:?}"),
    }
}
