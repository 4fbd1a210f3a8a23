//! Reading messages in batches: one range query a run of UIDs, joined to what is kept of their bodies.

use std::collections::HashMap;
use std::sync::Arc;

use super::blobs::{self, Located};
use super::engine::{Row, Tx, Value};
use super::snapshot::message_at;
use super::{Failure, Store, keywords};
use crate::job::{Fetched, MailboxKey, Wants};
use crate::limits;
use crate::mail::UidRuns;
use crate::model::{BlobId, Keywords, Uid};

/// Some of the messages asked for.
#[derive(Debug, Default)]
pub struct Batch {
    /// Ascending by UID. Those of which nothing is kept are left out.
    pub messages: Vec<Fetched>,
    /// Where to go on; `None` when all were read.
    pub next: Option<Uid>,
    /// Why the only message is without its body or header, which are lost: what lies behind it can
    /// still be had.
    pub lost: Option<Failure>,
}

/// A query of `messages` or `expunged`. `CASE` keeps a column that is not wanted from being read:
/// bodies have pages of their own, and maps may.
macro_rules! select {
    ($table:literal, $columns:literal, $join:literal) => {
        concat!(
            "SELECT m.uid, m.mod_seq, m.flags, m.keywords, m.size, m.internal_date, m.blob_id",
            $columns,
            " FROM ",
            $table,
            " m",
            $join,
            " WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid BETWEEN $3 AND $4
                AND m.blob_id IS NOT NULL ORDER BY m.uid LIMIT $5"
        )
    };
}

macro_rules! select_rows {
    ($table:literal) => {
        select!($table, "", "")
    };
}

macro_rules! select_maps {
    ($table:literal) => {
        select!(
            $table,
            ", b.header_bytes, CASE WHEN $6 = 1 THEN b.envelope END,
               CASE WHEN $7 = 1 THEN b.map END",
            " LEFT JOIN blob_map b ON b.account_id = m.account_id AND b.blob_id = m.blob_id"
        )
    };
}

/// PostgreSQL sends all rows of an answer: it stops where a batch with bodies is full ($10 bytes), for
/// nobody reads what lies behind. SQLite makes each row when it is asked for.
macro_rules! select_bodies {
    ($table:literal) => {
        concat!(
            "SELECT m.uid, m.mod_seq, m.flags, m.keywords, m.size, m.internal_date, m.blob_id,
               b.header_bytes, CASE WHEN $6 = 1 THEN b.envelope END,
               CASE WHEN $7 = 1 THEN b.map END,
               CASE WHEN $8 = 1 THEN COALESCE(b.header, substr(y.bytes, 1, CAST(b.header_bytes AS INTEGER))) END,
               CASE WHEN $9 = 1 THEN y.bytes END
             FROM
             {sqlite} ",
            $table,
            " m
             {postgres} (SELECT r.*, CAST(SUM(r.size) OVER (ORDER BY r.uid) AS BIGINT) AS bytes
             {postgres}  FROM (SELECT n.* FROM ",
            $table,
            " n
             {postgres}    WHERE n.account_id = $1 AND n.mailbox_id = $2 AND n.uid BETWEEN $3 AND $4
             {postgres}      AND n.blob_id IS NOT NULL ORDER BY n.uid LIMIT $5) r) m
             LEFT JOIN blob_map b ON b.account_id = m.account_id AND b.blob_id = m.blob_id
             LEFT JOIN bodies y ON y.account_id = m.account_id AND y.blob_id = m.blob_id
             WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid BETWEEN $3 AND $4
               AND m.blob_id IS NOT NULL AND
             {sqlite} $10 > 0
             {postgres} ($9 = 0 OR m.bytes - m.size < $10)
             ORDER BY m.uid LIMIT $5"
        )
    };
}

/// How much of a message's rows is read.
#[derive(Clone, Copy)]
enum Depth {
    Row,
    Map,
    Body,
}

impl Depth {
    fn of(wants: Wants) -> Self {
        match wants {
            Wants { body: true, .. } | Wants { header: true, .. } => Self::Body,
            Wants { envelope: true, .. } | Wants { map: true, .. } => Self::Map,
            _ => Self::Row,
        }
    }

