//! From what a script decided to what the store writes.

use std::sync::Arc;

use super::super::outbox::{Origin, compose, is_plain, passed_on, send_on_to_all};
use super::super::{clock, facts};
use super::{Arriving, KeptRuns, Sorter, Verdict, main_mailbox, said};
use crate::job::{FlagSet, Recipient};
use crate::limits::{REJECT_COLUMNS_MAX, REJECT_LINES_MAX};
use crate::model::{AccountId, Address, Flags, Keyword, MailboxName, SpecialUse};
use crate::sieve::{Action, Filing, Notify, Outcome, Redirect, RedirectTo, Tracked, Version};
use crate::store::{
    DeliveryDigest, Failure, IfMissing, MemoryDigest, NewBody, NewOutgoing, OutgoingOptions,
    Remembered, RunReport, SortedCopy, SortedDelivery, SortedOutgoing,
};

/// What is to be written for one copy of a message.
#[derive(Debug)]
pub(in crate::work) struct Plan {
    pub(in crate::work) copies: Vec<PlannedCopy>,
    pub(in crate::work) outgoing: Vec<SortedOutgoing>,
    pub(in crate::work) remembered: Vec<Remembered>,
    pub(in crate::work) report: Option<RunReport>,
    /// The sender is refused, with these words (RFC 5429 §2.1.1); all else is done before.
    pub(in crate::work) rejected: Option<String>,
}

/// One copy in one mailbox.
#[derive(Debug)]
pub(in crate::work) struct PlannedCopy {
    /// The message as it came, or as the script has changed it; or an answer's copy.
    pub(in crate::work) version: Version,
    pub(in crate::work) mailbox: MailboxName,
    pub(in crate::work) if_missing: IfMissing,
    pub(in crate::work) flags: FlagSet,
    /// Only if this one of `outgoing` is sent (RFC 8580).
    pub(in crate::work) with: Option<usize>,
}

impl Plan {
    /// To send something, and no more.
    pub(in crate::work) fn sending(new: NewOutgoing) -> Self {
        Self {
            copies: Vec::new(),
            outgoing: vec![SortedOutgoing { new, unless: None }],
            remembered: Vec::new(),
            report: None,
            rejected: None,
        }
    }

    /// True if there is nothing to be written.
    pub(in crate::work) const fn is_empty(&self) -> bool {
        self.copies.is_empty()
            && self.outgoing.is_empty()
            && self.remembered.is_empty()
            && self.report.is_none()
    }

    /// Where the message goes, if an ordinary delivery does all that is planned.
    pub(in crate::work) fn ordinary(
        mut self: Box<Self>,
    ) -> Result<(MailboxName, IfMissing, FlagSet), Box<Self>> {
        let more = !self.outgoing.is_empty() || !self.remembered.is_empty();
        let is_one = matches!(
            self.copies.as_slice(),
            [PlannedCopy { version: Version::AsReceived, with: None, .. }]
        );
        if more || self.report.is_some() || !is_one {
            return Err(self);
        }
        match self.copies.pop() {
            Some(copy) => Ok((copy.mailbox, copy.if_missing, copy.flags)),
            None => Err(self),
        }
    }

    /// All of it, for the store; `received` is the message as it came.
    pub(in crate::work) fn into_delivery(
        self,
        account: AccountId,
        received: Vec<u8>,
        digest: Option<DeliveryDigest>,
    ) -> SortedDelivery {
        let mut versions: Vec<Version> = Vec::new();
        let mut copies = Vec::with_capacity(self.copies.len());
        for copy in self.copies {
            let known = versions.iter().position(|version| *version == copy.version);
            let body = known.unwrap_or_else(|| {
                versions.push(copy.version.clone());
                versions.len() - 1
            });
            let PlannedCopy { mailbox, if_missing, flags, with, .. } = copy;
            copies.push(SortedCopy { body, mailbox, if_missing, flags, with });
        }
        let mut received = Some(received);
        let bodies = versions.into_iter().map(|version| {
            let bytes = match version {
                Version::AsReceived => received.take().unwrap_or_default(), // there is one of it
                Version::Edited(bytes) => Arc::unwrap_or_clone(bytes),
            };
            let facts = facts::of(&bytes);
            (NewBody::Bytes(bytes), facts)
        });
        SortedDelivery {
            account,
            bodies: bodies.collect(),
            copies,
            outgoing: self.outgoing,
            remembered: self.remembered,
            digest,
            report: self.report,
        }
    }

