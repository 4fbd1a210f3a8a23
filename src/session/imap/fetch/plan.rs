//! What one FETCH asks for, worked out once: what each message costs is only what is written.

use parser::imap::write::{self, Charset};
use parser::imap::{FetchItem, List, PartNumbers, Partial, Section, SectionText};

use super::super::lines::Items;
use crate::job::Wants;
use crate::mail::section::Selection;
use crate::mail::structure::Form;

/// A FETCH command, made ready.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What a snapshot knows.
    pub(super) items: Items,
    /// What must be read from the store, in the client's order.
    pub(super) asked: Vec<Asked>,
    /// What of it the store must bring.
    pub(super) wants: Wants,
    /// Some item sets `\Seen` (RFC 9051 §6.4.5; pitfall 108).
    pub(super) marks_seen: bool,
}

/// One item that needs more than the snapshot.
#[derive(Debug)]
pub(super) enum Asked {
    Envelope,
    Structure { label: &'static str, form: Form },
    Section(Wanted),
    Binary(Wanted),
    BinarySize(Wanted),
}

/// A section, and how its answer begins.
#[derive(Debug)]
pub(super) struct Wanted {
    /// `BODY[1.MIME]<0> `, the client's own words echoed, a space behind them.
    pub(super) label: Box<[u8]>,
    /// Part numbers; none for the message itself.
    pub(super) part: Box<[u32]>,
    pub(super) text: What,
    pub(super) partial: Option<Partial>,
}

/// What of a part is asked for.
#[derive(Debug)]
pub(super) enum What {
    Whole,
    Header,
    /// HEADER.FIELDS and HEADER.FIELDS.NOT
    Fields {
        which: Selection,
        names: Vec<Box<[u8]>>,
    },
    Text,
    Mime,
}

impl Plan {
    pub(super) fn new(items: List<'_, FetchItem<'_>>) -> Self {
        let mut plan = Self::default();
        items.iter().for_each(|item| plan.add(item));
        plan
    }

    /// True if the snapshot knows it all.
    pub(super) fn is_light(&self) -> bool {
        self.asked.is_empty()
    }

    fn add(&mut self, item: FetchItem<'_>) {
        match item {
            FetchItem::Uid => self.items.uid = true,
            FetchItem::Flags => self.items.flags = true,
            FetchItem::InternalDate => self.items.internal_date = true,
            FetchItem::Rfc822Size => self.items.size = true,
            FetchItem::ModSeq => self.items.mod_seq = true,
            FetchItem::Envelope => {
                self.wants.envelope = true;
                self.asked.push(Asked::Envelope);
            }
            FetchItem::Body => self.structure("BODY ", Form::Basic),
            FetchItem::BodyStructure => self.structure("BODYSTRUCTURE ", Form::Extended),
            FetchItem::Rfc822 => self.section("RFC822 ", What::Whole, false),
            FetchItem::Rfc822Header => self.section("RFC822.HEADER ", What::Header, true),
            FetchItem::Rfc822Text => self.section("RFC822.TEXT ", What::Text, false),
            FetchItem::BodySection { peek, section, partial } => {
                let wanted = Wanted::section(&section, partial);
                self.want(&wanted, peek);
                self.asked.push(Asked::Section(wanted));
            }
            FetchItem::Binary { peek, part, partial } => {
                let wanted = Wanted::binary("BINARY", part, partial);
                self.want(&wanted, peek);
                self.asked.push(Asked::Binary(wanted));
            }
            FetchItem::BinarySize(part) => {
                let wanted = Wanted::binary("BINARY.SIZE", part, None);
                self.want(&wanted, true);
                self.asked.push(Asked::BinarySize(wanted));
            }
            FetchItem::Preview { .. }
            | FetchItem::EmailId
            | FetchItem::ThreadId
            | FetchItem::SaveDate => {} // not offered
        }
    }

    fn structure(&mut self, label: &'static str, form: Form) {
        self.wants.map = true;
        self.asked.push(Asked::Structure { label, form });
    }

    /// RFC 3501 §6.4.5: a section of the whole message under another name.
    fn section(&mut self, label: &str, text: What, peek: bool) {
        let label = label.as_bytes().into();
        let wanted = Wanted { label, part: [].into(), text, partial: None };
        self.want(&wanted, peek);
        self.asked.push(Asked::Section(wanted));
    }

    /// The header has its own place in the store: listing mail never touches bodies.
    fn want(&mut self, wanted: &Wanted, peek: bool) {
        let of_header = matches!(wanted.text, What::Header | What::Fields { .. });
        match (wanted.part.is_empty(), of_header) {
            (true, true) => self.wants.header = true,
            // BINARY finds even the whole message by the map.
            (true, false) if matches!(wanted.text, What::Whole) && !wanted.is_binary() => {
                self.wants.body = true;
            }
            _ => (self.wants.map, self.wants.body) = (true, true),
        }
        self.marks_seen |= !peek;
    }
}

impl Wanted {
    pub(super) fn is_binary(&self) -> bool {
        self.label.starts_with(b"BINARY")
    }

    fn section(section: &Section<'_>, partial: Option<Partial>) -> Self {
        let names = |list: List<'_, parser::imap::Str<'_>>| {
            list.iter().map(|name| name.bytes().into()).collect()
        };
        let (word, list, text) = match section.text {
            SectionText::Whole => ("", None, What::Whole),
            SectionText::Header => ("HEADER", None, What::Header),
            SectionText::Text => ("TEXT", None, What::Text),
            SectionText::Mime => ("MIME", None, What::Mime),
            SectionText::HeaderFields(list) => (
                "HEADER.FIELDS",
                Some(list),
                What::Fields { which: Selection::Only, names: names(list) },
            ),
            SectionText::HeaderFieldsNot(list) => (
                "HEADER.FIELDS.NOT",
                Some(list),
                What::Fields { which: Selection::Except, names: names(list) },
            ),
        };
        let mut inside = word.as_bytes().to_vec();
        if let Some(list) = list {
            inside.extend_from_slice(b" (");
            put_names(list, &mut inside);
            inside.push(b')');
        }
        let part: Box<[u32]> = section.part.iter().collect();
        let label = label("BODY", &part, &inside, partial);
        Self { label, part, text, partial }
    }

    fn binary(word: &str, part: PartNumbers<'_>, partial: Option<Partial>) -> Self {
        let part: Box<[u32]> = part.iter().collect();
        let label = label(word, &part, b"", partial);
        Self { label, part, text: What::Whole, partial }
    }
}

/// The names in the client's own words, except that a server's literals are never `{n+}`
/// (RFC 7888 §3).
fn put_names(list: List<'_, parser::imap::Str<'_>>, out: &mut Vec<u8>) {
    if !list.raw().contains(&b'\n') {
        return out.extend_from_slice(list.raw());
    }
    for (at, name) in list.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        write::astring(out, &name.bytes(), Charset::Ascii);
    }
}

/// `BODY[1.2.HEADER.FIELDS (From)]<0> ` — RFC 9051 §7.5.2: of a partial only the offset is echoed.
fn label(word: &str, part: &[u32], inside: &[u8], partial: Option<Partial>) -> Box<[u8]> {
    let numbers: Vec<String> = part.iter().map(u32::to_string).collect();
    let mut label = format!("{word}[{}", numbers.join(".")).into_bytes();
    if !part.is_empty() && !inside.is_empty() {
        label.push(b'.');
    }
    label.extend_from_slice(inside);
    label.push(b']');
    if let Some(partial) = partial {
        label.extend_from_slice(format!("<{}>", partial.offset).as_bytes());
    }
    label.push(b' ');
    label.into()
}
