//! SEARCH and UID SEARCH (RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 4731, RFC 5182).

mod keys;

use std::sync::Arc;

use parser::imap::{Command, SearchReturn};

use super::super::{Next, Output};
use super::codes::{self, Missing};
use super::doing::{Doing, End, Ending};
use super::lines::{Progress, put_number};
use super::sets::{put_set, seqs_of};
use super::table::Rule;
use super::tell::Tell;
use super::{Imap, State};
use crate::error::Refusal;
use crate::job::{Job, Reply};
use crate::limits::OUTPUT_BYTES_MAX;
use crate::mail::search::Query;
use crate::mail::{Snapshot, UidRuns};
use crate::model::{ModSeq, Uid};
use keys::{Program, Unsearchable};

const BAD_CHARSET: &str = "NO [BADCHARSET (US-ASCII UTF-8)] Text in another charset";

/// A search that is being answered.
#[derive(Debug)]
pub(super) struct Search {
    ending: Ending,
    query: Arc<Query>,
    /// What the client knows: nothing else can be found.
    among: Arc<UidRuns>,
    returns: Returns,
    /// `MODSEQ` was among the keys (RFC 7162 §3.1.5).
    tells_mod_seq: bool,
    found: UidRuns,
    mod_seq: ModSeq,
    /// The `* SEARCH` line on its way: its numbers, and from where on.
    writing: Option<(UidRuns, u32, Arc<Snapshot>)>,
}

/// What of the result is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Returns {
    /// ESEARCH; otherwise SEARCH.
    extended: bool,
    min: bool,
    max: bool,
    all: bool,
    count: bool,
    save: bool,
}

impl Returns {
    /// RFC 9051 §6.4.4: no options mean ALL. A rev1 client that gives none wants `* SEARCH`.
    fn new<'a>(options: Option<impl Iterator<Item = SearchReturn<'a>>>, rev2: bool) -> Self {
        let mut returns = Self { extended: rev2 || options.is_some(), ..Self::default() };
        for option in options.into_iter().flatten() {
            match option {
                SearchReturn::Min => returns.min = true,
                SearchReturn::Max => returns.max = true,
                SearchReturn::All => returns.all = true,
                SearchReturn::Count => returns.count = true,
                SearchReturn::Save => returns.save = true,
                SearchReturn::Partial(_)
                | SearchReturn::Context
                | SearchReturn::Update(_)
                | SearchReturn::Relevancy => {} // not offered
            }
        }
        let Self { min, max, all, count, save, .. } = returns;
        returns.all |= !(min || max || all || count || save);
        returns
    }

    /// Only the ends are asked for.
    const fn only_ends(self) -> bool {
        (self.min || self.max) && !self.all && !self.count
    }

    /// SAVE alone: nothing is told (RFC 5182 §2.1).
    const fn is_silent(self) -> bool {
        self.save && !(self.min || self.max || self.all || self.count)
    }

    /// What a search that asks for MIN or MAX only has found and saves (RFC 5182 §2.4).
    fn result(self, found: UidRuns) -> UidRuns {
        if !self.only_ends() {
            return found;
        }
        let min = found.first().filter(|_| self.min);
        let max = found.last().filter(|_| self.max);
        min.into_iter().chain(max).collect()
    }
}

impl Search {
    pub(super) const fn is_inside_a_response(&self) -> bool {
        self.writing.is_some()
    }
}

impl Imap {
    pub(super) fn on_search(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        command: &Command<'_>,
        out: &mut Output,
    ) -> Next {
        let Command::Search { returns, charset, keys, .. } = command else { return Next::Read };
        let ending = Ending::ok(tag, rule);
        let returns = Returns::new(returns.map(|returns| returns.iter()), self.enabled.rev2);
        let known = charset.is_none_or(|charset| {
            let charset = charset.bytes();
            charset.eq_ignore_ascii_case(b"US-ASCII") || charset.eq_ignore_ascii_case(b"UTF-8")
        });
        if !known {
            return self.search_failed(ending.saying(BAD_CHARSET), returns, out);
        }
        let State::Selected(_, mailbox) = &self.state else { return Next::Read };
        let program = match Program::new(*keys, mailbox) {
            Ok(program) => program,
            Err(Unsearchable::NotText) => {
                return self.search_failed(ending.saying(BAD_CHARSET), returns, out);
            }
            Err(Unsearchable::NoSuchMessage) => {
                return self.bad(Some(tag), format_args!("No such message"), out);
            }
        };
        let among = mailbox.view.shared_uids();
        if program.has_mod_seq {
            self.enable_condstore(out); // RFC 7162 §3.1
        }
        let search = Search {
            ending,
            query: Arc::new(program.query),
            among,
            returns,
            tells_mod_seq: program.has_mod_seq,
            found: UidRuns::new(),
            mod_seq: ModSeq(0),
            writing: None,
        };
        self.searching(Box::new(search), Uid(1))
    }

