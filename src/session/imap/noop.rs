//! NOOP, CHECK and IDLE: the commands that only ask for news (RFC 9051 §6.1.2, §6.3.13).

use super::super::{Next, Output};
use super::codes::{self, Missing};
use super::doing::{Doing, End, Ending, What};
use super::table::{IDLE, Rule};
use super::tell::Tell;
use super::{Imap, State};
use crate::error::Refusal;
use crate::job::{Job, Reply};

impl Imap {
    pub(super) fn on_noop(&mut self, tag: &str, rule: &'static Rule, out: &mut Output) -> Next {
        let ending = Ending::ok(tag, rule);
        match &self.state {
            State::Selected(_, mailbox) => {
                let mailbox = mailbox.key;
                self.run(ending, What::Refresh, Job::Refresh { mailbox })
            }
            _ => self.end(ending, out),
        }
    }

    /// A snapshot came home only to be told.
    pub(super) fn on_refreshed(&mut self, end: End, reply: Reply, out: &mut Output) -> Next {
        match (reply, end) {
            (Reply::Current { snapshot }, end) => self.tell(Tell::news(snapshot), end, out),
            (Reply::Refused(Refusal::NoSuchMailbox), _) => self.mailbox_gone(out),
            // What could not be read now is read with the next command.
            (_, End::Idle { tag }) => {
                self.doing = Doing::Idle { tag };
                Next::Read
            }
            // NOOP and CHECK promise the news; other commands did what they said.
            (_, End::Again { .. } | End::Batch { .. }) => Next::Read,
            (reply, End::Tagged(ending)) => {
                let ending = if ending.is_plain() && matches!(ending.rule.name, "NOOP" | "CHECK") {
                    ending.saying(codes::problem(&reply, Missing::Plain))
                } else {
                    ending
                };
                ending.write(out);
                Next::Read
            }
        }
    }

    /// Pitfall 73: no client understands that its mailbox is not there any more but this.
    pub(super) fn mailbox_gone(&mut self, out: &mut Output) -> Next {
        self.goodbye("The selected mailbox was deleted", out)
    }

    /// RFC 9051 §6.3.13: news are told from now on, whatever was not told yet first.
    pub(super) fn on_idle(&mut self, tag: &str, out: &mut Output) -> Next {
        out.put(b"+ idling\r\n");
        self.doing = Doing::Idle { tag: tag.into() };
        match self.state {
            State::Selected(..) => self.refresh_idle(),
            _ => Next::Read,
        }
    }

    /// Reads what is known to have changed: annotations, then the mailbox. Else it idles on.
    pub(super) fn go_on_idling(&mut self) -> Next {
        if let (Some(news), Some(account)) = (self.annotations, self.account())
            && news.is_stale()
            && let Doing::Idle { tag } = &self.doing
        {
            let ending = Ending::ok(tag, &IDLE);
            let job = Job::MetadataChanges { account, since: news.known };
            return self.run(ending, What::IdleMetadata, job);
        }
        self.idle_on_mailbox()
    }

    pub(super) fn idle_on_mailbox(&mut self) -> Next {
        match &self.state {
            State::Selected(_, mailbox) if mailbox.is_stale() => self.refresh_idle(),
            _ => Next::Read,
        }
    }

    /// Reads what changed, and idles on.
    pub(super) fn refresh_idle(&mut self) -> Next {
        match (std::mem::replace(&mut self.doing, Doing::Nothing), &self.state) {
            (Doing::Idle { tag }, State::Selected(_, mailbox)) => {
                let mailbox = mailbox.key;
                self.run(Ending::ok(&tag, &IDLE), What::IdleRefresh, Job::Refresh { mailbox })
            }
            (doing, _) => {
                self.doing = doing;
                self.waiting()
            }
        }
    }

    /// `DONE`, in any case; what is pipelined behind it is the next command.
    pub(super) fn on_idle_line(&mut self, tag: Box<str>, line: &[u8], out: &mut Output) -> Next {
        if line.trim_ascii().eq_ignore_ascii_case(b"DONE") {
            return self.end(Ending::ok(&tag, &IDLE), out);
        }
        self.bad(Some(&tag), format_args!("Expected DONE"), out)
    }
}