    fn add(&mut self, copy: PlannedCopy) {
        self.copies.push(copy);
    }

    /// The message goes to INBOX, unless it does already. First of all: of what turns out to go there, too,
    /// the last counts.
    fn fall_back(&mut self) {
        let inbox = main_mailbox();
        if !self.copies.iter().any(|copy| copy.mailbox == inbox && copy.with.is_none()) {
            self.copies.insert(0, PlannedCopy::inbox());
        }
    }

    /// Something could not be done.
    fn tell(&mut self, why: &str) {
        let report =
            self.report.get_or_insert_with(|| RunReport { failed: true, text: String::new() });
        report.failed = true;
        report.text.push_str(why);
        report.text.push('\n');
    }
}

impl PlannedCopy {
    fn inbox() -> Self {
        Self {
            version: Version::AsReceived,
            mailbox: main_mailbox(),
            if_missing: IfMissing::Inbox,
            flags: FlagSet::default(),
            with: None,
        }
    }
}

/// Everything that `outcome` wants.
pub(super) fn plan(
    sorter: &Sorter,
    recipient: &Recipient,
    mail: &Arriving<'_>,
    outcome: Outcome,
    report: Option<RunReport>,
) -> Result<Verdict, Failure> {
    let mut plan = Plan {
        copies: Vec::new(),
        outgoing: Vec::new(),
        remembered: Vec::new(),
        report,
        rejected: None,
    };
    if let Some(failed) = &outcome.error {
        log::warn!("sieve: account {}: {}", recipient.account, said(failed).escape_debug());
    }
    // When all is known, for what comes later may go to INBOX, with flags of its own.
    let mut falls_back = false;
    for done in outcome.actions {
        match done.action {
            Action::Keep { flags, version, .. } => {
                plan.add(PlannedCopy { version, flags: flag_set(&flags), ..PlannedCopy::inbox() });
            }
            Action::FileInto { filing, version } => match filed(sorter, &filing, version) {
                Some(copy) => plan.add(copy),
                None => {
                    plan.tell("fileinto: not a mailbox name: kept in INBOX");
                    falls_back = true;
                }
            },
            Action::Reject { extended: false, ref reason } if by_report(reason, mail) => {
                falls_back |= !send(sorter, recipient, mail, &done.action, &mut plan)?;
            }
            Action::Reject { reason, .. } => plan.rejected = Some(reason),
            action @ (Action::Redirect(_) | Action::Vacation(_) | Action::Notify(_)) => {
                falls_back |= !send(sorter, recipient, mail, &action, &mut plan)?;
            }
        }
    }
    // Who is refused still has the message.
    if falls_back && plan.rejected.is_none() {
        plan.fall_back();
    }
    plan.remembered.extend(outcome.duplicates.iter().map(remembered));
    Ok(Verdict::Planned(Box::new(plan)))
}

/// RFC 5429 §2.2: `reject` keeps the exact text of its reason, which an answer of LMTP can only be in
/// ASCII, and not too long; but nobody is told of a message without a sender.
fn by_report(reason: &str, mail: &Arriving<'_>) -> bool {
    // A line takes one more in the answer if it has to be broken.
    let columns = |line: &str| line.len().div_ceil(REJECT_COLUMNS_MAX / 2).max(1);
    let is_long = || reason.lines().map(columns).sum::<usize>() > REJECT_LINES_MAX;
    !mail.sender.is_empty() && (!reason.is_ascii() || is_long())
}

