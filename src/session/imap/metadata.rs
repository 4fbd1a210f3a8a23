//! GETMETADATA and SETMETADATA (RFC 5464): annotations of mailboxes and, under the empty name, of the
//! server.

use std::borrow::Cow;
use std::vec::IntoIter;

use parser::imap::write::{self, Charset};
use parser::imap::{List, MetadataDepth, MetadataEntry, MetadataOptions, Str};

use super::super::{Next, Output};
use super::Imap;
use super::codes::Missing;
use super::doing::{Doing, Ending, What};
use super::table::Rule;
use crate::job::{Annotated, Annotation, Job, Reply};
use crate::limits::{METADATA_ASKED_MAX, METADATA_ENTRIES_MAX, OUTPUT_BYTES_MAX};
use crate::model::{Depth, EntryName, MailboxName, ModSeq};

/// What is said of an entry.
type Value = (EntryName, Option<Vec<u8>>);

/// The names that a GETMETADATA or LIST asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// Each once, and as the client spells it.
    names: Vec<(EntryName, Box<str>)>,
    depth: Depth,
    max_size: u64,
}

/// What is wrong with the names of entries.
#[derive(Debug)]
pub(super) enum Wrong {
    /// RFC 5464 §3.2: BAD.
    Name,
    /// NO.
    TooMany,
}

impl Asked {
    /// RFC 5464 §3.2: a name that cannot be is BAD.
    pub(super) fn read(names: List<'_, Str<'_>>, options: MetadataOptions) -> Result<Self, Wrong> {
        let mut asked = Self {
            names: Vec::new(),
            depth: match options.depth {
                MetadataDepth::Itself => Depth::Itself,
                MetadataDepth::Children => Depth::Children,
                MetadataDepth::All => Depth::All,
            },
            max_size: options.max_size.unwrap_or(u64::MAX),
        };
        for given in names.iter() {
            let (name, spelt) = name_of(given).ok_or(Wrong::Name)?;
            if !asked.names.iter().any(|(known, _)| *known == name) {
                asked.names.push((name, spelt.into()));
            }
            if asked.names.len() > METADATA_ASKED_MAX {
                return Err(Wrong::TooMany);
            }
        }
        Ok(asked)
    }

    /// For the store.
    pub(super) fn names(&self) -> Vec<EntryName> {
        self.names.iter().map(|(name, _)| name.clone()).collect()
    }

    /// What to tell of what was `found`, and the size of the longest value that is too long.
    ///
    /// An entry that was named and is not there is NIL; but where all that is below it is asked for,
    /// it is told only if it exists (RFC 5464 §4.2.2).
    pub(super) fn answer(&self, found: Vec<Annotation>) -> (Vec<Value>, Option<u64>) {
        let (mut values, mut longest) = (Vec::new(), None);
        if self.depth == Depth::Itself {
            let is_there = |name: &EntryName| found.iter().any(|found| found.name == *name);
            let missing = self.names.iter().filter(|(name, _)| !is_there(name));
            values.extend(missing.map(|(name, _)| (name.clone(), None)));
        }
        for Annotation { name, value } in found {
            let size = value.len() as u64;
            if size > self.max_size {
                longest = longest.max(Some(size)); // §4.2.1
            } else {
                values.push((name, Some(value)));
            }
        }
        values.sort();
        (values, longest)
    }

    /// The name as the client spells it, if it named it.
    fn spelt<'a>(&'a self, name: &'a EntryName) -> &'a str {
        let given = self.names.iter().find(|(known, _)| known == name);
        given.map_or(name.as_str(), |(_, spelt)| spelt)
    }
}

/// An answer on its way out, in batches.
#[derive(Debug)]
pub(super) struct Annotating {
    ending: Ending,
    mailbox: Option<MailboxName>,
    asked: Asked,
    values: IntoIter<Value>,
}

impl Imap {
    pub(super) fn on_getmetadata(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        mailbox: Str<'_>,
        (options, names): (MetadataOptions, List<'_, Str<'_>>),
        out: &mut Output,
    ) -> Next {
        let Some(account) = self.account() else { return Next::Read };
        let ending = Ending::ok(tag, rule);
        let asked = match Asked::read(names, options) {
            Ok(asked) => asked,
            Err(wrong) => return self.wrong_entries(ending, &wrong, out),
        };
        let of = match self.annotated(mailbox) {
            Ok(of) => of.map_or(Annotated::Server, Annotated::Mailbox),
            Err(text) => return self.end(ending.saying(text), out),
        };
        let job = Job::GetMetadata { account, of, names: asked.names(), depth: asked.depth };
        self.run(ending, What::Metadata(Box::new(asked)), job)
    }

