//! LIST and LSUB (RFC 9051 §6.3.9, RFC 3501 §6.3.9, RFC 5258, RFC 5819, RFC 6154).
//!
//! The store gives every mailbox and every subscription of the account; which of them a client
//! means, and what it is told of each, is worked out here.

mod pattern;

use std::collections::{BTreeMap, HashSet};
use std::vec::IntoIter;

use parser::imap::{ListCommand, ListReturn, ListSelect, MetadataOptions, StatusItem, Str};

use super::super::{Next, Output};
use super::Imap;
use super::codes::Missing;
use super::doing::{Doing, Ending, What};
use super::metadata::Asked;
use super::table::Rule;
use crate::job::{
    Annotated, Annotation, Job, MailboxAnnotations, MailboxInfo, Reply, Subscription,
};
use crate::limits::OUTPUT_BYTES_MAX;
use crate::model::{Depth, MailboxName};
use pattern::Pattern;

/// What a LIST asked.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// LSUB, which says `\Noselect` of a parent that is only there for its children.
    lsub: bool,
    /// Select or return options were used: `\NonExistent` is understood.
    extended: bool,
    patterns: Vec<Pattern>,
    only_subscribed: bool,
    only_special: bool,
    recursive: bool,
    tell_subscribed: bool,
    status: Option<Box<[StatusItem]>>,
    metadata: Option<Asked>,
}

impl Wanted {
    fn matches(&self, name: &MailboxName) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name.as_str()))
    }

    /// RFC 5258 §3.1: what the selection options ask for.
    fn selects(&self, row: &Row) -> bool {
        let special = row.info.as_ref().is_some_and(|info| info.special_use.is_some());
        (!self.only_subscribed || row.subscribed)
            && (!self.only_special || special)
            && (self.only_subscribed || row.info.is_some())
    }
}

/// One name, mailbox or not.
#[derive(Debug)]
struct Row {
    name: MailboxName,
    info: Option<MailboxInfo>,
    subscribed: bool,
    has_children: bool,
    /// Selected names below it that are not told themselves (RFC 5258 §3.5).
    child_info: bool,
}

/// Lines on their way out, in batches.
#[derive(Debug)]
pub(super) struct Listing {
    ending: Ending,
    wanted: Wanted,
    rows: IntoIter<Row>,
    /// Of the mailboxes that have what was asked for, the one that comes next last.
    annotations: Vec<MailboxAnnotations>,
}

impl Imap {
    pub(super) fn on_list(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        list: &ListCommand<'_>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, rule);
        let mut wanted = Wanted { extended: list.extended, ..Wanted::default() };
        for option in list.select.iter() {
            match option {
                ListSelect::Subscribed => wanted.only_subscribed = true,
                ListSelect::SpecialUse => wanted.only_special = true,
                ListSelect::RecursiveMatch => wanted.recursive = true,
                ListSelect::Remote => {} // nothing is remote here
            }
        }
        if wanted.recursive && !wanted.only_subscribed && !wanted.only_special {
            // RFC 5258 §3.1
            return self.bad(Some(tag), format_args!("RECURSIVEMATCH needs a selection"), out);
        }
        wanted.tell_subscribed = wanted.only_subscribed;
        for option in list.returns.into_iter().flatten() {
            match option {
                ListReturn::Subscribed => wanted.tell_subscribed = true,
                // Both are always told.
                ListReturn::Children | ListReturn::SpecialUse => {}
                ListReturn::MyRights => {} // not offered
                ListReturn::Metadata(names) => {
                    match Asked::read(names, MetadataOptions::default()) {
                        Ok(asked) => wanted.metadata = Some(asked),
                        Err(wrong) => return self.wrong_entries(ending, &wrong, out),
                    }
                }
                ListReturn::Status(items) => wanted.status = Some(self.status_items(items, out)),
            }
        }
        let mut patterns = list.patterns.iter();
        let lone = (patterns.next(), patterns.next());
        if !list.extended && matches!(lone, (Some(pattern), None) if pattern.bytes().is_empty()) {
            out.put(b"* LIST (\\Noselect) \"/\" \"\"\r\n"); // pitfall 76: the delimiter, the root
            return self.end(ending, out);
        }
        for pattern in list.patterns.iter() {
            wanted.patterns.extend(self.pattern(list.reference, pattern));
        }
        self.run_list(ending, wanted)
    }

