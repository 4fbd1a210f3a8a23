//! SEARCH by looking at every message, and the decoding of parts.

use sora::error::Refusal;
use sora::job::{MailboxKey, Reply};
use sora::mail::UidRuns;
use sora::mail::search::Query;
use sora::mail::text::decode_header;
use sora::model::{BlobId, Keywords, ModSeq, Uid};

use super::{BATCH, Model, Stored};

const DAY: i64 = 86_400;

impl Model {
    pub(super) fn search(
        &mut self,
        key: MailboxKey,
        query: &Query,
        among: &UidRuns,
        from: Uid,
    ) -> Result<Reply, Refusal> {
        let row = self.mailbox(key)?;
        let snapshot = row.snapshot();
        let names = Keywords::new(row.keywords.clone());
        let known: Vec<Stored> = row
            .messages
            .iter()
            .filter(|stored| stored.message.uid >= from && among.contains(stored.message.uid))
            .cloned()
            .collect();
        let next = known.get(BATCH).map(|stored| stored.message.uid);
        let found: Vec<&Stored> = known
            .iter()
            .take(BATCH)
            .filter(|stored| matches(query, stored, &self.body(stored.blob), &names))
            .collect();
        let mod_seq = found.iter().map(|stored| stored.message.mod_seq).max().unwrap_or(ModSeq(0));
        let uids = found.iter().map(|stored| stored.message.uid).collect();
        Ok(Reply::Found { uids, mod_seq, next, snapshot })
    }

    pub(super) fn decode_part(
        &self,
        blob: BlobId,
        offset: u64,
        count: u64,
        encoding: &str,
    ) -> Result<Reply, Refusal> {
        let body = self.body(blob);
        let part = body.get(offset as usize..(offset + count) as usize).unwrap_or_default();
        let decoded = match encoding {
            "" | "7bit" | "8bit" | "binary" => part.to_vec(),
            "base64" => base64(part),
            "quoted-printable" => quoted_printable(part),
            _ => return Err(Refusal::UnknownEncoding),
        };
        Ok(Reply::Bytes(decoded.into()))
    }
}

fn matches(query: &Query, stored: &Stored, body: &[u8], names: &Keywords) -> bool {
    let message = &stored.message;
    let again = |query: &Query| matches(query, stored, body, names);
    let internal_day = i32::try_from(message.internal_seconds.div_euclid(DAY)).expect("near 2024");
    let whole = String::from_utf8_lossy(body);
    let header = whole.split("\r\n\r\n").next().unwrap_or("");
    let text = whole.to_lowercase();
    let rest = text.split_once("\r\n\r\n").map_or("", |(_, rest)| rest);
    match query {
        Query::All => true,
        Query::Nothing => false,
        Query::Flags(flags) => message.flags.contains(*flags),
        Query::Keyword(keyword) => {
            names.mask_of(keyword).is_some_and(|mask| message.keywords.0 & mask.0 != 0)
        }
        Query::Uids(uids) => uids.contains(message.uid),
        Query::Header { field, value } => {
            fields(header, field).iter().any(|field| field.contains(&value.to_lowercase()))
        }
        Query::Body(value) => rest.contains(&value.to_lowercase()),
        Query::Text(value) => text.contains(&value.to_lowercase()),
        Query::InternalBefore(day) => internal_day < *day,
        Query::InternalSince(day) => internal_day >= *day,
        Query::SentBefore(day) => sent_day(header).is_some_and(|sent| sent < *day),
        Query::SentSince(day) => sent_day(header).is_some_and(|sent| sent >= *day),
        Query::Larger(size) => u64::from(message.size) > *size,
        Query::Smaller(size) => u64::from(message.size) < *size,
        Query::ModSeq(least) => message.mod_seq.0 >= *least,
        Query::Not(query) => !again(query),
        Query::And(all) => all.iter().all(again),
        Query::Or(any) => any.iter().any(again),
    }
}

/// The values of a field, lower case, unfolded.
fn fields(header: &str, name: &str) -> Vec<String> {
    let unfolded = header.replace("\r\n ", " ").replace("\r\n\t", "\t");
    let named = unfolded.split("\r\n").filter_map(|line| line.split_once(':'));
    let named = named.filter(|(field, _)| field.trim().eq_ignore_ascii_case(name));
    // Encoded words: how they are read is for the tests beside `mail::text` to say.
    named.map(|(_, value)| decode_header(value.trim().as_bytes()).to_lowercase()).collect()
}

/// The day of a Date field such as ours: `Mon, 01 Jan 2024 …`.
fn sent_day(header: &str) -> Option<i32> {
    let date = fields(header, "date").into_iter().next()?;
    let mut words = date.split(' ').skip(1);
    let day: i32 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let year: i32 = words.next()?.parse().ok()?;
    let months =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let month = i32::try_from(months.iter().position(|name| *name == month)?).ok()? + 1;
    let (shifted, since_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = shifted / 4 - shifted / 100 + shifted / 400;
    Some(365 * shifted + leap_days + (153 * since_march + 2) / 5 + day - 1 - 719_468)
}

fn base64(input: &[u8]) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut output) = (0_u32, 0, Vec::new());
    for byte in input {
        let Some(value) = alphabet.iter().position(|letter| letter == byte) else { continue };
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            output.push((bits >> held & 255) as u8);
        }
    }
    output
}

fn quoted_printable(input: &[u8]) -> Vec<u8> {
    let (mut rest, mut output) = (input, Vec::new());
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.map(|two| (two, u8::from_str_radix(two, 16))) {
            Some((_, Ok(value))) if byte == b'=' => {
                output.push(value);
                rest = &after[2..];
            }
            Some(("\r\n", _)) if byte == b'=' => rest = &after[2..],
            _ => {
                output.push(byte);
                rest = after;
            }
        }
    }
    output
}
