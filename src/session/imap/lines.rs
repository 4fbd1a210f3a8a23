//! `* n FETCH (…)` of what a snapshot knows: the hottest lines there are. Nothing is allocated for
//! one, and a batch ends when the output is full.

use std::sync::Arc;

use super::super::Output;
use crate::limits::OUTPUT_BYTES_MAX;
use crate::mail::{Message, Snapshot, UidRuns, View};
use crate::model::{Flags, Keywords, Uid};

/// Which of the items that a snapshot knows are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Items {
    pub(super) uid: bool,
    pub(super) flags: bool,
    pub(super) internal_date: bool,
    pub(super) size: bool,
    pub(super) mod_seq: bool,
}

/// How far a batch came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Done,
    /// The output is full: go on when it has drained.
    Full,
}

/// Messages of a snapshot to be told, a batch at a time.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) snapshot: Arc<Snapshot>,
    /// Which.
    pub(super) uids: UidRuns,
    /// Told without their flags (pitfall 91).
    pub(super) quiet: UidRuns,
    pub(super) items: Items,
    /// From which UID on they are still to be told.
    pub(super) from: Uid,
}

impl Lines {
    /// Writes until done or full.
    pub(super) fn write(&mut self, view: &View, out: &mut Output) -> Progress {
        for (first, last) in self.uids.ranges() {
            if last < self.from {
                continue;
            }
            let messages = self.snapshot.iter_from(first.max(self.from));
            for message in messages.take_while(|message| message.uid <= last) {
                let Some(seq) = view.seq_of(message.uid) else { continue };
                let mut items = self.items;
                items.flags &= self.quiet.is_empty() || !self.quiet.contains(message.uid);
                put_opening(seq, out);
                put_items(items, &message, &self.snapshot.head.keywords, out);
                out.put(b")\r\n");
                if out.len() >= OUTPUT_BYTES_MAX {
                    self.from = Uid(message.uid.0.saturating_add(1));
                    return Progress::Full;
                }
            }
        }
        Progress::Done
    }
}

/// `* n FETCH (`
pub(super) fn put_opening(seq: u32, out: &mut Output) {
    out.put(b"* ");
    put_number(seq.into(), out);
    out.put(b" FETCH (");
}

/// The items, separated by spaces, without one in front or behind.
pub(super) fn put_items(items: Items, message: &Message, keywords: &Keywords, out: &mut Output) {
    let start = out.len();
    let space = |out: &mut Output| {
        if out.len() > start {
            out.put(b" ");
        }
    };
    if items.uid {
        out.put(b"UID ");
        put_number(message.uid.0.into(), out);
    }
    if items.flags {
        space(out);
        out.put(b"FLAGS (");
        put_flags(message, keywords, out);
        out.put(b")");
    }
    if items.internal_date {
        space(out);
        out.put(b"INTERNALDATE ");
        put_date_time(message.internal_seconds, out);
    }
    if items.size {
        space(out);
        out.put(b"RFC822.SIZE ");
        put_number(message.size.into(), out);
    }
    if items.mod_seq {
        space(out);
        out.put(b"MODSEQ (");
        put_number(message.mod_seq.0.unsigned_abs(), out);
        out.put(b")");
    }
}

fn put_flags(message: &Message, keywords: &Keywords, out: &mut Output) {
    let start = out.len();
    for (flag, name) in Flags::NAMES {
        if message.flags.contains(flag) {
            out.put(if out.len() > start { b" " } else { b"" });
            out.put(name.as_bytes());
        }
    }
    if message.keywords.0 != 0 {
        for keyword in keywords.names_in(message.keywords) {
            out.put(if out.len() > start { b" " } else { b"" });
            out.put(keyword.as_str().as_bytes());
        }
    }
}

/// Digits, without the machinery of `fmt`.
pub(super) fn put_number(mut number: u64, out: &mut Output) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        first = at;
        if number == 0 {
            break;
        }
    }
    out.put(digits.get(first..).unwrap_or_default());
}

/// `"17-Jul-1996 02:44:25 +0000"` — RFC 9051 §9 `date-time`; INTERNALDATE is told in UTC.
fn put_date_time(unix_seconds: i64, out: &mut Output) {
    let days = unix_seconds.div_euclid(86_400);
    let seconds = unix_seconds.rem_euclid(86_400);
    // Days to a date, counting years from March: the leap day is a year's last.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12;
    let year = (year + era * 400 + i64::from(month < 2)).clamp(0, 9_999);
    let names: [&[u8; 3]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let name = usize::try_from(month).ok().and_then(|month| names.get(month)).unwrap_or(&names[0]);
    let two = |value: i64, out: &mut Output| {
        let digit = |value: i64| b'0' + u8::try_from(value % 10).unwrap_or(0);
        out.put(&[digit(value / 10), digit(value)]);
    };
    out.put(if day < 10 { b"\" ".as_slice() } else { b"\"" });
    put_number(day.unsigned_abs(), out);
    out.put(b"-");
    out.put(*name);
    out.put(b"-");
    two(year / 100, out);
    two(year % 100, out);
    out.put(b" ");
    two(seconds / 3_600, out);
    out.put(b":");
    two(seconds / 60 % 60, out);
    out.put(b":");
    two(seconds % 60, out);
    out.put(b" +0000\"");
}
