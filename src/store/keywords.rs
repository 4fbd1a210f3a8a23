//! A mailbox's keywords: names behind the bits of a mask.
//!
//! A bit is given out once and used again only when nothing has it any more, neither a message nor
//! one that could be restored.

use super::engine::{Row, Tx, Value};
use super::{Error, Failure};
use crate::error::Refusal;
use crate::job::MailboxKey;
use crate::limits;
use crate::model::{Keyword, KeywordMask, Keywords};

/// The keywords of a mailbox.
pub(super) fn load(tx: &mut Tx<'_>, mailbox: MailboxKey) -> Result<Keywords, Failure> {
    names(tx, mailbox).map(Keywords::new)
}

/// The same from two columns of arrays, bits and names, ascending by bit; NULL if there are none.
pub(super) fn at(row: &Row<'_>, bits: usize, words: usize) -> Result<Keywords, Failure> {
    let mut names = Vec::new();
    let bits = row.ints_or_null(bits)?.unwrap_or_default();
    for (bit, name) in bits.iter().zip(row.texts_or_null(words)?.unwrap_or_default()) {
        push(&mut names, row, usize::try_from(*bit).unwrap_or(usize::MAX), name)?;
    }
    Ok(Keywords::new(names))
}

/// Adds the name of the next bit.
fn push(
    names: &mut Vec<Option<Keyword>>,
    row: &Row<'_>,
    bit: usize,
    name: &str,
) -> Result<(), Failure> {
    if bit >= limits::KEYWORDS_PER_MAILBOX_MAX {
        return Err(row.corrupt("a keyword's bit is out of range"));
    }
    names.resize(bit, None);
    names.push(Some(Keyword::new(name).ok_or_else(|| row.corrupt("a keyword is not one"))?));
    Ok(())
}

fn names(tx: &mut Tx<'_>, mailbox: MailboxKey) -> Result<Vec<Option<Keyword>>, Failure> {
    let mut names = Vec::new();
    tx.query(
        "SELECT bit, name FROM keywords WHERE account_id = $1 AND mailbox_id = $2 ORDER BY bit",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0)],
        |row| push(&mut names, row, row.uint(0)?, row.text(1)?),
    )?;
    Ok(names)
}

/// What becomes of a keyword that no bit is left for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMany {
    /// Whoever gave it is told.
    Refused,
    /// It is left out, for the mail must not be lost for it (RFC 5232 §5).
    LeftOut,
}

/// The mask of `wanted`, giving bits to those the mailbox does not know yet.
pub(super) fn mask_of<'k>(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    wanted: impl IntoIterator<Item = &'k Keyword>,
    too_many: TooMany,
) -> Result<KeywordMask, Error> {
    let wanted: Vec<&Keyword> = wanted.into_iter().collect();
    if wanted.is_empty() {
        return Ok(KeywordMask(0));
    }
    let mut known = names(tx, mailbox)?;
    // What is known comes first: a bit given here is in no message yet, and must not be freed.
    let bit_of = |known: &[Option<Keyword>], keyword: &Keyword| {
        known.iter().position(|name| name.as_ref() == Some(keyword))
    };
    let mut mask = 0;
    for bit in wanted.iter().filter_map(|keyword| bit_of(&known, keyword)) {
        mask |= 1 << bit;
    }
    for keyword in wanted {
        if bit_of(&known, keyword).is_some() {
            continue;
        }
        match add(tx, mailbox, &mut known, keyword, mask)? {
            Some(bit) => mask |= 1 << bit,
            // Nor is there one for the next.
            None if too_many == TooMany::LeftOut => break,
            None => return Err(Refusal::Limit("too many keywords").into()),
        }
    }
    Ok(KeywordMask(mask))
}

/// Gives `keyword` the lowest free bit, which is none of `taken`; `None` if there is none.
fn add(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    known: &mut Vec<Option<Keyword>>,
    keyword: &Keyword,
    taken: u64,
) -> Result<Option<usize>, Failure> {
    let bit = match known.iter().position(Option::is_none) {
        Some(bit) => bit,
        None if known.len() < limits::KEYWORDS_PER_MAILBOX_MAX => known.len(),
        None => match free_one(tx, mailbox, taken)? {
            Some(bit) => bit,
            None => return Ok(None),
        },
    };
    let column = i64::try_from(bit).unwrap_or(i64::MAX);
    tx.execute(
        "INSERT INTO keywords (account_id, mailbox_id, bit, name) VALUES ($1, $2, $3, $4)",
        &[
            Value::Int(mailbox.account.0),
            Value::Int(mailbox.mailbox.0),
            Value::Int(column),
            Value::Text(keyword.as_str()),
        ],
    )?;
    known.resize(known.len().max(bit + 1), None);
    if let Some(name) = known.get_mut(bit) {
        *name = Some(keyword.clone());
    }
    Ok(Some(bit))
}

/// Forgets a keyword that no message has, nor one that could be restored, nor `taken`: its bit, if
/// there is any.
fn free_one(tx: &mut Tx<'_>, mailbox: MailboxKey, taken: u64) -> Result<Option<usize>, Failure> {
    let mut used = taken.cast_signed();
    tx.query(
        "SELECT DISTINCT keywords FROM messages WHERE account_id = $1 AND mailbox_id = $2
         UNION
         SELECT DISTINCT keywords FROM expunged
         WHERE account_id = $1 AND mailbox_id = $2 AND blob_id IS NOT NULL",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0)],
        |row| {
            used |= row.int(0)?;
            Ok(())
        },
    )?;
    let free = (0..limits::KEYWORDS_PER_MAILBOX_MAX).find(|bit| used >> bit & 1 == 0);
    if let Some(bit) = free {
        let column = i64::try_from(bit).unwrap_or(i64::MAX);
        tx.execute(
            "DELETE FROM keywords WHERE account_id = $1 AND mailbox_id = $2 AND bit = $3",
            &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0), Value::Int(column)],
        )?;
    }
    Ok(free)
}