    pub(super) fn on_setmetadata(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        mailbox: Str<'_>,
        entries: List<'_, MetadataEntry<'_>>,
        out: &mut Output,
    ) -> Next {
        let Some(account) = self.account() else { return Next::Read };
        let ending = Ending::ok(tag, rule);
        let mut values: Vec<Value> = Vec::new();
        for entry in entries.iter() {
            let name = name_of(entry.name).map(|(name, _)| name);
            let Some(name) = name.filter(EntryName::can_have_value) else {
                return self.wrong_entries(ending, &Wrong::Name, out);
            };
            values.push((name, entry.value.map(|value| value.bytes().into_owned())));
            if values.len() > METADATA_ENTRIES_MAX {
                let text = "NO [METADATA TOOMANY] Too many annotations at once";
                return self.end(ending.saying(text), out);
            }
        }
        match self.annotated(mailbox) {
            Ok(of) => {
                let job = Job::SetMetadata { account, of, entries: values };
                self.run(ending, What::MetadataSet, job)
            }
            Err(text) => self.end(ending.saying(text), out),
        }
    }

    /// The empty name is the server (RFC 5464 §4.1).
    fn annotated(&self, mailbox: Str<'_>) -> Result<Option<MailboxName>, &'static str> {
        if mailbox.bytes().is_empty() { Ok(None) } else { self.name_of(mailbox).map(Some) }
    }

    pub(super) fn wrong_entries(
        &mut self,
        ending: Ending,
        wrong: &Wrong,
        out: &mut Output,
    ) -> Next {
        match wrong {
            Wrong::Name => {
                self.bad(Some(&ending.tag), format_args!("Not the name of an entry"), out)
            }
            Wrong::TooMany => self.end(ending.saying("NO [LIMIT] Too many entries at once"), out),
        }
    }

    pub(super) fn on_metadata(
        &mut self,
        ending: Ending,
        asked: Asked,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        let Reply::Metadata(found) = reply else {
            return self.fail(ending, &reply, Missing::Plain, out);
        };
        // The name as the store has it: a client may have spelt it in another case.
        let mut found = found.into_iter();
        let (mailbox, entries) =
            found.next().map_or((None, Vec::new()), |one| (one.mailbox, one.entries));
        let (values, longest) = asked.answer(entries);
        let ending = match longest {
            Some(size) => ending
                .saying(format!("OK [METADATA LONGENTRIES {size}] Longer values were left out")),
            None => ending,
        };
        let values = values.into_iter();
        self.go_on_annotating(Box::new(Annotating { ending, mailbox, asked, values }), out)
    }

    /// Writes the next batch: each is a response of its own (RFC 5464 §4.4).
    pub(super) fn go_on_annotating(
        &mut self,
        mut annotating: Box<Annotating>,
        out: &mut Output,
    ) -> Next {
        let Annotating { mailbox, asked, values, .. } = &mut *annotating;
        self.put_metadata(mailbox.as_ref(), asked, values, out);
        if annotating.values.as_slice().is_empty() {
            return self.end(annotating.ending, out);
        }
        self.doing = Doing::Annotating(annotating);
        Next::Drain
    }

    /// `metadata-resp` with values, as many as go into the output; nothing if there are none.
    pub(super) fn put_metadata(
        &self,
        mailbox: Option<&MailboxName>,
        asked: &Asked,
        values: &mut IntoIter<Value>,
        out: &mut Output,
    ) {
        let mut opening: &[u8] = b" (";
        for (name, value) in values {
            if opening == b" (" {
                self.put_metadata_head(mailbox, out);
            }
            out.put(opening);
            opening = b" ";
            write::astring(out.buffer(), asked.spelt(&name).as_bytes(), Charset::Ascii);
            out.put(b" ");
            write::nstring8(out.buffer(), value.as_deref(), self.charset());
            if out.len() >= OUTPUT_BYTES_MAX {
                break;
            }
        }
        if opening == b" " {
            out.put(b")\r\n");
        }
    }

    fn put_metadata_head(&self, mailbox: Option<&MailboxName>, out: &mut Output) {
        out.put(b"* METADATA ");
        match mailbox {
            Some(name) => self.put_name(name.as_str(), out),
            None => out.put(b"\"\""),
        }
    }

    /// What this client did itself is no news to it (RFC 5464 §4.4: "changed by a third-party").
    pub(super) fn on_metadata_set(
        &mut self,
        ending: Ending,
        reply: &Reply,
        out: &mut Output,
    ) -> Next {
        let Reply::MetadataSet { mod_seq } = *reply else {
            return self.fail(ending, reply, Missing::Plain, out);
        };
        if let Some(news) = &mut self.annotations {
            news.hear(mod_seq);
            if news.known.0 == mod_seq.0 - 1 {
                news.known = mod_seq;
            }
            news.own = mod_seq;
        }
        self.end(ending, out)
    }

    /// RFC 5464 §4.4.2: names without values, and only to who has enabled METADATA.
    pub(super) fn tell_metadata(&mut self, reply: Reply, out: &mut Output) {
        let Some(news) = &mut self.annotations else { return };
        let Reply::MetadataChanges { mod_seq, changes } = reply else { return }; // another time
        news.known = mod_seq;
        news.hear(mod_seq);
        let own = news.own;
        let mut changes: Vec<_> = changes.into_iter().filter(|one| one.mod_seq != own).collect();
        changes.sort_by(|a, b| (&a.mailbox, &a.name).cmp(&(&b.mailbox, &b.name)));
        for of_one in changes.chunk_by(|a, b| a.mailbox == b.mailbox) {
            self.put_metadata_head(of_one.first().and_then(|one| one.mailbox.as_ref()), out);
            for change in of_one {
                out.put(b" ");
                write::astring(out.buffer(), change.name.as_str().as_bytes(), Charset::Ascii);
            }
            out.put(b"\r\n");
        }
    }
}

/// What a client that has enabled METADATA knows of its account's annotations.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnnotationNews {
    /// What it was told.
    pub(super) known: ModSeq,
    /// What there is, as far as anybody has said.
    heard: ModSeq,
    /// The last change that it made itself.
    own: ModSeq,
}

