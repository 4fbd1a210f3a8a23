//! STORE and UID STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3).

use parser::imap::{Command, Flag, List, StoreOperation};

use super::super::{Next, Output};
use super::codes::{self, Missing};
use super::doing::{End, Ending, What};
use super::expunge::READ_ONLY;
use super::sets::{numbers_of, seqs_of, set_text};
use super::table::Rule;
use super::tell::Tell;
use super::{Imap, State};
use crate::error::Refusal;
use crate::job::{Access, FlagSet, Job, Reply, StoreMode};
use crate::mail::UidRuns;
use crate::model::{Flags, Keyword, ModSeq};

/// What a STORE asked, for when its reply comes.
#[derive(Debug)]
pub(super) struct Asked {
    uids: UidRuns,
    silent: bool,
}

impl Imap {
    pub(super) fn on_store(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        command: &Command<'_>,
        out: &mut Output,
    ) -> Next {
        let Command::Store { set, unchanged_since, operation, silent, flags, .. } = command else {
            return Next::Read;
        };
        let State::Selected(_, mailbox) = &self.state else { return Next::Read };
        let ending = Ending::ok(tag, rule);
        let Ok(uids) = mailbox.resolve(numbers_of(rule), *set) else {
            return self.bad(Some(tag), format_args!("No such message"), out);
        };
        if mailbox.access == Access::ReadOnly {
            return self.end(ending.saying(READ_ONLY), out);
        }
        let Some(flags) = flag_set(*flags) else {
            return self.end(ending.saying(BAD_KEYWORD), out);
        };
        let key = mailbox.key;
        if unchanged_since.is_some() {
            self.enable_condstore(out); // RFC 7162 §3.1
        }
        if uids.is_empty() {
            return self.end(ending, out);
        }
        let mode = match operation {
            StoreOperation::Replace => StoreMode::Replace,
            StoreOperation::Add => StoreMode::Add,
            StoreOperation::Remove => StoreMode::Remove,
        };
        let unchanged_since =
            unchanged_since.map(|at| ModSeq(i64::try_from(at).unwrap_or(i64::MAX)));
        let asked = Asked { uids: uids.clone(), silent: *silent };
        let job = Job::Store { mailbox: key, uids, mode, flags, unchanged_since };
        self.run(ending, What::Stored(asked), job)
    }

    pub(super) fn on_stored(
        &mut self,
        ending: Ending,
        asked: Asked,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        let (modified, changed, mod_seq, snapshot) = match reply {
            Reply::Stored { modified, changed, mod_seq, snapshot } => {
                (modified, changed, mod_seq, snapshot)
            }
            Reply::Refused(Refusal::NoSuchMailbox) => return self.mailbox_gone(out),
            reply => return self.fail(ending, &reply, Missing::Plain, out),
        };
        let State::Selected(_, mailbox) = &self.state else { return Next::Read };
        let mut tell = Tell::news(snapshot);
        let gone = !asked.uids.difference(tell.snapshot.uids()).is_empty();
        if asked.silent {
            // Somebody else's change in between may be to the same messages: then the flags are
            // told after all, for silence is only about what this client did (RFC 9051 §6.4.6).
            let alone = mod_seq.0 <= mailbox.view.mod_seq().0.saturating_add(1);
            if alone {
                tell.quiet = changed.difference(&mailbox.owed); // pitfall 91
            }
        } else {
            tell.show = asked.uids.difference(&modified);
        }
        let ending = match (modified.is_empty(), gone && !ending.rule.by_uid) {
            (true, false) => ending,
            (true, true) => ending.saying(codes::refusal(Refusal::MessageGone, Missing::Plain)),
            (false, gone) => {
                // Pitfall 92: in the numbers the client used.
                let set = if ending.rule.by_uid {
                    set_text(&modified)
                } else {
                    set_text(&seqs_of(&mailbox.view, &modified))
                };
                let word = if gone { "NO" } else { "OK" }; // RFC 7162 §3.1.3
                ending.saying(format!("{word} [MODIFIED {set}] Some were changed meanwhile"))
            }
        };
        self.tell(tell, End::Tagged(ending), out)
    }
}

/// A keyword that cannot be.
pub(super) const BAD_KEYWORD: &str = "NO [LIMIT] A keyword is too long or not an atom";

/// Flags as the store takes them. `\Recent` and other system flags that nobody keeps are passed
/// over (pitfall 95).
pub(super) fn flag_set(flags: List<'_, Flag<'_>>) -> Option<FlagSet> {
    let mut set = FlagSet::default();
    for flag in flags.iter() {
        let flag = match flag {
            Flag::Seen => Flags::SEEN,
            Flag::Answered => Flags::ANSWERED,
            Flag::Flagged => Flags::FLAGGED,
            Flag::Deleted => Flags::DELETED,
            Flag::Draft => Flags::DRAFT,
            Flag::System(_) => Flags::NONE,
            Flag::Keyword(name) => {
                let keyword = Keyword::new(name)?;
                if !set.keywords.contains(&keyword) {
                    set.keywords.push(keyword);
                }
                Flags::NONE
            }
        };
        set.flags = set.flags.union(flag);
    }
    Some(set)
}