    fn searching(&mut self, search: Box<Search>, from: Uid) -> Next {
        let State::Selected(_, mailbox) = &self.state else { return Next::Read };
        let job = Job::Search {
            mailbox: mailbox.key,
            query: Arc::clone(&search.query),
            among: Arc::clone(&search.among),
            from,
        };
        self.doing = Doing::Search(search);
        Next::Run(Box::new(job))
    }

    pub(super) fn on_found(
        &mut self,
        mut search: Box<Search>,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        let (uids, mod_seq, next, snapshot) = match reply {
            Reply::Found { uids, mod_seq, next, snapshot } => (uids, mod_seq, next, snapshot),
            Reply::Refused(Refusal::NoSuchMailbox) => return self.mailbox_gone(out),
            reply => {
                let ending = search.ending.saying(codes::problem(&reply, Missing::Plain));
                return self.search_failed(ending, search.returns, out);
            }
        };
        uids.ranges().for_each(|(first, last)| search.found.push_range(first, last));
        search.mod_seq = search.mod_seq.max(mod_seq);
        match next {
            Some(next) => self.searching(search, next),
            None => self.searched(search, snapshot, out),
        }
    }

    /// RFC 5182 §2.1: `$` is empty after a NO to a search that was to fill it (pitfall 114).
    fn search_failed(&mut self, ending: Ending, returns: Returns, out: &mut Output) -> Next {
        if let State::Selected(_, mailbox) = &mut self.state
            && returns.save
        {
            mailbox.saved = UidRuns::new();
        }
        self.end(ending, out)
    }

    fn searched(
        &mut self,
        mut search: Box<Search>,
        snapshot: Arc<Snapshot>,
        out: &mut Output,
    ) -> Next {
        let State::Selected(_, mailbox) = &mut self.state else { return Next::Read };
        let found = std::mem::take(&mut search.found);
        let numbers =
            if search.ending.rule.by_uid { found.clone() } else { seqs_of(&mailbox.view, &found) };
        if search.returns.only_ends() {
            // RFC 7162 §3.1.10: the mod-sequence of what is told.
            let ends = search.returns.result(found.clone());
            let told = ends.iter().filter_map(|uid| snapshot.get(uid));
            search.mod_seq = told.map(|message| message.mod_seq).max().unwrap_or(ModSeq(0));
        }
        if search.returns.save {
            mailbox.saved = search.returns.result(found);
        }
        if search.returns.extended {
            if !search.returns.is_silent() {
                put_esearch(&search, &numbers, out);
            }
            return self.tell(Tell::news(snapshot), End::Tagged(search.ending), out);
        }
        out.put(b"* SEARCH");
        search.writing = Some((numbers, 1, snapshot));
        self.go_on_searching(search, out)
    }

    /// Writes the next numbers of a `* SEARCH` line.
    pub(super) fn go_on_searching(&mut self, mut search: Box<Search>, out: &mut Output) -> Next {
        let Some((numbers, from, snapshot)) = &mut search.writing else {
            self.doing = Doing::Search(search);
            return self.waiting();
        };
        if put_numbers(numbers, from, out) == Progress::Full {
            self.doing = Doing::Search(search);
            return Next::Drain;
        }
        if search.tells_mod_seq && !numbers.is_empty() {
            out.text(format_args!(" (MODSEQ {})", search.mod_seq)); // pitfall 116
        }
        out.put(b"\r\n");
        let snapshot = Arc::clone(snapshot);
        self.tell(Tell::news(snapshot), End::Tagged(search.ending), out)
    }
}

/// Numbers from `from` on, until the output is full; then `from` is where to go on.
fn put_numbers(numbers: &UidRuns, from: &mut u32, out: &mut Output) -> Progress {
    for (first, last) in numbers.ranges() {
        for number in first.0.max(*from)..=last.0 {
            out.put(b" ");
            put_number(number.into(), out);
            if out.len() >= OUTPUT_BYTES_MAX {
                *from = number.saturating_add(1);
                return Progress::Full;
            }
        }
    }
    *from = u32::MAX;
    Progress::Done
}

/// RFC 9051 §7.3.4: only what was asked for, and nothing of an empty result but its count
/// (pitfall 114).
fn put_esearch(search: &Search, numbers: &UidRuns, out: &mut Output) {
    let returns = search.returns;
    out.text(format_args!("* ESEARCH (TAG \"{}\")", search.ending.tag));
    if search.ending.rule.by_uid {
        out.put(b" UID");
    }
    if let (true, Some(min)) = (returns.min, numbers.first()) {
        out.text(format_args!(" MIN {min}"));
    }
    if let (true, Some(max)) = (returns.max, numbers.last()) {
        out.text(format_args!(" MAX {max}"));
    }
    if returns.all && !numbers.is_empty() {
        out.put(b" ALL ");
        put_set(numbers, out);
    }
    if returns.count {
        out.text(format_args!(" COUNT {}", numbers.len()));
    }
    if search.tells_mod_seq && !numbers.is_empty() {
        out.text(format_args!(" MODSEQ {}", search.mod_seq));
    }
    out.put(b"\r\n");
}