    pub(super) fn on_lsub(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        reference: Str<'_>,
        pattern: Str<'_>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, rule);
        if pattern.bytes().is_empty() {
            out.put(b"* LSUB (\\Noselect) \"/\" \"\"\r\n");
            return self.end(ending, out);
        }
        let patterns = self.pattern(reference, pattern).into_iter().collect();
        let (lsub, only_subscribed, recursive) = (true, true, true);
        let wanted = Wanted { lsub, only_subscribed, recursive, patterns, ..Wanted::default() };
        self.run_list(ending, wanted)
    }

    fn run_list(&mut self, ending: Ending, wanted: Wanted) -> Next {
        let Some(account) = self.account() else { return Next::Read };
        let what = What::List(Box::new(wanted));
        self.run(ending, what, Job::ListMailboxes { account })
    }

    /// RFC 9051 §6.3.9: the reference is put in front. What is no text matches nothing.
    fn pattern(&self, reference: Str<'_>, pattern: Str<'_>) -> Option<Pattern> {
        let mut whole = self.decode(&reference.bytes())?;
        whole.push_str(&self.decode(&pattern.bytes())?);
        Pattern::new(&whole)
    }

    pub(super) fn on_mailboxes(
        &mut self,
        ending: Ending,
        wanted: Wanted,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        let (mailboxes, subscriptions) = match reply {
            Reply::Mailboxes { mailboxes, subscriptions } => (mailboxes, subscriptions),
            reply => return self.fail(ending, &reply, Missing::Plain, out),
        };
        let rows = rows(&wanted, mailboxes, subscriptions).into_iter();
        let names = wanted.metadata.as_ref().map(Asked::names);
        let listing = Box::new(Listing { ending, wanted, rows, annotations: Vec::new() });
        match (names, self.account()) {
            (Some(names), Some(account)) => {
                let (of, depth) = (Annotated::Mailboxes, Depth::Itself);
                let job = Job::GetMetadata { account, of, names, depth };
                let ending = Ending::ok(&listing.ending.tag, listing.ending.rule);
                self.run(ending, What::ListMetadata(listing), job)
            }
            _ => self.go_on_listing(listing, out),
        }
    }

    /// RFC 9590 §3.
    pub(super) fn on_list_metadata(
        &mut self,
        ending: Ending,
        mut listing: Box<Listing>,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        let Reply::Metadata(mut found) = reply else {
            return self.fail(ending, &reply, Missing::Plain, out);
        };
        found.retain(|mailbox| !mailbox.entries.is_empty());
        listing.annotations = found;
        listing.annotations.sort_by(|a, b| b.mailbox.cmp(&a.mailbox));
        self.go_on_listing(listing, out)
    }

    /// Writes the next batch.
    pub(super) fn go_on_listing(&mut self, mut listing: Box<Listing>, out: &mut Output) -> Next {
        for row in listing.rows.by_ref() {
            self.put_row(&listing.wanted, &row, out);
            if let (Some(asked), Some(info)) = (&listing.wanted.metadata, &row.info) {
                let entries = entries_of(&mut listing.annotations, &info.name);
                let mut values = asked.answer(entries).0.into_iter();
                while !values.as_slice().is_empty() {
                    self.put_metadata(Some(&info.name), asked, &mut values, out);
                }
            }
            if out.len() >= OUTPUT_BYTES_MAX {
                self.doing = Doing::Listing(listing);
                return Next::Drain;
            }
        }
        self.end(listing.ending, out)
    }

