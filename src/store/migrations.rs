//! The schema: numbered steps, forward only, run under the write lock at start.

use super::Failure;
use super::engine::{Db, Value};
use crate::crash_point;

/// Every step, in order; the schema's version is how many have been run.
const STEPS: [&str; 2] = [
    include_str!("../../migrations/0001_mail.sql"),
    include_str!("../../migrations/0002_retention.sql"),
];

const DOING: &str = "bringing the schema up to date";

/// Brings the schema up to date, all or nothing. A schema newer than this program is refused.
pub(super) fn run(db: &mut Db) -> Result<(), Failure> {
    run_steps(db, &STEPS)
}

pub(super) fn run_steps(db: &mut Db, steps: &[&str]) -> Result<(), Failure> {
    db.command("BEGIN IMMEDIATE", DOING)?;
    let done = steps_missing(db, steps).and_then(|missing| {
        missing.iter().try_for_each(|step| {
            db.script(step, DOING)?;
            crash_point!("migration: a step run, not committed");
            let mut tx = db.tx(DOING);
            tx.execute("UPDATE schema_version SET version = version + 1", &[]).map(drop)
        })
    });
    match done {
        Ok(()) => db.command("COMMIT", DOING),
        Err(failure) => {
            let undone = db.command("ROLLBACK", DOING);
            undone.and(Err(failure))
        }
    }
}

fn steps_missing<'s>(db: &mut Db, steps: &'s [&'s str]) -> Result<&'s [&'s str], Failure> {
    db.script("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)", DOING)?;
    let mut tx = db.tx(DOING);
    let found = tx.query_one("SELECT version FROM schema_version", &[], |row| row.int(0))?;
    let version = match found {
        Some(version) => version,
        None => {
            tx.execute("INSERT INTO schema_version (version) VALUES ($1)", &[Value::Int(0)])?;
            0
        }
    };
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    steps.get(done..).ok_or(Failure::SchemaTooNew { found: version, known })
}