    fn of_messages(self) -> &'static str {
        match self {
            Self::Row => select_rows!("messages"),
            Self::Map => select_maps!("messages"),
            Self::Body => select_bodies!("messages"),
        }
    }

    fn of_expunged(self) -> &'static str {
        match self {
            Self::Row => select_rows!("expunged"),
            Self::Map => select_maps!("expunged"),
            Self::Body => select_bodies!("expunged"),
        }
    }
}

impl Store {
    /// Reads as many of `uids` as fit one batch (`FETCH_BATCH_MESSAGES_MAX`, and bytes), ascending,
    /// those expunged meanwhile from what is retained of them (pitfall 80). The mailbox may be
    /// deleted: what a client still sees can still be read.
    pub fn fetch(
        &self,
        mailbox: MailboxKey,
        uids: &UidRuns,
        wants: Wants,
    ) -> Result<Batch, Failure> {
        let rows = self.read_rows(mailbox, uids, wants)?;
        self.read_elsewhere(rows)
    }

    /// The same if nothing must come from the bucket for it; `None` otherwise.
    pub fn fetch_near(
        &self,
        mailbox: MailboxKey,
        uids: &UidRuns,
        wants: Wants,
    ) -> Result<Option<Batch>, Failure> {
        let rows = self.read_rows(mailbox, uids, wants)?;
        let near = self
            .0
            .objects
            .as_ref()
            .is_none_or(|objects| rows.in_objects.iter().all(|body| objects.is_near(body)));
        if near { self.read_elsewhere(rows).map(Some) } else { Ok(None) }
    }

    fn read_rows(
        &self,
        mailbox: MailboxKey,
        uids: &UidRuns,
        wants: Wants,
    ) -> Result<Rows, Failure> {
        self.0.engine.read("fetching", |tx| {
            let mut reading = Reading::new(mailbox, wants);
            let next = reading.read_all(tx, uids)?;
            let elsewhere = std::mem::take(&mut reading.elsewhere);
            let in_objects = match self.0.objects {
                Some(_) if !elsewhere.is_empty() => {
                    let blobs: Vec<i64> = elsewhere.iter().map(|wanted| wanted.blob.0).collect();
                    blobs::locate(tx, mailbox.account, &blobs)?
                }
                _ => Vec::new(),
            };
            let batch = Batch { messages: reading.finish(tx)?, next, lost: None };
            Ok(Rows { batch, elsewhere, in_objects })
        })
    }

    /// Fills in what lies in files and objects: after the transaction, which need not wait for them.
    /// The batch ends before the first message of which that cannot be had, so that it keeps back no
    /// other.
    fn read_elsewhere(&self, rows: Rows) -> Result<Batch, Failure> {
        let Rows { mut batch, mut elsewhere, in_objects } = rows;
        let mut read = self.read_objects(&elsewhere, &in_objects);
        elsewhere.sort_unstable_by_key(|wanted| wanted.uid);
        for wanted in &elsewhere {
            let found = batch.messages.binary_search_by_key(&wanted.uid, |got| got.message.uid);
            let Some(got) = found.ok().and_then(|at| batch.messages.get_mut(at)) else { continue };
            let bytes = match read.remove(&(wanted.uid, wanted.what)) {
                Some(bytes) => bytes,
                None => self.read_file(wanted),
            };
            match (bytes, wanted.what) {
                (Ok(bytes), What::Header) => got.header = Some(bytes),
                (Ok(bytes), What::Body) => got.body = Some(bytes),
                (Err(failure), _) => {
                    let at = found.unwrap_or_default();
                    return without(batch, at, failure);
                }
            }
        }
        Ok(batch)
    }

    fn read_file(&self, wanted: &Elsewhere) -> Got {
        let bytes = self.0.bodies.read(wanted.blob, 0, wanted.bytes)?;
        let whole = bytes.filter(|bytes| bytes.len() == wanted.bytes);
        let corrupt = Failure::Corrupt { doing: "fetching", what: "a body is missing" };
        whole.map(Arc::from).ok_or(corrupt)
    }

