//! The messages of APPEND and REPLACE.

use super::Printer;
use crate::imap::write;
use crate::imap::{AppendItem, AppendItems, AppendOctets, DateTime};

impl Printer {
    pub(super) fn append_items(&mut self, mut items: AppendItems<'_>) {
        let mut catenates = false;
        for item in items.by_ref() {
            match item {
                AppendItem::Message { flags, date_time } => {
                    self.word(if catenates { ") " } else { " " });
                    catenates = false;
                    self.list(flags, Self::flag);
                    if let Some(DateTime { unix_seconds, zone_minutes }) = date_time {
                        self.word(" ");
                        // Whole hours of zone could lead out of the four-digit years.
                        write::date_time(&mut self.out, unix_seconds, zone_minutes);
                    }
                    continue;
                }
                AppendItem::Octets(AppendOctets { part: false, .. }) => self.word(" "),
                _ if catenates => self.word(" "),
                _ => {
                    self.word(" CATENATE (");
                    catenates = true;
                }
            }
            match item {
                AppendItem::Octets(octets) => self.append_octets(octets),
                AppendItem::Url(url) => self.strings("URL", &[url]),
                AppendItem::Message { .. } => {}
            }
        }
        self.word(if catenates { ")" } else { "" });
        assert!(items.is_done(), "stops at {items:?}");
    }

    fn append_octets(&mut self, octets: AppendOctets<'_>) {
        match octets {
            AppendOctets { utf8: true, octets, .. } => {
                self.word("UTF8 (");
                write::literal8(&mut self.out, octets);
                self.word(")");
            }
            AppendOctets { part: true, octets, .. } => {
                self.word("TEXT ");
                write::literal(&mut self.out, octets);
            }
            AppendOctets { literal, octets, .. } => {
                self.word(if literal.binary { "~" } else { "" });
                write::literal(&mut self.out, octets);
            }
        }
    }
}
