//! Reading for a search: bytes that are looked at once and not kept are lent, not copied.

use super::engine::{Row, Value};
use super::{Failure, Store};
use crate::job::MailboxKey;
use crate::mail::UidRuns;
use crate::model::Uid;

/// What of a message a scan lends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The rendered ENVELOPE.
    Envelopes,
    /// The whole message, if it is in the database.
    Bodies,
}

macro_rules! select {
    ($column:literal, $table:literal, $messages:literal) => {
        concat!(
            "SELECT m.uid, b.",
            $column,
            " FROM ",
            $messages,
            " {join} ",
            $table,
            " b ON b.account_id = m.account_id AND b.blob_id = m.blob_id
              WHERE m.account_id = $1 AND m.mailbox_id = $2 ORDER BY m.uid"
        )
    };
}

/// Of one run, `$3` to `$4`.
macro_rules! select_run {
    ($column:literal, $table:literal) => {
        select!($column, $table, "(SELECT * FROM messages WHERE uid BETWEEN $3 AND $4) m")
    };
}

/// Of many, `$3`.
macro_rules! select_runs {
    ($column:literal, $table:literal) => {
        select!(
            $column,
            $table,
            "({ranges $3}) r
             {sqlite} CROSS JOIN messages m ON m.uid BETWEEN r.first AND r.last
             {postgres} CROSS JOIN LATERAL (SELECT * FROM messages n WHERE n.account_id = $1
             {postgres}   AND n.mailbox_id = $2 AND n.uid BETWEEN r.first AND r.last OFFSET 0) m
            "
        )
    };
}

impl Scan {
    /// For one run, `$3` to `$4`.
    fn of_run(self) -> &'static str {
        match self {
            Self::Envelopes => select_run!("envelope", "blob_map"),
            Self::Bodies => select_run!("bytes", "bodies"),
        }
    }

    /// For many, `$3`.
    fn of_runs(self) -> &'static str {
        match self {
            Self::Envelopes => select_runs!("envelope", "blob_map"),
            Self::Bodies => select_runs!("bytes", "bodies"),
        }
    }
}

impl Store {
    /// Lends `each` what it asks for of those of `uids` that are there and have it in the database,
    /// ascending, until it says false. What it is not shown, large or expunged meanwhile,
    /// [`Store::fetch`] reads.
    pub fn scan(
        &self,
        mailbox: MailboxKey,
        uids: &UidRuns,
        what: Scan,
        mut each: impl FnMut(Uid, &[u8]) -> bool,
    ) -> Result<(), Failure> {
        let (account, number) = (Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0));
        let ranges: Vec<(i64, i64)> =
            uids.ranges().map(|(first, last)| (first.0.into(), last.0.into())).collect();
        let mut show = |row: &Row<'_>| Ok(each(Uid(row.uint(0)?), row.bytes(1)?));
        self.0.engine.read_once("searching", |tx| {
            if ranges.len() > tx.ranges_apart_max() {
                return tx.query_while(
                    what.of_runs(),
                    &[account, number, Value::Ranges(&ranges)],
                    show,
                );
            }
            let mut stopped = false;
            for (first, last) in &ranges {
                let values = [account, number, Value::Int(*first), Value::Int(*last)];
                tx.query_while(what.of_run(), &values, |row| {
                    let more = show(row)?;
                    stopped = !more;
                    Ok(more)
                })?;
                if stopped {
                    break;
                }
            }
            Ok(())
        })
    }
}
