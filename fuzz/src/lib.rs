//! The interpreter of Sieve without the server around it: the files of the library that it stands on,
//! by their paths, so that a fuzz target links neither SQLite nor TLS.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "the server uses the rest")]

#[path = "../../src/limits.rs"]
mod limits;
#[path = "../../src/mail/mod.rs"]
mod mail;
#[path = "../../src/model/mod.rs"]
mod model;
#[path = "../../src/sieve/mod.rs"]
mod sieve;

pub use sieve::fuzzing::interpreter as sieve_interpreter;