    /// Whole bodies several at once; of those whose header alone is wanted, and was too large to be
    /// kept, that part.
    fn read_objects(&self, wanted: &[Elsewhere], in_objects: &[Located]) -> Parts {
        let mut read = Parts::new();
        let Some(objects) = &self.0.objects else { return read };
        let in_object = |wanted: &Elsewhere| in_objects.iter().find(|it| it.blob == wanted.blob);
        let whole = wanted.iter().filter(|wanted| wanted.what == What::Body);
        let whole = whole.filter_map(|wanted| Some((wanted.uid, in_object(wanted)?.clone())));
        let (uids, bodies): (Vec<Uid>, Vec<Located>) = whole.unzip();
        for (uid, bytes) in uids.into_iter().zip(objects.get_many(&bodies)) {
            read.insert((uid, What::Body), bytes);
        }
        for wanted in wanted.iter().filter(|wanted| wanted.what == What::Header) {
            let Some(body) = in_object(wanted) else { continue };
            let header = match read.get(&(wanted.uid, What::Body)) {
                Some(Ok(whole)) => whole.get(..wanted.bytes).map(|bytes| Ok(Arc::from(bytes))),
                Some(Err(_)) => None, // said of the body
                None => {
                    let part = objects.get_part(body, &(0..wanted.bytes as u64));
                    Some(part.map(Arc::from))
                }
            };
            read.extend(header.map(|header| ((wanted.uid, What::Header), header)));
        }
        read
    }
}

/// A batch in which something of the message at `at` could not be had.
fn without(mut batch: Batch, at: usize, failure: Failure) -> Result<Batch, Failure> {
    let is_first = at == 0;
    if is_first && !failure.is_about_one_body() {
        return Err(failure);
    }
    let uid_at = |at: usize| batch.messages.get(at).map(|fetched| fetched.message.uid);
    let next = uid_at(if is_first { 1 } else { at }).or(batch.next);
    batch.messages.truncate(if is_first { 1 } else { at });
    Ok(Batch { next, lost: is_first.then_some(failure), ..batch })
}

/// Bodies and headers from objects, by the message they were wanted for.
type Parts = HashMap<(Uid, What), Got>;

/// Bytes, or why they cannot be had.
type Got = Result<Arc<[u8]>, Failure>;

/// What one transaction told, and what it only named.
struct Rows {
    batch: Batch,
    elsewhere: Vec<Elsewhere>,
    in_objects: Vec<Located>,
}

/// Something of a message that only its file or object has.
struct Elsewhere {
    uid: Uid,
    blob: BlobId,
    bytes: usize,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Header,
    Body,
}

/// A batch being read.
struct Reading {
    mailbox: MailboxKey,
    wants: Wants,
    messages: Vec<Fetched>,
    elsewhere: Vec<Elsewhere>,
    bytes: usize,
}

