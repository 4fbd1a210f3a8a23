//! Bytes into commands: framing, literals, and the way from a command to its handler.

use parser::imap::{self, Charset, Command, Frame, Limits, Literal, Tagged};

use super::super::{Next, Output, Step};
use super::copy::Originals;
use super::doing::{Doing, Ending, Flags, What};
use super::table::{Needs, rule_of};
use super::{Imap, State, codes, metadata, offered};
use crate::error::Refusal;
use crate::job::Job;
use crate::limits;

impl Imap {
    pub(super) fn on_input(&mut self, input: &[u8], out: &mut Output) -> Step {
        match self.doing {
            Doing::Nothing | Doing::Idle { .. } | Doing::Sasl { .. } => self.on_line(input, out),
            Doing::Append(_) => match std::mem::replace(&mut self.doing, Doing::Nothing) {
                Doing::Append(append) => self.on_append_bytes(append, input, out),
                _ => read(0),
            },
            _ => Step { consumed: 0, next: self.waiting() },
        }
    }

    /// One frame, or as much of one as is there.
    fn on_line(&mut self, input: &[u8], out: &mut Output) -> Step {
        let limits = self.limits();
        loop {
            match self.framer.next(input, &limits) {
                Frame::Incomplete => return read(0),
                Frame::Skip { bytes } => return read(bytes),
                Frame::Complete { bytes } => {
                    let frame = input.get(..bytes).unwrap_or_default();
                    if let Some(next) =
                        self.annotations_first(frame).or_else(|| self.news_first(frame))
                    {
                        return Step { consumed: 0, next };
                    }
                    self.has_fresh_news = false;
                    self.has_fresh_annotations = false;
                    return Step { consumed: bytes, next: self.on_frame(frame, out) };
                }
                Frame::TooLong => {
                    let tag = self.tag_at_hand(input);
                    let next = self.bad(tag.as_deref(), format_args!("Too long"), out);
                    if !matches!(next, Next::Read) {
                        return Step { consumed: 0, next };
                    }
                }
                Frame::Literal { head_bytes, literal } => {
                    let head = input.get(..head_bytes).unwrap_or_default();
                    if let Some(step) = self.on_literal(head, literal, out) {
                        return step;
                    }
                }
            }
        }
    }

    /// A client that names messages by UID may mean some that it has heard of elsewhere, and a
    /// silent STORE must not swallow what others did (RFC 9051 §6.4.6): what has changed is read
    /// and told before such a command, which stays in the input meanwhile.
    fn news_first(&mut self, frame: &[u8]) -> Option<Next> {
        let State::Selected(_, mailbox) = &self.state else { return None };
        let may_be_stale = mailbox.is_stale() || self.settings.changes_come_late;
        if !may_be_stale || self.has_fresh_news || !matches!(self.doing, Doing::Nothing) {
            return None;
        }
        let Tagged { tag, command } = imap::command(frame).ok()?;
        let rule = rule_of(&command);
        if !mailbox.is_stale() && !mailbox.may_mean_news(&command) {
            return None;
        }
        let flags = match command {
            Command::Store { silent: true, .. } => Flags::WithTheAnswer,
            _ if rule.by_uid => Flags::Now,
            _ => return None,
        };
        self.has_fresh_news = true;
        let job = Job::Refresh { mailbox: mailbox.key };
        Some(self.run(Ending::ok(tag, rule), What::NewsFirst { flags }, job))
    }

    /// Annotations that others have changed are told before the next command, whatever it is, which
    /// stays in the input meanwhile (RFC 5464 §4.4).
    fn annotations_first(&mut self, frame: &[u8]) -> Option<Next> {
        let (news, account) = (self.annotations?, self.account()?);
        if !news.is_stale() || self.has_fresh_annotations || !matches!(self.doing, Doing::Nothing) {
            return None;
        }
        let Tagged { tag, command } = imap::command(frame).ok()?;
        self.has_fresh_annotations = true;
        let job = Job::MetadataChanges { account, since: news.known };
        Some(self.run(Ending::ok(tag, rule_of(&command)), What::MetadataFirst, job))
    }

    /// A literal was announced: take it into the frame, or refuse it. `None` to frame on.
    fn on_literal(&mut self, head: &[u8], literal: Literal, out: &mut Output) -> Option<Step> {
        if matches!(self.doing, Doing::Nothing)
            && imap::is_append(head)
            && let Some(step) = self.on_append_head(head, out)
        {
            // What was refused is still to be skipped.
            let goes_on = step.consumed == 0 && matches!(step.next, Next::Read);
            return (!goes_on).then_some(step);
        }
        if self.framer.accept_literal() {
            let is_asked_for = self.has_fresh_news || self.has_fresh_annotations;
            if literal.synchronizing && !is_asked_for {
                out.put(b"+ OK\r\n"); // RFC 9051 §7.6
            }
            return None;
        }
        // Pitfalls 61, 63: nothing of it is kept, and the connection stays in step.
        self.framer.refuse_literal();
        let tag = self.tag_at_hand(head);
        if let Some(tag) = tag.as_deref().filter(|_| self.account().is_some())
            && matches!(self.doing, Doing::Nothing)
            && metadata::is_setmetadata(head)
        {
            // RFC 5464 §4.3: too large a value is NO, and says how large it may be.
            let why = codes::refusal(
                Refusal::MetadataTooBig(limits::METADATA_VALUE_BYTES_MAX),
                codes::Missing::Plain,
            );
            out.line(format_args!("{tag} {why}"));
            return None;
        }
        let next = self.bad(tag.as_deref(), format_args!("[TOOBIG] The literal is too large"), out);
        (!matches!(next, Next::Read)).then_some(Step { consumed: 0, next })
    }

