//! A connection that hears what is said on our channel, and one statement that says it.

use std::time::{Duration, Instant};

use super::connection::Db;
use super::{Postgres, trouble};
use crate::store::Failure;
use crate::store::failure::DatabaseError;

/// A connection of its own, outside the pool.
pub(in crate::store) struct Line(Db);

impl Postgres {
    /// Listens, from here on.
    pub(in super::super) fn listen(&self) -> Result<Line, Failure> {
        const DOING: &str = "listening to other nodes";
        let connected = Db::connect_as(&self.shared, "sora: listening");
        let mut db = connected.map_err(|error| trouble::failure(DOING, error))?;
        db.command("LISTEN sora", DOING)?;
        Ok(Line(db))
    }
}

impl Line {
    /// The next that is said within `wait`.
    #[expect(clippy::disallowed_methods, reason = "one that ends early has ended for good")]
    pub(in crate::store) fn next(&mut self, wait: Duration) -> Result<Option<String>, Failure> {
        const DOING: &str = "hearing other nodes";
        let began = Instant::now();
        match self.0.hear(wait) {
            Ok(Some(payload)) => Ok(Some(payload)),
            Ok(None) if began.elapsed() >= wait => Ok(None),
            Ok(None) => Err(Failure::Database { doing: DOING, source: DatabaseError::Ended }),
            Err(error) => Err(trouble::failure(DOING, error)),
        }
    }
}
