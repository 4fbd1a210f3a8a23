//! Search keys as the client writes them, turned into a [`Query`]: sequence sets become UIDs here,
//! in the view of the client that asks (invariant 7).

use parser::imap::{Flag, List, Numbers, SearchKey, SearchKeys, Set, Str};

use super::super::mailbox::Selected;
use crate::mail::search::Query;
use crate::model::{Flags, Keyword};

/// Why a search cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsearchable {
    /// A sequence number above EXISTS.
    NoSuchMessage,
    /// Text that is not in the charset it claims (pitfall 113).
    NotText,
}

/// A search program, and whether MODSEQ was among its keys.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) query: Query,
    pub(super) has_mod_seq: bool,
}

impl Program {
    pub(super) fn new(
        keys: List<'_, SearchKey<'_>>,
        mailbox: &Selected,
    ) -> Result<Self, Unsearchable> {
        let mut reader = Reader { mailbox, has_mod_seq: false };
        let query = reader.all_of(&mut keys.iter())?;
        Ok(Self { query, has_mod_seq: reader.has_mod_seq })
    }
}

struct Reader<'a> {
    mailbox: &'a Selected,
    has_mod_seq: bool,
}

impl Reader<'_> {
    /// The keys of a list, up to its end.
    fn all_of(&mut self, keys: &mut SearchKeys<'_>) -> Result<Query, Unsearchable> {
        let mut all = Vec::new();
        while let Some(key) = keys.next()
            && key != SearchKey::Close
        {
            all.push(self.key(key, keys)?);
        }
        Ok(match (all.pop(), all.is_empty()) {
            (None, _) => Query::All,
            (Some(lone), true) => lone,
            (Some(last), false) => {
                all.push(last);
                Query::And(all)
            }
        })
    }

    /// A key, and those inside it, which come `next`. The parser bounds how deep they nest.
    fn key(
        &mut self,
        key: SearchKey<'_>,
        next: &mut SearchKeys<'_>,
    ) -> Result<Query, Unsearchable> {
        Ok(match key {
            SearchKey::All => Query::All,
            SearchKey::Has(flag) => has(flag),
            SearchKey::Lacks(flag) => not(has(flag)),
            SearchKey::Keyword(name) => keyword(name),
            SearchKey::Unkeyword(name) => not(keyword(name)),
            // Nothing is ever recent here: see SELECT.
            SearchKey::Recent | SearchKey::New => Query::Nothing,
            SearchKey::Old => Query::All,
            SearchKey::Header { field, value } => {
                Query::Header { field: text(field)?, value: text(value)? }
            }
            SearchKey::Body(value) => Query::Body(text(value)?),
            SearchKey::Text(value) => Query::Text(text(value)?),
            // Pitfall 111: whole days, BEFORE without the day itself.
            SearchKey::Before(day) => Query::InternalBefore(day.unix_days),
            SearchKey::Since(day) => Query::InternalSince(day.unix_days),
            SearchKey::On(day) => Query::And(vec![
                Query::InternalSince(day.unix_days),
                Query::InternalBefore(day.unix_days.saturating_add(1)),
            ]),
            SearchKey::SentBefore(day) => Query::SentBefore(day.unix_days),
            SearchKey::SentSince(day) => Query::SentSince(day.unix_days),
            SearchKey::SentOn(day) => Query::And(vec![
                Query::SentSince(day.unix_days),
                Query::SentBefore(day.unix_days.saturating_add(1)),
            ]),
            SearchKey::Larger(size) => Query::Larger(size),
            SearchKey::Smaller(size) => Query::Smaller(size),
            SearchKey::Seq(set) => self.set(Numbers::Seq, set)?,
            SearchKey::Uid(set) => self.set(Numbers::Uid, set)?,
            SearchKey::ModSeq(mod_seq) => {
                self.has_mod_seq = true;
                Query::ModSeq(i64::try_from(mod_seq).unwrap_or(i64::MAX))
            }
            SearchKey::Older(_)
            | SearchKey::Younger(_)
            | SearchKey::SavedBefore(_)
            | SearchKey::SavedOn(_)
            | SearchKey::SavedSince(_)
            | SearchKey::SaveDateSupported
            | SearchKey::EmailId(_)
            | SearchKey::ThreadId(_)
            | SearchKey::Filter(_)
            | SearchKey::Close => Query::Nothing, // not offered; no key
            SearchKey::Fuzzy => self.inner(next)?,
            SearchKey::Not => not(self.inner(next)?),
            SearchKey::Or => Query::Or(vec![self.inner(next)?, self.inner(next)?]),
            SearchKey::Open => self.all_of(next)?,
        })
    }

    fn inner(&mut self, keys: &mut SearchKeys<'_>) -> Result<Query, Unsearchable> {
        keys.next().map_or(Ok(Query::Nothing), |key| self.key(key, keys))
    }

    fn set(&self, numbers: Numbers, set: Set<'_>) -> Result<Query, Unsearchable> {
        let uids = self.mailbox.resolve(numbers, set).map_err(|_| Unsearchable::NoSuchMessage)?;
        Ok(Query::Uids(uids))
    }
}

fn has(flag: Flag<'_>) -> Query {
    match flag {
        Flag::Seen => Query::Flags(Flags::SEEN),
        Flag::Answered => Query::Flags(Flags::ANSWERED),
        Flag::Flagged => Query::Flags(Flags::FLAGGED),
        Flag::Deleted => Query::Flags(Flags::DELETED),
        Flag::Draft => Query::Flags(Flags::DRAFT),
        Flag::System(_) => Query::Nothing,
        Flag::Keyword(name) => keyword(name),
    }
}

/// What cannot be a keyword is on no message.
fn keyword(name: &str) -> Query {
    Keyword::new(name).map_or(Query::Nothing, Query::Keyword)
}

fn not(query: Query) -> Query {
    match query {
        Query::All => Query::Nothing,
        Query::Nothing => Query::All,
        query => Query::Not(Box::new(query)),
    }
}

fn text(value: Str<'_>) -> Result<String, Unsearchable> {
    String::from_utf8(value.bytes().into_owned()).map_err(|_| Unsearchable::NotText)
}
