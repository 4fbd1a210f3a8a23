//! SEARCH, SORT, THREAD and ESEARCH: keys, sources, return options.

use super::Printer;
use crate::imap::write;
use crate::imap::{Flag, List, SearchKey, SearchReturn, SearchSource, SortCriterion, SortKey, Str};
use alloc::format;
use alloc::vec::Vec;

impl Printer {
    /// All behind the word SEARCH, or behind the source of ESEARCH.
    pub(super) fn search_program(
        &mut self,
        returns: Option<List<'_, SearchReturn<'_>>>,
        charset: Option<Str<'_>>,
        keys: List<'_, SearchKey<'_>>,
    ) {
        self.search_returns(returns);
        if let Some(charset) = charset {
            self.strings("CHARSET", &[charset]);
            self.word(" ");
        }
        self.search_keys(keys);
    }

    /// Each key with a space before it, but for the first of all and the first in parentheses.
    pub(super) fn search_keys(&mut self, keys: List<'_, SearchKey<'_>>) {
        let mut keys = keys.iter();
        let mut first = true;
        for key in keys.by_ref() {
            self.word(if first || key == SearchKey::Close { "" } else { " " });
            first = key == SearchKey::Open;
            self.search_key(key);
        }
        assert!(keys.is_done(), "stops at {keys:?}");
    }

    pub(super) fn search_returns(&mut self, returns: Option<List<'_, SearchReturn<'_>>>) {
        if let Some(returns) = returns {
            self.word("RETURN ");
            self.list(returns, Self::search_return);
            self.word(" ");
        }
    }

    fn search_return(&mut self, option: SearchReturn<'_>) {
        match option {
            SearchReturn::Min => self.word("MIN"),
            SearchReturn::Max => self.word("MAX"),
            SearchReturn::All => self.word("ALL"),
            SearchReturn::Count => self.word("COUNT"),
            SearchReturn::Save => self.word("SAVE"),
            SearchReturn::Partial(range) => self.word(&format!("PARTIAL {range}")),
            SearchReturn::Context => self.word("CONTEXT"),
            SearchReturn::Update(None) => self.word("UPDATE"),
            SearchReturn::Update(Some(items)) => {
                self.word("UPDATE ");
                self.list(items, Self::fetch_item);
            }
            SearchReturn::Relevancy => self.word("RELEVANCY"),
        }
    }

    pub(super) fn search_source(&mut self, source: &SearchSource<'_>) {
        self.word("IN (");
        self.items(source.mailboxes, Self::mailbox_filter);
        if !source.scope.is_empty() {
            self.word(" ");
            self.list(source.scope, |printer, option| {
                printer.word(option.name);
                if let Some(value) = option.value {
                    printer.word(" ");
                    printer.out.extend_from_slice(value);
                }
            });
        }
        self.word(") ");
    }

    pub(super) fn sort_criterion(&mut self, criterion: SortCriterion) {
        self.word(if criterion.reverse { "REVERSE " } else { "" });
        self.word(match criterion.key {
            SortKey::Arrival => "ARRIVAL",
            SortKey::Cc => "CC",
            SortKey::Date => "DATE",
            SortKey::From => "FROM",
            SortKey::Size => "SIZE",
            SortKey::Subject => "SUBJECT",
            SortKey::To => "TO",
            SortKey::DisplayFrom => "DISPLAYFROM",
            SortKey::DisplayTo => "DISPLAYTO",
            SortKey::Relevancy => "RELEVANCY",
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
            SearchKey::SavedBefore(day) => on("SAVEDBEFORE ", day.unix_days),
            SearchKey::SavedOn(day) => on("SAVEDON ", day.unix_days),
            SearchKey::SavedSince(day) => on("SAVEDSINCE ", day.unix_days),
            SearchKey::SaveDateSupported => self.word("SAVEDATESUPPORTED"),
            SearchKey::Older(seconds) => self.word(&format!("OLDER {seconds}")),
            SearchKey::Younger(seconds) => self.word(&format!("YOUNGER {seconds}")),
            SearchKey::EmailId(id) => self.word(&format!("EMAILID {id}")),
            SearchKey::ThreadId(id) => self.word(&format!("THREADID {id}")),
            SearchKey::Filter(name) => self.word(&format!("FILTER {name}")),
            SearchKey::Fuzzy => self.word("FUZZY"),
            SearchKey::Not => self.word("NOT"),
            SearchKey::Or => self.word("OR"),
            SearchKey::Open => self.word("("),
            SearchKey::Close => self.word(")"),
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
