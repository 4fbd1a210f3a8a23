//! What FETCH asks for.

use super::Printer;
use crate::imap::{FetchItem, FetchModifier, PartNumbers, Partial, SectionText};
use alloc::format;

impl Printer {
    pub(super) fn fetch_item(&mut self, item: FetchItem<'_>) {
        match item {
            FetchItem::Uid => self.word("UID"),
            FetchItem::Flags => self.word("FLAGS"),
            FetchItem::InternalDate => self.word("INTERNALDATE"),
            FetchItem::Rfc822Size => self.word("RFC822.SIZE"),
            FetchItem::ModSeq => self.word("MODSEQ"),
            FetchItem::Envelope => self.word("ENVELOPE"),
            FetchItem::Body => self.word("BODY"),
            FetchItem::BodyStructure => self.word("BODYSTRUCTURE"),
            FetchItem::Rfc822 => self.word("RFC822"),
            FetchItem::Rfc822Header => self.word("RFC822.HEADER"),
            FetchItem::Rfc822Text => self.word("RFC822.TEXT"),
            FetchItem::BodySection { peek, section, partial } => {
                self.word(if peek { "BODY.PEEK[" } else { "BODY[" });
                self.part(section.part);
                let dot = section.text != SectionText::Whole && !section.part.is_empty();
                self.word(if dot { "." } else { "" });
                self.section_text(section.text);
                self.word("]");
                self.partial(partial);
            }
            FetchItem::Binary { peek, part, partial } => {
                self.word(if peek { "BINARY.PEEK[" } else { "BINARY[" });
                self.part(part);
                self.word("]");
                self.partial(partial);
            }
            FetchItem::Preview { lazy } => {
                self.word(if lazy { "PREVIEW (LAZY)" } else { "PREVIEW" });
            }
            FetchItem::EmailId => self.word("EMAILID"),
            FetchItem::ThreadId => self.word("THREADID"),
            FetchItem::SaveDate => self.word("SAVEDATE"),
            FetchItem::BinarySize(part) => {
                self.word("BINARY.SIZE[");
                self.part(part);
                self.word("]");
            }
        }
    }

    pub(super) fn fetch_modifier(&mut self, modifier: FetchModifier) {
        match modifier {
            FetchModifier::ChangedSince(mod_seq) => self.word(&format!("CHANGEDSINCE {mod_seq}")),
            FetchModifier::Vanished => self.word("VANISHED"),
            FetchModifier::Partial(range) => self.word(&format!("PARTIAL {range}")),
        }
    }

    fn section_text(&mut self, text: SectionText<'_>) {
        match text {
            SectionText::Whole => {}
            SectionText::Header => self.word("HEADER"),
            SectionText::Text => self.word("TEXT"),
            SectionText::Mime => self.word("MIME"),
            SectionText::HeaderFields(names) => {
                self.word("HEADER.FIELDS ");
                self.list(names, Self::string);
            }
            SectionText::HeaderFieldsNot(names) => {
                self.word("HEADER.FIELDS.NOT ");
                self.list(names, Self::string);
            }
        }
    }

    fn part(&mut self, part: PartNumbers<'_>) {
        for (place, number) in part.iter().enumerate() {
            self.word(&format!("{}{number}", if place == 0 { "" } else { "." }));
        }
    }

    fn partial(&mut self, partial: Option<Partial>) {
        if let Some(Partial { offset, count }) = partial {
            self.word(&format!("<{offset}.{count}>"));
        }
    }
}
