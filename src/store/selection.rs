//! A set of UIDs as statements take it: a few ranges each their own statement, where that costs
//! little, and one list for many.

use super::Failure;
use super::engine::{Row, Tx, Value};
use crate::job::MailboxKey;
use crate::mail::UidRuns;

/// Changes above this many rows are alone in their commit.
pub(super) const BULK_ROWS: u32 = 1_000;

/// Two forms of one statement: `uid BETWEEN $1 AND $2` and `{each … uid=$1}`; further values from
/// `$3` on (`$2` is NULL for the list).
#[derive(Clone, Copy)]
pub(super) struct Forms {
    pub(super) range: &'static str,
    pub(super) list: &'static str,
}

/// Runs `forms` over `uids`, with `more` as `$3…`; how many rows changed.
pub(super) fn execute(
    tx: &mut Tx<'_>,
    forms: Forms,
    uids: &UidRuns,
    more: &[Value<'_>],
) -> Result<u64, Failure> {
    let mut changed = 0;
    if uids.ranges().len() <= tx.ranges_apart_max() {
        for (first, last) in uids.ranges() {
            let mut values = vec![Value::Int(first.0.into()), Value::Int(last.0.into())];
            values.extend_from_slice(more);
            changed += tx.execute(forms.range, &values)?;
        }
        return Ok(changed);
    }
    let ids: Vec<i64> = uids.iter().map(|uid| uid.0.into()).collect();
    let mut values = vec![Value::Ids(&ids), Value::Null];
    values.extend_from_slice(more);
    tx.execute(forms.list, &values)
}

/// Shows uid, mod_seq, flags, keywords, size and internal date, arrived_at of each of `uids` that is
/// there, ascending.
pub(super) fn rows(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    uids: &UidRuns,
    mut each: impl FnMut(&Row<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let account = Value::Int(mailbox.account.0);
    let number = Value::Int(mailbox.mailbox.0);
    if uids.ranges().len() <= tx.ranges_apart_max() {
        for (first, last) in uids.ranges() {
            tx.query(
                "SELECT uid, mod_seq, flags, keywords, size, internal_date, arrived_at
                 FROM messages
                 WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 ORDER BY uid",
                &[account, number, Value::Int(first.0.into()), Value::Int(last.0.into())],
                &mut each,
            )?;
        }
        return Ok(());
    }
    let ranges: Vec<(i64, i64)> =
        uids.ranges().map(|(first, last)| (first.0.into(), last.0.into())).collect();
    // CROSS JOIN keeps SQLite from starting with the messages; the ranges ascend, and so do they.
    tx.query(
        "SELECT m.uid, m.mod_seq, m.flags, m.keywords, m.size, m.internal_date, m.arrived_at
         FROM ({ranges $3}) r
         {sqlite} CROSS JOIN messages m
         {sqlite} WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid BETWEEN r.first AND r.last
         {postgres} CROSS JOIN LATERAL (SELECT * FROM messages n WHERE n.account_id = $1
         {postgres}   AND n.mailbox_id = $2 AND n.uid BETWEEN r.first AND r.last OFFSET 0) m
         ORDER BY m.uid",
        &[account, number, Value::Ranges(&ranges)],
        &mut each,
    )
}
