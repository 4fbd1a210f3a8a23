//! Counts everything again (invariant 10).

use super::{Failure, Store};

impl Store {
    /// Every difference between what the rows say of each other and what they are, in plain words;
    /// none if all is well.
    pub fn check(&self) -> Result<Vec<String>, Failure> {
        Err(Failure::Closed)
    }
}
