//! How much one run of a script may do. All of it is counted, nothing is timed: the same script on
//! the same message stops at the same place, on every machine.

use super::run::Halt;
use crate::limits;

/// Bounds of one run. What goes beyond is a run-time error, so the message is kept (RFC 5228
/// §2.10.6); only strings are cut silently, as RFC 5229 §6 wants.
///
/// ```
/// let limits = sora::sieve::Limits { redirects_max: 1, ..Default::default() };
/// assert!(limits.actions_max > limits.redirects_max);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Actions that do something, merged ones counted once (RFC 5228 §2.10.4), with those of the scripts
    /// before; so are the next.
    pub actions_max: usize,
    /// Messages sent on by `redirect` (RFC 5228 §4.2), and by `notify` as many.
    pub redirects_max: usize,
    /// Scripts included, each time counted (RFC 6609 §3.1).
    pub includes_max: usize,
    /// Scripts that include each other, the first counted; at least three (RFC 6609 §3.1).
    pub include_depth_max: usize,
    /// Global variables; a script's own are counted when it is compiled.
    pub globals_max: usize,
    /// Bytes of one string after its variables are put in; at least 4,000 (RFC 5229 §6).
    pub string_bytes_max: usize,
    /// Bytes of all variables.
    pub variables_bytes_max: usize,
    /// Commands and tests that may be run.
    pub instructions_max: u64,
    /// Bytes that matching, decoding and editing may look at.
    pub match_steps_max: u64,
    /// Changes to header fields and parts.
    pub edits_max: usize,
    /// Bytes of the message with its changes, beyond its own size.
    pub added_bytes_max: usize,
    /// Bytes of all changed copies of the message that actions are about; one there may always be.
    pub copied_bytes_max: usize,
    /// Questions to the mail store.
    pub questions_max: usize,
    /// Lines of trace and of `debug_log`.
    pub trace_lines_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            actions_max: limits::SIEVE_ACTIONS_MAX,
            redirects_max: limits::SIEVE_REDIRECTS_MAX,
            includes_max: limits::SIEVE_INCLUDES_MAX,
            include_depth_max: limits::SIEVE_INCLUDE_DEPTH_MAX,
            globals_max: limits::SIEVE_GLOBALS_MAX,
            string_bytes_max: limits::SIEVE_STRING_BYTES_MAX,
            variables_bytes_max: limits::SIEVE_VARIABLES_BYTES_MAX,
            instructions_max: limits::SIEVE_INSTRUCTIONS_MAX,
            match_steps_max: limits::SIEVE_MATCH_STEPS_MAX,
            edits_max: limits::SIEVE_EDITS_MAX,
            added_bytes_max: limits::SIEVE_ADDED_BYTES_MAX,
            copied_bytes_max: limits::SIEVE_COPIED_BYTES_MAX,
            questions_max: limits::SIEVE_QUESTIONS_MAX,
            trace_lines_max: limits::SIEVE_TRACE_LINES_MAX,
        }
    }
}

/// What is left of the two budgets.
#[derive(Debug)]
pub(super) struct Budget {
    instructions: u64,
    match_steps: u64,
}

impl Budget {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self { instructions: limits.instructions_max, match_steps: limits.match_steps_max }
    }

    /// One more command or test.
    pub(super) fn instruction(&mut self) -> Result<(), Halt> {
        match self.instructions.checked_sub(1) {
            Some(left) => {
                self.instructions = left;
                Ok(())
            }
            None => Err(Halt::error("the script does too much: its instructions are used up")),
        }
    }

    /// So many bytes are about to be looked at.
    pub(super) fn steps(&mut self, bytes: usize) -> Result<(), Halt> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(1);
        match self.match_steps.checked_sub(bytes) {
            Some(left) => {
                self.match_steps = left;
                Ok(())
            }
            None => Err(Halt::error("the script compares too much: its steps are used up")),
        }
    }
}