    fn put_row(&self, wanted: &Wanted, row: &Row, out: &mut Output) {
        out.put(if wanted.lsub { b"* LSUB (" } else { b"* LIST (" });
        let start = out.len();
        let attribute = |name: &str, out: &mut Output| {
            out.put(if out.len() > start { b" " } else { b"" });
            out.put(name.as_bytes());
        };
        if wanted.lsub {
            // RFC 3501 §6.3.9, pitfall 75: it is only here for what is subscribed below it.
            if !row.subscribed {
                attribute("\\Noselect", out);
            }
        } else {
            if row.info.is_none() {
                // RFC 9051 §7.3.1: \NonExistent implies \Noselect, which older clients know.
                attribute(if wanted.extended { "\\NonExistent" } else { "\\Noselect" }, out);
            }
            attribute(if row.has_children { "\\HasChildren" } else { "\\HasNoChildren" }, out);
            if let Some(special_use) = row.info.as_ref().and_then(|info| info.special_use) {
                attribute(special_use.as_str(), out);
            }
            if wanted.tell_subscribed && row.subscribed {
                attribute("\\Subscribed", out);
            }
        }
        out.put(b") \"/\" ");
        self.put_name(row.name.as_str(), out);
        if row.child_info && !wanted.lsub {
            let mut criteria = Vec::new();
            criteria.extend(wanted.only_subscribed.then_some("\"SUBSCRIBED\""));
            criteria.extend(wanted.only_special.then_some("\"SPECIAL-USE\""));
            out.text(format_args!(" (\"CHILDINFO\" ({}))", criteria.join(" ")));
        }
        out.put(b"\r\n");
        if let (Some(items), Some(info)) = (&wanted.status, &row.info) {
            self.put_status(info, items, out); // RFC 5819 §2
        }
    }
}

/// Takes what was found of the mailbox `name`; those before it are not asked for any more.
fn entries_of(annotations: &mut Vec<MailboxAnnotations>, name: &MailboxName) -> Vec<Annotation> {
    while annotations.last().is_some_and(|last| last.mailbox.as_ref() < Some(name)) {
        annotations.pop();
    }
    let found = annotations.pop_if(|last| last.mailbox.as_ref() == Some(name));
    found.map_or_else(Vec::new, |found| found.entries)
}

/// The names to tell, ascending.
fn rows(wanted: &Wanted, mailboxes: Vec<MailboxInfo>, subscribed: Vec<Subscription>) -> Vec<Row> {
    let mut rows: BTreeMap<MailboxName, Row> = BTreeMap::new();
    let row = |name: &MailboxName| Row {
        name: name.clone(),
        info: None,
        subscribed: false,
        has_children: false,
        child_info: false,
    };
    let mut parents: HashSet<MailboxName> = HashSet::new();
    for info in mailboxes {
        let mut parent = info.name.parent();
        while let Some(name) = parent {
            parent = name.parent();
            if !parents.insert(name) {
                break;
            }
        }
        let name = info.name.clone();
        rows.insert(name, Row { info: Some(info.clone()), ..row(&info.name) });
    }
    for name in subscribed {
        rows.entry(name).or_insert_with_key(row).subscribed = true; // pitfall 75
    }
    for name in &parents {
        rows.entry(name.clone()).or_insert_with_key(row).has_children = true;
    }
    // RFC 5258 §3.5: a name that matches is told for what is selected below it, unless all of
    // that is told itself.
    let mut above: HashSet<MailboxName> = HashSet::new();
    if wanted.recursive {
        for row in rows.values().filter(|row| wanted.selects(row) && !wanted.matches(&row.name)) {
            let mut parent = row.name.parent();
            while let Some(name) = parent {
                parent = name.parent();
                if !above.insert(name) {
                    break;
                }
            }
        }
        for name in &above {
            rows.entry(name.clone()).or_insert_with_key(row);
        }
    }
    let told = rows.into_values().filter_map(|mut row| {
        row.child_info = above.contains(&row.name);
        // A parent that is no mailbox stands in for its children in a plain LIST.
        let stands_in = !wanted.only_subscribed && !wanted.only_special && row.has_children;
        let wants = wanted.selects(&row) || row.child_info || stands_in;
        (wants && wanted.matches(&row.name)).then_some(row)
    });
    told.collect()
}
