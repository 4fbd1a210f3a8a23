//! Commands written back as a client would write them, in one spelling each.

mod append;
mod extension;
mod fetch;
mod mailbox;
mod search;

use crate::imap::write::{self, Charset};
use crate::imap::{Command, Flag, Item, List, Numbers, Set, StoreOperation, Str, Tagged};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

/// The command, after a look at every item of it.
pub fn print(tagged: &Tagged<'_>) -> Vec<u8> {
    let mut printer = Printer { out: Vec::new() };
    printer.word(tagged.tag);
    printer.word(" ");
    printer.command(&tagged.command);
    printer.word("\r\n");
    printer.out
}

struct Printer {
    out: Vec<u8>,
}

impl Printer {
    fn word(&mut self, word: &str) {
        self.out.extend_from_slice(word.as_bytes());
    }

    fn string(&mut self, value: Str<'_>) {
        write::astring(&mut self.out, &value.bytes(), Charset::Ascii);
    }

    /// A quoted string, whatever it was: it has no line ends and no NUL.
    fn quoted(&mut self, value: Str<'_>) {
        self.word("\"");
        for &byte in value.bytes().iter() {
            self.out.extend_from_slice(if b"\"\\".contains(&byte) { b"\\" } else { b"" });
            self.out.push(byte);
        }
        self.word("\"");
    }

    fn strings(&mut self, word: &str, values: &[Str<'_>]) {
        self.word(word);
        for value in values {
            self.word(" ");
            self.string(*value);
        }
    }

    /// Every item, separated by spaces; asserts that the walk gets to the end.
    fn items<'a, T: Item<'a>>(&mut self, list: List<'a, T>, print: fn(&mut Self, T)) {
        let mut items = list.iter();
        let mut first = true;
        for item in items.by_ref() {
            if !first {
                self.word(" ");
            }
            first = false;
            print(self, item);
        }
        assert!(items.is_done(), "{list:?} stops at {items:?}");
    }

    fn list<'a, T: Item<'a>>(&mut self, list: List<'a, T>, print: fn(&mut Self, T)) {
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
            Command::Append { mailbox, items } => {
                self.strings("APPEND", &[*mailbox]);
                self.append_items(items.clone());
            }
            Command::Expunge(None) => self.word("EXPUNGE"),
            Command::Expunge(Some(set)) => {
                self.word("UID EXPUNGE ");
                self.set(*set);
            }
            Command::Search { numbers, returns, charset, keys } => {
                self.numbered(*numbers, "SEARCH ");
                self.search_program(*returns, *charset, *keys);
            }
            Command::ESearch { source, returns, charset, keys } => {
                self.word("ESEARCH ");
                if let Some(source) = source {
                    self.search_source(source);
                }
                self.search_program(*returns, *charset, *keys);
            }
            Command::Sort { numbers, returns, criteria, charset, keys } => {
                self.numbered(*numbers, "SORT ");
                self.search_returns(*returns);
                self.list(*criteria, Self::sort_criterion);
                self.strings("", &[*charset]);
                self.word(" ");
                self.search_keys(*keys);
            }
            Command::Thread { numbers, algorithm, charset, keys } => {
                self.numbered(*numbers, "THREAD ");
                self.strings(algorithm, &[*charset]);
                self.word(" ");
                self.search_keys(*keys);
            }
            Command::CancelUpdate(tags) => {
                self.word("CANCELUPDATE ");
                self.items(*tags, Self::quoted);
            }
            Command::Fetch { numbers, set, items, modifiers } => {
                self.numbered(*numbers, "FETCH ");
                self.set(*set);
                self.word(" ");
                self.list(*items, Self::fetch_item);
                if !modifiers.is_empty() {
                    self.word(" ");
                    self.list(*modifiers, Self::fetch_modifier);
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
            extension => self.extension(extension),
        }
    }

    fn numbered(&mut self, numbers: Numbers, word: &str) {
        if numbers == Numbers::Uid {
            self.word("UID ");
        }
        self.word(word);
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
}