impl Reading {
    fn new(mailbox: MailboxKey, wants: Wants) -> Self {
        Self { mailbox, wants, messages: Vec::new(), elsewhere: Vec::new(), bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.messages.len() >= limits::FETCH_BATCH_MESSAGES_MAX
            || self.bytes >= limits::FETCH_BATCH_BYTES_MAX
    }

    /// Reads run by run; where to go on.
    fn read_all(&mut self, tx: &mut Tx<'_>, uids: &UidRuns) -> Result<Option<Uid>, Failure> {
        for (at, (first, last)) in uids.ranges().enumerate() {
            if self.is_full() || at >= limits::FETCH_BATCH_MESSAGES_MAX {
                return Ok(Some(first));
            }
            if let Some(next) = self.read_run(tx, first, last)? {
                return Ok(Some(next));
            }
        }
        Ok(None)
    }

    /// Reads a run, and of what is no longer there what is retained; where to go on in it.
    fn read_run(&mut self, tx: &mut Tx<'_>, first: Uid, last: Uid) -> Result<Option<Uid>, Failure> {
        let before = self.messages.len();
        let depth = Depth::of(self.wants);
        let mut reached = self.query(tx, depth.of_messages(), first, last)?.unwrap_or(last);
        let present = self.messages.len() - before;
        if present as u64 <= u64::from(reached.0 - first.0) {
            // A batch of its own: it may go less far, and then what lies behind it is read again.
            let bytes = std::mem::take(&mut self.bytes);
            let others = std::mem::take(&mut self.messages);
            let retained = self.query(tx, depth.of_expunged(), first, reached)?;
            self.bytes += bytes;
            self.messages.splice(..0, others);
            reached = retained.unwrap_or(reached);
            let of_run = self.messages.get_mut(before..).unwrap_or_default();
            of_run.sort_unstable_by_key(|fetched| fetched.message.uid);
            self.messages.retain(|fetched| fetched.message.uid <= reached);
            self.elsewhere.retain(|wanted| wanted.uid <= reached);
        }
        Ok((reached < last).then_some(Uid(reached.0.saturating_add(1))))
    }

    /// Reads a run until the batch is full; the last UID read if it was.
    fn query(
        &mut self,
        tx: &mut Tx<'_>,
        sql: &'static str,
        first: Uid,
        last: Uid,
    ) -> Result<Option<Uid>, Failure> {
        let Wants { envelope, map, header, body } = self.wants;
        let values = [
            Value::Int(self.mailbox.account.0),
            Value::Int(self.mailbox.mailbox.0),
            Value::Int(i64::from(first.0)),
            Value::Int(i64::from(last.0)),
            Value::Int(i64::try_from(limits::FETCH_BATCH_MESSAGES_MAX).unwrap_or(i64::MAX)),
            Value::Int(i64::from(envelope)),
            Value::Int(i64::from(map)),
            Value::Int(i64::from(header)),
            Value::Int(i64::from(body)),
            Value::Int(i64::try_from(limits::FETCH_BATCH_BYTES_MAX).unwrap_or(i64::MAX)),
        ];
        let depth = Depth::of(self.wants);
        let used = match depth {
            Depth::Row => 5,
            Depth::Map => 7,
            Depth::Body => 10,
        };
        let mut stopped = None;
        tx.query_while(sql, values.get(..used).unwrap_or_default(), |row| {
            let uid = self.push(row, depth)?;
            stopped = self.is_full().then_some(uid);
            Ok(stopped.is_none())
        })?;
        Ok(stopped)
    }

    fn push(&mut self, row: &Row<'_>, depth: Depth) -> Result<Uid, Failure> {
        let message = message_at(row)?;
        let blob = BlobId(row.int(6)?);
        let mut fetched = Fetched {
            message,
            keywords: Keywords::default(),
            blob,
            envelope: None,
            map: None,
            header: None,
            body: None,
        };
        if !matches!(depth, Depth::Row) {
            let Some(_) = row.int_or_null(7)? else {
                return Err(row.corrupt("a message has no map"));
            };
            fetched.envelope = self.shared(row, 8)?;
            fetched.map = self.shared(row, 9)?;
        }
        if matches!(depth, Depth::Body) {
            fetched.header = self.shared(row, 10)?;
            fetched.body = row.bytes_or_null(11)?.map(Arc::from);
            self.note_elsewhere(row, &fetched)?;
        }
        self.bytes += size_of::<Fetched>();
        self.messages.push(fetched);
        Ok(message.uid)
    }

    fn shared(&mut self, row: &Row<'_>, column: usize) -> Result<Option<Arc<[u8]>>, Failure> {
        let bytes = row.bytes_or_null(column)?;
        self.bytes += bytes.map_or(0, <[u8]>::len);
        Ok(bytes.map(Arc::from))
    }

    /// What is wanted and not in the database is elsewhere, if it is small enough to be wanted.
    fn note_elsewhere(&mut self, row: &Row<'_>, fetched: &Fetched) -> Result<(), Failure> {
        let (uid, blob) = (fetched.message.uid, fetched.blob);
        let size = usize::try_from(fetched.message.size).unwrap_or(usize::MAX);
        if self.wants.header && fetched.header.is_none() {
            let bytes = row.uint(7)?;
            self.elsewhere.push(Elsewhere { uid, blob, bytes, what: What::Header });
            self.bytes += bytes;
        }
        if self.wants.body && fetched.body.is_none() && size <= limits::BODY_SLICE_BYTES_MAX {
            self.elsewhere.push(Elsewhere { uid, blob, bytes: size, what: What::Body });
        }
        // At least what the query counts, so that where that stops the batch is full.
        self.bytes += if self.wants.body { size } else { 0 };
        Ok(())
    }

    /// Adds the names of the keywords, read only if a message has one.
    fn finish(mut self, tx: &mut Tx<'_>) -> Result<Vec<Fetched>, Failure> {
        if self.messages.iter().any(|fetched| fetched.message.keywords.0 != 0) {
            let keywords = keywords::load(tx, self.mailbox)?;
            self.messages.iter_mut().for_each(|fetched| fetched.keywords = keywords.clone());
        }
        Ok(self.messages)
    }
}

#[cfg(test)]
pub(super) const MESSAGES_WITH_BODIES: &str = select_bodies!("messages");