/// Mail that leaves. What cannot leave is told; false if the message has to be kept for it. Answers
/// and notifications are no reason: they say nothing of where the message goes (RFC 5230 §4.7,
/// RFC 5435 §3).
fn send(
    sorter: &Sorter,
    recipient: &Recipient,
    mail: &Arriving<'_>,
    action: &Action,
    plan: &mut Plan,
) -> Result<bool, Failure> {
    let (what, is_needed) = match action {
        Action::Redirect(_) => ("redirect", true),
        Action::Reject { .. } => ("reject", true),
        Action::Vacation(_) => ("vacation", false),
        _ => ("notify", false),
    };
    let kept = if is_needed { ": the message is kept" } else { "" };
    if !sorter.relay.is_configured() {
        plan.tell(&format!("{what}: no [relay] is configured{kept}"));
        return Ok(!is_needed);
    }
    if mail.is_binary && matches!(action, Action::Redirect(_)) {
        // RFC 3030 §3: not by DATA, and the relay is not asked for more.
        plan.tell(
            "redirect: the message came as BINARYMIME, and is not lines: the message is kept",
        );
        return Ok(false);
    }
    if let Some(parts) = parted(action) {
        let mut is_done = true;
        for part in &parts {
            is_done &= send(sorter, recipient, mail, part, plan)?;
        }
        return Ok(is_done);
    }
    // Once for a message: what it sends is few beside what may wait.
    if plan.outgoing.is_empty() && !sorter.store.may_send(recipient.account)? {
        plan.tell(&format!("{what}: too many messages of this account wait to leave{kept}"));
        return Ok(!is_needed);
    }
    let addresses = sorter.store.addresses(recipient.account)?;
    let owner = addresses.first().map_or(recipient.given.as_str(), Address::as_str);
    let unique = format!("{}.{}.{}", mail.queue_id, recipient.account, plan.outgoing.len());
    // RFC 3461 §5.2.7.3 (b): to exactly one; the others leave as if nothing had been asked.
    let asks = matches!(action, Action::Redirect(redirect) if is_plain(redirect));
    let asked = passed_on(mail.dsn, recipient.dsn.as_deref()).filter(|asked| {
        asks && plan.outgoing.iter().all(|other| !is_same(&other.new.options, asked))
    });
    let origin = Origin {
        now: clock::today(),
        hostname: &sorter.hostname,
        unique: &unique,
        owner,
        sender: mail.sender,
        recipient: &recipient.given,
        original_recipient: recipient.dsn.as_ref().and_then(|dsn| dsn.original.as_deref()),
        asked: asked.as_ref(),
        utf8: mail.utf8,
        message: mail.bytes,
    };
    let new = match composed(sorter, action, &addresses, &origin)? {
        Ok(new) => new,
        Err(why) => {
            plan.tell(&format!("{what}: {why}{kept}"));
            return Ok(!is_needed);
        }
    };
    let (unless, copy) = match action {
        // RFC 6131 §2: with no days at all, every message is answered.
        Action::Vacation(vacation) => {
            let what = MemoryDigest::of_answer(&vacation.handle, &vacation.to);
            let once = Remembered { what, seconds: vacation.seconds };
            ((vacation.seconds > 0).then_some(once), vacation.fcc.as_ref())
        }
        Action::Notify(notify) => (None, notify.fcc.as_ref()),
        _ => (None, None),
    };
    if let Some(filing) = copy {
        let version = Version::Edited(Arc::new(new.message.clone()));
        let with = Some(plan.outgoing.len());
        plan.copies.extend(filed(sorter, filing, version).map(|copy| PlannedCopy { with, ..copy }));
    }
    plan.outgoing.push(SortedOutgoing { new, unless });
    Ok(true)
}

/// What leaves for `action`, or why nothing can; `own` are the account's addresses.
pub(super) fn composed(
    sorter: &Sorter,
    action: &Action,
    own: &[Address],
    origin: &Origin<'_>,
) -> Result<Result<NewOutgoing, String>, Failure> {
    match action {
        Action::Redirect(redirect) if matches!(redirect.to, RedirectTo::List(_)) => {
            let members = members(sorter, redirect, own)?;
            Ok(members.map(|members| send_on_to_all(redirect, members, origin)))
        }
        // It would come back, and be refused for its Delivered-To (RFC 5228 §4.2).
        Action::Redirect(redirect) if matches!(&redirect.to, RedirectTo::Address(to) if is_one_of(own, to)) => {
            Ok(Err("to one of the account's own addresses".to_owned()))
        }
        _ => Ok(compose(action, origin).ok_or_else(|| "it cannot be sent".to_owned())),
    }
}

/// To whom `redirect :list` sends: never back to its owner, which would be a loop. Or why it cannot
/// (RFC 6134 §2.3, §3).
fn members(
    sorter: &Sorter,
    redirect: &Redirect,
    own: &[Address],
) -> Result<Result<Vec<String>, String>, Failure> {
    let RedirectTo::List(uri) = &redirect.to else { return Ok(Ok(Vec::new())) };
    let Some(list) = sorter.lists.list(uri)? else {
        return Ok(Err(format!("there is no list {uri}")));
    };
    let most = sorter.settings.list_members_max;
    let mut members = Vec::new();
    for member in list.members() {
        if Address::new(member).is_none() {
            return Ok(Err(format!("{uri} has a member that is no address")));
        }
        if is_one_of(own, member) {
            continue;
        }
        if members.len() == most {
            return Ok(Err(format!("{uri} has more than {most} members")));
        }
        members.push(member.to_owned());
    }
    Ok(if members.is_empty() { Err(format!("{uri} has no members")) } else { Ok(members) })
}

