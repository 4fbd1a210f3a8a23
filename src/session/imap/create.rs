//! CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8): a name goes to
//! the store, and its verdict to the client.

use parser::imap::{List, Str};

use super::super::{Next, Output};
use super::codes::Missing;
use super::doing::{End, Ending, What};
use super::table::Rule;
use super::{Imap, State};
use crate::error::Refusal;
use crate::job::{Job, Reply};
use crate::model::{AccountId, MailboxName, SpecialUse};

impl Imap {
    pub(super) fn on_create(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        mailbox: Str<'_>,
        special_use: List<'_, &str>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, rule);
        let mut uses = special_use.iter().map(SpecialUse::parse);
        let special_use = match (uses.next(), uses.next()) {
            (None, _) => None,
            (Some(Some(special_use)), None) => Some(special_use),
            // RFC 6154 §3: a use, or several at once, that cannot be had.
            _ => return self.end(ending.saying("NO [USEATTR] Not a special use here"), out),
        };
        self.run_named(ending, mailbox, out, |account, name| Job::CreateMailbox {
            account,
            name,
            special_use,
        })
    }

    pub(super) fn on_delete(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        mailbox: Str<'_>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, rule);
        let Some(account) = self.account() else { return Next::Read };
        match self.name_of(mailbox) {
            Ok(name) => self.run(ending, What::Deleted, Job::DeleteMailbox { account, name }),
            Err(text) => self.end(ending.saying(text), out),
        }
    }

    /// Was it the selected one? Its name may have changed since: only the store knows.
    pub(super) fn on_deleted(&mut self, ending: Ending, reply: &Reply, out: &mut Output) -> Next {
        match &self.state {
            State::Selected(_, mailbox) if matches!(reply, Reply::Done) => {
                let job = Job::Refresh { mailbox: mailbox.key };
                self.run(ending, What::StillThere, job)
            }
            _ => self.on_done(ending, reply, out),
        }
    }

    /// A client that deleted what it had selected knows that nothing is selected any more.
    pub(super) fn on_still_there(
        &mut self,
        ending: Ending,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        if matches!(reply, Reply::Refused(Refusal::NoSuchMailbox)) {
            self.leave_mailbox();
            out.put(b"* OK [CLOSED] Mailbox closed\r\n");
            return self.end(ending, out);
        }
        self.on_refreshed(End::Tagged(ending), reply, out)
    }

    pub(super) fn on_rename(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        from: Str<'_>,
        to: Str<'_>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, rule);
        match self.name_of(to) {
            Ok(to) => self.run_named(ending, from, out, |account, from| Job::RenameMailbox {
                account,
                from,
                to,
            }),
            Err(text) => self.end(ending.saying(text), out),
        }
    }

    pub(super) fn on_subscribe(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        mailbox: Str<'_>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, rule);
        self.run_named(ending, mailbox, out, |account, name| Job::Subscribe { account, name })
    }

    pub(super) fn on_unsubscribe(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        mailbox: Str<'_>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, rule);
        self.run_named(ending, mailbox, out, |account, name| Job::Unsubscribe { account, name })
    }

    /// Runs a job about one mailbox name of which nothing comes back but whether it was done.
    fn run_named(
        &mut self,
        ending: Ending,
        mailbox: Str<'_>,
        out: &mut Output,
        job: impl FnOnce(AccountId, MailboxName) -> Job,
    ) -> Next {
        let Some(account) = self.account() else { return Next::Read };
        match self.name_of(mailbox) {
            Ok(name) => self.run(ending, What::Done, job(account, name)),
            Err(text) => self.end(ending.saying(text), out),
        }
    }

    pub(super) fn on_done(&mut self, ending: Ending, reply: &Reply, out: &mut Output) -> Next {
        match reply {
            Reply::Done => self.end(ending, out),
            reply => self.fail(ending, reply, Missing::Plain, out),
        }
    }
}
