//! IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051): one client as a state machine.
//!
//! The rule: one command at a time. A command is framed, parsed and answered to its tagged line
//! before the next byte is looked at (RFC 9051 §5.5 permits it), so a session needs no locks and
//! no queue. What a command needs while it runs lives in one box that is dropped with its answer:
//! an idle session is this struct, its view and nothing else.

mod append;
mod capability;
mod codes;
mod copy;
mod create;
mod doing;
mod enable;
mod expunge;
mod fetch;
mod id;
mod input;
mod lines;
mod list;
mod login;
mod logout;
mod mailbox;
mod metadata;
mod names;
mod namespace;
mod noop;
mod offered;
mod search;
mod select;
mod sets;
mod status;
mod store;
mod table;
mod tell;
#[cfg(test)]
mod tests;

use parser::imap::Framer;

use super::{Event, Next, Output, Peer, SharedSettings, Standing, Step};
use crate::job::{Change, Job, MailboxKey, Reply, Seat};
use crate::limits;
use crate::model::{AccountId, MailboxId};
use doing::{Doing, End, Ending, Waiting, What};
use mailbox::Selected;
use metadata::AnnotationNews;
use table::{Needs, Rule};

/// One client of IMAP.
#[derive(Debug)]
pub struct Imap {
    settings: SharedSettings,
    peer: Peer,
    framer: Framer,
    state: State,
    doing: Doing,
    enabled: Enabled,
    /// News were read and told because of the command whose frame comes next: see
    /// [`Self::news_first`].
    has_fresh_news: bool,
    /// The same for annotations: see [`Self::annotations_first`].
    has_fresh_annotations: bool,
    /// Whose changes are told, once the client has enabled METADATA (RFC 5464 §4.1).
    annotations: Option<AnnotationNews>,
    bad_commands: u32,
}

/// RFC 9051 §3. What a state has, only that state has.
#[derive(Debug)]
enum State {
    NotAuthenticated,
    Authenticated(User),
    Selected(User, Selected),
}

/// Who is logged in.
#[derive(Debug)]
struct User {
    account: AccountId,
    /// Kept for its drop: it gives the account's place back.
    _seat: Seat,
}

/// What the client has switched on, for the rest of the connection (RFC 9051 §6.3.1).
#[derive(Clone, Copy, Debug, Default)]
struct Enabled {
    /// IMAP4rev2: ESEARCH for SEARCH, UTF-8 names, no RECENT (RFC 9051 App. E).
    rev2: bool,
    /// RFC 7162 §3.1: MODSEQ in every FETCH response.
    condstore: bool,
}

impl Imap {
    /// A client that has just connected; [`Event::Opened`] greets it.
    pub fn new(settings: SharedSettings, peer: Peer) -> Self {
        Self {
            settings,
            peer,
            framer: Framer::new(),
            state: State::NotAuthenticated,
            doing: Doing::Nothing,
            enabled: Enabled::default(),
            has_fresh_news: false,
            has_fresh_annotations: false,
            annotations: None,
            bad_commands: 0,
        }
    }

    /// One event in, some output, and what must happen now.
    pub fn step(&mut self, event: Event<'_>, out: &mut Output) -> Step {
        let step = match event {
            Event::Input(input) => self.on_input(input, out),
            Event::Opened => at_once(self.greet(out)),
            Event::Refused => at_once(self.goodbye("Too many connections", out)),
            Event::Reply(reply) => at_once(self.on_reply(reply, out)),
            Event::Changed(change) => at_once(self.on_changed(change)),
            Event::Drained => at_once(self.on_drained(out)),
            Event::TlsStarted => at_once(self.on_tls_started()),
            Event::Timeout => at_once(self.goodbye("Silent for too long", out)),
            Event::Shutdown => at_once(self.goodbye("The server is stopping", out)),
        };
        self.check_invariants(&step.next);
        step
    }