    /// The tag that a line belongs to: what continues a command has none of its own.
    fn tag_at_hand(&self, line: &[u8]) -> Option<Box<str>> {
        match &self.doing {
            Doing::Idle { tag } | Doing::Sasl { tag } => Some(tag.clone()),
            _ => imap::tag_of(line).map(Box::from),
        }
    }

    /// Pitfall 61: a stranger may not make us keep much.
    pub(super) fn limits(&self) -> Limits {
        let frame_bytes_max = match self.state {
            State::NotAuthenticated => limits::IMAP_FRAME_BEFORE_LOGIN_BYTES_MAX,
            _ => limits::IMAP_FRAME_BYTES_MAX,
        };
        Limits { line_bytes_max: frame_bytes_max, frame_bytes_max }
    }

    fn on_frame(&mut self, frame: &[u8], out: &mut Output) -> Next {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Sasl { tag } => self.on_sasl_line(tag, frame, out),
            Doing::Idle { tag } => self.on_idle_line(tag, frame, out),
            _ => match imap::command(frame) {
                Ok(_) if self.leaves_utf8(frame) => {
                    self.bad(imap::tag_of(frame), format_args!("expected UTF-8"), out)
                }
                Ok(Tagged { tag, command }) => self.on_command(tag, command, out),
                Err(error) if error.fault == imap::Fault::Empty => Next::Read,
                Err(error) => self.bad(imap::tag_of(frame), format_args!("{error}"), out),
            },
        }
    }

    /// RFC 9051 §4.3: a client that has enabled UTF-8 sends nothing else in quoted strings.
    fn leaves_utf8(&self, frame: &[u8]) -> bool {
        let charset = self.charset();
        charset == Charset::Utf8 && imap::outside_charset(frame, charset).is_some()
    }

    fn on_command(&mut self, tag: &str, command: Command<'_>, out: &mut Output) -> Next {
        let rule = rule_of(&command);
        if !self.allows(rule) {
            let why = match rule.needs {
                Needs::NoLogin => "Already logged in",
                Needs::Mailbox if self.account().is_some() => "Select a mailbox first",
                _ => "Log in first",
            };
            return self.bad(Some(tag), format_args!("{why}"), out);
        }
        if let Some(word) = offered::missing(&command) {
            return self.bad(Some(tag), format_args!("{word} is not offered"), out);
        }
        match command {
            Command::Capability => self.on_capability(tag, rule, out),
            Command::Noop | Command::Check => self.on_noop(tag, rule, out),
            Command::Logout => self.on_logout(tag, rule, out),
            Command::StartTls => self.on_starttls(tag, rule, out),
            Command::Login { user, password } => self.on_login(tag, rule, user, password.0, out),
            Command::Authenticate { mechanism, initial_response } => {
                self.on_authenticate(tag, mechanism, initial_response.map(|hidden| hidden.0), out)
            }
            Command::Select { mailbox, params } | Command::Examine { mailbox, params } => {
                self.on_select(tag, rule, mailbox, params, out)
            }
            Command::Fetch { set, items, modifiers, .. } => {
                self.on_fetch(tag, rule, set, items, modifiers, out)
            }
            Command::Idle => self.on_idle(tag, out),
            Command::Enable(wanted) => self.on_enable(tag, rule, wanted, out),
            Command::Id(_) => self.on_id(tag, rule, out),
            Command::Namespace => self.on_namespace(tag, rule, out),
            Command::Create { mailbox, special_use } => {
                self.on_create(tag, rule, mailbox, special_use, out)
            }
            Command::Delete(mailbox) => self.on_delete(tag, rule, mailbox, out),
            Command::Rename { from, to } => self.on_rename(tag, rule, from, to, out),
            Command::Subscribe(mailbox) => self.on_subscribe(tag, rule, mailbox, out),
            Command::Unsubscribe(mailbox) => self.on_unsubscribe(tag, rule, mailbox, out),
            Command::List(list) => self.on_list(tag, rule, &list, out),
            Command::Lsub { reference, pattern } => {
                self.on_lsub(tag, rule, reference, pattern, out)
            }
            Command::Status { mailbox, items } => self.on_status(tag, rule, mailbox, items, out),
            Command::GetMetadata { mailbox, options, entries } => {
                self.on_getmetadata(tag, rule, mailbox, (options, entries), out)
            }
            Command::SetMetadata { mailbox, entries } => {
                self.on_setmetadata(tag, rule, mailbox, entries, out)
            }
            Command::Close => self.on_close(tag, rule, out),
            Command::Unselect => self.on_unselect(tag, rule, out),
            Command::Expunge(set) => self.on_expunge(tag, rule, set, out),
            Command::Search { .. } => self.on_search(tag, rule, &command, out),
            Command::Store { .. } => self.on_store(tag, rule, &command, out),
            Command::Copy { set, mailbox, .. } => {
                self.on_copy(tag, rule, (Originals::Stay, set), mailbox, out)
            }
            Command::Move { set, mailbox, .. } => {
                self.on_copy(tag, rule, (Originals::Go, set), mailbox, out)
            }
            // Its literal was taken before it came here: see `on_literal`.
            Command::Append { .. } => self.bad(Some(tag), format_args!("Expected a literal"), out),
            // Not offered: it did not come so far.
            _ => self.bad(Some(tag), format_args!("unknown command"), out),
        }
    }
}

pub(super) const fn read(consumed: usize) -> Step {
    Step { consumed, next: Next::Read }
}
