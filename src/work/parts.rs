//! MIME parts with their transfer encoding undone (RFC 3516 §4.3).

use std::ops::Range;

use parser::message::transfer::{Base64, QuotedPrintable};

use super::run::Answer;
use crate::error::Refusal;
use crate::job::Reply;
use crate::model::{AccountId, BlobId};
use crate::store::{self, Store};

/// How a part is encoded, and how far it was decoded.
enum Decoder {
    Plain,
    Base64(Base64),
    QuotedPrintable(QuotedPrintable),
}

impl Decoder {
    /// RFC 2045 §6.1; what we do not know is refused, never guessed.
    fn of(encoding: &str) -> Option<Self> {
        match encoding.trim() {
            "" | "7bit" | "8bit" | "binary" => Some(Self::Plain),
            "base64" => Some(Self::Base64(Base64::new())),
            "quoted-printable" => Some(Self::QuotedPrintable(QuotedPrintable::new())),
            _ => None,
        }
    }

    fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain => out.extend_from_slice(input),
            Self::Base64(decoder) => decoder.feed(input, out),
            Self::QuotedPrintable(decoder) => decoder.feed(input, out),
        }
    }

    fn finish(self, out: &mut Vec<u8>) {
        match self {
            Self::Plain => {}
            Self::Base64(mut decoder) => decoder.finish(out),
            Self::QuotedPrintable(mut decoder) => decoder.finish(out),
        }
    }
}

/// Reads the bytes `range` of a body and decodes them, a slice at a time.
pub(super) fn decode(
    store: &Store,
    account: AccountId,
    blob: BlobId,
    range: Range<u64>,
    encoding: &str,
) -> Answer {
    let Some(mut decoder) = Decoder::of(encoding) else {
        return Err(Refusal::UnknownEncoding.into());
    };
    let mut out = Vec::new();
    each_slice(store, account, blob, range, |slice| decoder.feed(slice, &mut out))?;
    decoder.finish(&mut out);
    Ok(Reply::Bytes(out.into()))
}

/// The bytes `range` of a body.
pub(super) fn read(
    store: &Store,
    account: AccountId,
    blob: BlobId,
    range: Range<u64>,
) -> Result<Vec<u8>, store::Failure> {
    let mut out = Vec::new();
    each_slice(store, account, blob, range, |slice| out.extend_from_slice(slice))?;
    Ok(out)
}

fn each_slice(
    store: &Store,
    account: AccountId,
    blob: BlobId,
    range: Range<u64>,
    mut take: impl FnMut(&[u8]),
) -> Result<(), store::Failure> {
    let mut at = range.start;
    while at < range.end {
        let slice = store.read_body(account, blob, at, range.end - at)?;
        if slice.is_empty() {
            let (doing, what) = ("reading a part", "a body ends before its part does");
            return Err(store::Failure::Corrupt { doing, what });
        }
        at = at.saturating_add(slice.len() as u64);
        take(&slice);
    }
    Ok(())
}
