//! Every test that is not beside the code, in one binary (docs/testing.md).
#![cfg(test)]
// Tests wait for real sockets and real programs: the clock is theirs to read.
#![allow(clippy::disallowed_methods, reason = "a test times what it waits for")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test data is small and known"
)]

mod clients;
mod contract;
mod crash;
mod daemon;
mod faults;
mod import;
mod nodes;
mod objects;
mod outbox;
mod programs;
mod roundtrip;
mod s3;
mod settings;
mod simulation;
mod support;
mod tidy;
mod transcripts;
