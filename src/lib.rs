//! Sora: a mail store. The modules in floor order; each may use lower floors only (ARCHITECTURE.md).

// 1
pub mod crash;
pub mod error;
pub mod limits;
pub mod model;
// 2
pub mod mail;
pub mod s3;
// 3
pub mod config;
pub mod job;
pub mod sieve;
// 4
pub mod session;
pub mod store;
// 5
pub mod work;
// 6
pub mod net;
// 7
pub mod admin;
pub mod logging;
// Above all: the embedding API, and what the daemon does when it is started for the first time.
pub mod first_run;
mod server;

pub use server::{AccountError, Builder, Handle, Server, StartError};