    /// What `net` reads off this session.
    pub fn standing(&self) -> Standing {
        let (watches, trusted) = match &self.state {
            State::NotAuthenticated => (None, false),
            State::Authenticated(_) => (None, true),
            State::Selected(_, mailbox) => (Some(mailbox.key), true),
        };
        let server = self.account().filter(|_| self.annotations.is_some());
        let server = server.map(|account| MailboxKey { account, mailbox: MailboxId::SERVER });
        let watches = [watches, server];
        let expects_input = matches!(self.doing, Doing::Append(_)) || !self.framer.is_fresh();
        Standing { watches, expects_input, ..self.settings.standing(trusted) }
    }

    fn on_reply(&mut self, reply: Reply, out: &mut Output) -> Next {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Waiting(waiting) => self.on_awaited(*waiting, reply, out),
            Doing::Fetch(fetch) => self.on_fetch_reply(fetch, reply, out),
            Doing::Search(search) => self.on_found(search, reply, out),
            Doing::Append(append) => self.on_append_reply(append, reply, out),
            doing => {
                // No job was out: nothing to do with it.
                self.doing = doing;
                self.waiting()
            }
        }
    }

    fn on_awaited(&mut self, waiting: Waiting, reply: Reply, out: &mut Output) -> Next {
        let Waiting { ending, what } = waiting;
        match what {
            What::Login => self.on_logged_in(ending, reply, out),
            What::Open { access } => self.on_opened(ending, access, reply, out),
            What::Done => self.on_done(ending, &reply, out),
            What::Deleted => self.on_deleted(ending, &reply, out),
            What::StillThere => self.on_still_there(ending, reply, out),
            What::Status { items } => self.on_status_reply(ending, &items, &reply, out),
            What::List(wanted) => self.on_mailboxes(ending, *wanted, reply, out),
            What::ListMetadata(listing) => self.on_list_metadata(ending, listing, reply, out),
            What::Metadata(asked) => self.on_metadata(ending, *asked, reply, out),
            What::MetadataSet => self.on_metadata_set(ending, &reply, out),
            What::MetadataEnabled => {
                self.tell_metadata(reply, out);
                self.end(ending, out)
            }
            What::MetadataFirst => {
                self.tell_metadata(reply, out);
                Next::Read
            }
            What::IdleMetadata => {
                self.tell_metadata(reply, out);
                self.doing = Doing::Idle { tag: ending.tag };
                self.idle_on_mailbox() // what could not be read now is read another time
            }
            What::Stored(asked) => self.on_stored(ending, asked, reply, out),
            What::Expunged => self.on_expunged(ending, reply, out),
            What::Closed => self.on_closed(ending, &reply, out),
            What::Copied { originals } => self.on_copied(ending, originals, reply, out),
            What::Appended => self.on_appended(ending, &reply, out),
            What::Refresh => self.on_refreshed(End::Tagged(ending), reply, out),
            What::NewsFirst { flags } => {
                self.on_refreshed(End::Again { rule: ending.rule, flags }, reply, out)
            }
            What::IdleRefresh => self.on_refreshed(End::Idle { tag: ending.tag }, reply, out),
        }
    }

    fn on_changed(&mut self, change: Change) -> Next {
        if change.mailbox.mailbox == MailboxId::SERVER {
            if let Some(news) = &mut self.annotations {
                news.hear(change.mod_seq);
            }
        } else if let State::Selected(_, mailbox) = &mut self.state
            && change.mailbox == mailbox.key
        {
            mailbox.heard = mailbox.heard.max(change.mod_seq);
        }
        if matches!(self.doing, Doing::Idle { .. }) {
            return self.go_on_idling();
        }
        self.waiting()
    }

    fn on_drained(&mut self, out: &mut Output) -> Next {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Telling(telling) => self.go_on_telling(telling, out),
            Doing::Fetch(fetch) => self.go_on_fetching(fetch, out),
            Doing::Search(search) => self.go_on_searching(search, out),
            Doing::Listing(listing) => self.go_on_listing(listing, out),
            Doing::Annotating(annotating) => self.go_on_annotating(annotating, out),
            doing => {
                self.doing = doing;
                self.waiting()
            }
        }
    }

    /// What must happen for whatever is being done to go on.
    fn waiting(&self) -> Next {
        match self.doing {
            Doing::Over => Next::Close,
            Doing::Telling(_)
            | Doing::Fetch(_)
            | Doing::Search(_)
            | Doing::Listing(_)
            | Doing::Annotating(_) => Next::Drain,
            _ => Next::Read,
        }
    }

    /// Runs `job`, and does `what` with its reply.
    fn run(&mut self, ending: Ending, what: What, job: Job) -> Next {
        self.doing = Doing::Waiting(Box::new(Waiting { ending, what }));
        Next::Run(Box::new(job))
    }

    /// Ends a command that brought no snapshot: what is known to have changed is told first.
    fn end(&mut self, ending: Ending, out: &mut Output) -> Next {
        if let State::Selected(_, mailbox) = &self.state
            && mailbox.is_stale()
        {
            let mailbox = mailbox.key;
            return self.run(ending, What::Refresh, Job::Refresh { mailbox });
        }
        ending.write(out);
        self.doing = Doing::Nothing;
        Next::Read
    }

    /// Ends a command whose job did not do it.
    fn fail(
        &mut self,
        ending: Ending,
        reply: &Reply,
        missing: codes::Missing,
        out: &mut Output,
    ) -> Next {
        self.end(ending.saying(codes::problem(reply, missing)), out)
    }

    /// The command cannot be understood or is not allowed now (RFC 9051 §7.1.3). A peer that goes
    /// on like that is cut off.
    fn bad(&mut self, tag: Option<&str>, why: std::fmt::Arguments<'_>, out: &mut Output) -> Next {
        self.doing = Doing::Nothing;
        out.line(format_args!("{} BAD {why}", tag.unwrap_or("*")));
        self.bad_commands += 1;
        if self.bad_commands < limits::BAD_COMMANDS_MAX {
            return Next::Read;
        }
        self.goodbye("Too many bad commands", out)
    }

    /// `* BYE`, in any phase (pitfall 62), unless it would fall into the middle of a response.
    fn goodbye(&mut self, why: &str, out: &mut Output) -> Next {
        if !self.is_inside_a_response() && !matches!(self.doing, Doing::Over) {
            out.line(format_args!("* BYE {why}"));
        }
        self.doing = Doing::Over;
        Next::Close
    }

    fn is_inside_a_response(&self) -> bool {
        match &self.doing {
            Doing::Fetch(fetch) => fetch.is_inside_a_response(),
            Doing::Search(search) => search.is_inside_a_response(),
            _ => false,
        }
    }

    /// Is `rule` allowed in this state?
    fn allows(&self, rule: &Rule) -> bool {
        match rule.needs {
            Needs::Nothing => true,
            Needs::NoLogin => matches!(self.state, State::NotAuthenticated),
            Needs::Login => !matches!(self.state, State::NotAuthenticated),
            Needs::Mailbox => matches!(self.state, State::Selected(..)),
        }
    }

    fn account(&self) -> Option<AccountId> {
        match &self.state {
            State::NotAuthenticated => None,
            State::Authenticated(user) | State::Selected(user, _) => Some(user.account),
        }
    }

    fn check_invariants(&self, next: &Next) {
        let awaits = matches!(
            self.doing,
            Doing::Waiting(_) | Doing::Fetch(_) | Doing::Search(_) | Doing::Append(_)
        );
        debug_assert!(!matches!(next, Next::Run(_)) || awaits, "nobody waits for the reply");
        debug_assert!(
            !matches!(next, Next::Read) || !matches!(self.doing, Doing::Waiting(_)),
            "input is read while a job is out"
        );
    }
}

fn at_once(next: Next) -> Step {
    Step { consumed: 0, next }
}
