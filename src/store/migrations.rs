//! The schema: numbered steps, forward only, run under a lock at start.

use super::Failure;
use super::engine::{Schema, Value};
use crate::crash_point;

/// Every step, in order; the schema's version is how many have been run.
const STEPS: [&str; 11] = [
    include_str!("../../migrations/0001_mail.sql"),
    include_str!("../../migrations/0002_retention.sql"),
    include_str!("../../migrations/0003_objects.sql"),
    include_str!("../../migrations/0004_scripts.sql"),
    include_str!("../../migrations/0005_outgoing.sql"),
    include_str!("../../migrations/0006_metadata.sql"),
    include_str!("../../migrations/0007_imports.sql"),
    include_str!("../../migrations/0008_events.sql"),
    include_str!("../../migrations/0009_indexes.sql"),
    include_str!("../../migrations/0010_dead_letters.sql"),
    include_str!("../../migrations/0011_tries.sql"),
];

/// The version that this program makes.
#[cfg(test)]
pub(super) fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap()
}

const DOING: &str = "bringing the schema up to date";

/// Brings the schema up to date, all or nothing. A schema newer than this program is refused.
pub(super) fn run(schema: &mut Schema<'_>) -> Result<(), Failure> {
    run_steps(schema, &STEPS)
}

pub(super) fn run_steps(schema: &mut Schema<'_>, steps: &[&str]) -> Result<(), Failure> {
    // Most starts find nothing to do, and need not wait for anybody.
    if schema.is_there(DOING)? && steps_missing(schema, steps)?.is_empty() {
        return Ok(());
    }
    let mut is_told = false;
    loop {
        match run_missing(schema, steps) {
            Err(failure) if failure.is_locked_out() => {
                if !std::mem::replace(&mut is_told, true) {
                    log::warn!("store: {DOING} waits until a table is free: {failure}");
                }
                schema.pause(DOING)?;
            }
            result => return result,
        }
    }
}

fn run_missing(schema: &mut Schema<'_>, steps: &[&str]) -> Result<(), Failure> {
    schema.begin(DOING)?;
    let done = steps_missing_in_new(schema, steps).and_then(|missing| {
        missing.iter().try_for_each(|step| {
            schema.script(step, DOING)?;
            crash_point!("migration: a step run, not committed");
            let mut tx = schema.tx(DOING);
            tx.execute("UPDATE schema_version SET version = version + 1", &[]).map(drop)
        })
    });
    match done {
        Ok(()) => schema.end("COMMIT", DOING),
        Err(failure) => {
            let undone = schema.end("ROLLBACK", DOING);
            undone.and(Err(failure))
        }
    }
}

fn steps_missing_in_new<'s>(
    schema: &mut Schema<'_>,
    steps: &'s [&'s str],
) -> Result<&'s [&'s str], Failure> {
    schema.script("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)", DOING)?;
    steps_missing(schema, steps)
}

fn steps_missing<'s>(
    schema: &mut Schema<'_>,
    steps: &'s [&'s str],
) -> Result<&'s [&'s str], Failure> {
    let mut tx = schema.tx(DOING);
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