impl AnnotationNews {
    /// Where it begins is still to be asked.
    pub(super) const UNKNOWN: ModSeq = ModSeq(i64::MAX);

    pub(super) const fn new() -> Self {
        Self { known: Self::UNKNOWN, heard: ModSeq(0), own: ModSeq(0) }
    }

    /// There is a change.
    pub(super) fn hear(&mut self, mod_seq: ModSeq) {
        self.heard = self.heard.max(mod_seq);
    }

    /// True if there is something to tell.
    pub(super) fn is_stale(self) -> bool {
        self.heard > self.known || (self.known == Self::UNKNOWN && self.heard.0 > 0)
    }
}

/// True of the beginning of a SETMETADATA, behind its tag.
pub(super) fn is_setmetadata(head: &[u8]) -> bool {
    let mut words = head.split(|byte| *byte == b' ');
    words.nth(1).is_some_and(|word| word.eq_ignore_ascii_case(b"SETMETADATA"))
}

fn name_of(given: Str<'_>) -> Option<(EntryName, String)> {
    let bytes = given.bytes();
    let text = std::str::from_utf8(&bytes).ok().map(Cow::Borrowed)?;
    Some((EntryName::new(&text)?, text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use parser::imap::Command;

    fn asked(names: &str) -> Result<Asked, Wrong> {
        let frame = format!("a GETMETADATA INBOX ({names})\r\n");
        match parser::imap::command(frame.as_bytes()).unwrap().command {
            Command::GetMetadata { entries, options, .. } => Asked::read(entries, options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_name_counts_once() {
        let names =
            |count| (0..count).map(|n| format!("/shared/{n}")).collect::<Vec<_>>().join(" ");
        let most = names(METADATA_ASKED_MAX);
        assert_eq!(asked(&format!("{most} {most}")).unwrap().names.len(), METADATA_ASKED_MAX);
        assert!(matches!(asked(&names(METADATA_ASKED_MAX + 1)), Err(Wrong::TooMany)));
        assert!(matches!(asked("/shared/a /x/y"), Err(Wrong::Name)));
    }
}