/// True if an account with these addresses gets what is sent there, with a detail or without.
fn is_one_of(own: &[Address], to: &str) -> bool {
    let Some(to) = Address::new(to) else { return false };
    own.iter().any(|own| *own == to || *own == to.split_detail().0)
}

/// True if both ask the same of reports.
fn is_same(one: &OutgoingOptions, other: &OutgoingOptions) -> bool {
    *one == OutgoingOptions { utf8: one.utf8, ..other.clone() }
}

/// A notification to addresses of which some are not ASCII, as two: not every server knows SMTPUTF8, and
/// those who can get it without shall (RFC 6531 §3.2). `None` if it need not be parted.
pub(super) fn parted(action: &Action) -> Option<[Action; 2]> {
    let Action::Notify(notify) = action else { return None };
    let part = |is_ascii: bool| {
        let of = |all: &[String]| {
            all.iter().filter(|address| address.is_ascii() == is_ascii).cloned().collect::<Vec<_>>()
        };
        let fcc = notify.fcc.clone().filter(|_| is_ascii);
        let recipients = of(&notify.recipients);
        let to = Some(of(&notify.to)).filter(|to| !to.is_empty());
        let to = to.unwrap_or_else(|| recipients.clone());
        Notify { recipients, to, fcc, ..(**notify).clone() }
    };
    let parts = [part(true), part(false)];
    let is_mixed = parts.iter().all(|part| !part.recipients.is_empty());
    is_mixed.then(|| parts.map(|part| Action::Notify(Box::new(part))))
}

fn filed(sorter: &Sorter, filing: &Filing, version: Version) -> Option<PlannedCopy> {
    Some(PlannedCopy {
        version,
        mailbox: MailboxName::new(&filing.mailbox).ok()?,
        if_missing: match filing.create {
            true => IfMissing::Create(filing.special_use.as_deref().and_then(SpecialUse::parse)),
            false => IfMissing::InboxAndTell { kept: sorter.settings.kept != KeptRuns::Off },
        },
        flags: flag_set(&filing.flags),
        with: None,
    })
}

/// RFC 5232 §5: what a mailbox cannot keep is left out.
pub(super) fn flag_set(names: &[String]) -> FlagSet {
    let mut set = FlagSet::default();
    for name in names {
        let system = Flags::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        match system {
            Some((flag, _)) => set.flags.0 |= flag.0,
            None => set.keywords.extend(Keyword::new(name)),
        }
    }
    set
}

fn remembered(tracked: &Tracked) -> Remembered {
    let what = MemoryDigest::of_duplicate(&tracked.handle, &tracked.id);
    Remembered { what, seconds: tracked.seconds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parser::sieve::tree::Importance;

    #[test] // RFC 6531 §3.2
    fn notifications_are_parted() {
        let check = |recipients: &[&str], to: &[&str], want: &[[&str; 2]]| {
            let all = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
            let notify = Notify {
                method: String::new(),
                recipients: all(recipients),
                to: all(to),
                from: String::new(),
                sender: String::new(),
                importance: Importance::Normal,
                subject: String::new(),
                headers: Vec::new(),
                body: String::new(),
                owner: String::new(),
                fcc: None,
            };
            let parts = parted(&Action::Notify(Box::new(notify)));
            let made: Vec<[String; 2]> = parts
                .iter()
                .flatten()
                .filter_map(|part| match part {
                    Action::Notify(part) => Some([part.recipients.join(","), part.to.join(",")]),
                    _ => None,
                })
                .collect();
            assert_eq!(made, want);
        };
        check(&["a@x", "b@x"], &["a@x"], &[]);
        check(&["\u{e4}@x"], &["\u{e4}@x"], &[]);
        let both = ["a@x", "\u{e4}@x"];
        check(&both, &both, &[["a@x", "a@x"], ["\u{e4}@x", "\u{e4}@x"]]);
        check(&both, &["a@x"], &[["a@x", "a@x"], ["\u{e4}@x", "\u{e4}@x"]]);
    }
}
