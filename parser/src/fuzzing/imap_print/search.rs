//! Search keys and return options.

use super::Printer;
use crate::imap::write;
use crate::imap::{Flag, SearchKey, SearchReturn};
use alloc::format;
use alloc::vec::Vec;

impl Printer {
    pub(super) fn search_return(&mut self, option: SearchReturn) {
        self.word(match option {
            SearchReturn::Min => "MIN",
            SearchReturn::Max => "MAX",
            SearchReturn::All => "ALL",
            SearchReturn::Count => "COUNT",
            SearchReturn::Save => "SAVE",
        });
    }

    pub(super) fn search_key(&mut self, key: SearchKey<'_>) {
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
