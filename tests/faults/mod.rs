//! What breaks in production, with mail flowing: nothing that was acknowledged is lost, nothing is
//! doubled, rows, bucket and bodies agree in the end (docs/operations.md has what an operator sees).
//!
//! Each test has nodes as processes over a real PostgreSQL and a real S3 server, senders that come
//! again until they are answered, and readers that check what they are given. They wait for what
//! happens, not for time, and every loop ends.

mod bucket;
mod database;
mod disk;
mod mail;
mod nodes;
mod site;
