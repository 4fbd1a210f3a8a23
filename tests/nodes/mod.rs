//! Several nodes on one database: what one does, the others serve at once, and tell their clients.
//!
//! On PostgreSQL only, with `SORA_TEST_DATABASE=postgres`.

mod leases;
mod production;
mod told;
