//! Which script FILTER applies (draft-bosch-imap-filter-sieve).

use super::Str;

/// `filter-spec` (draft-bosch-imap-filter-sieve-00 §3.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SieveFilter<'a> {
    /// DELIVERY: what is done to mail that is delivered.
    Delivery,
    /// PERSONAL: a script of the user's own, by name.
    Personal(Str<'a>),
    /// GLOBAL: a script of the site's, by name.
    Global(Str<'a>),
    /// SCRIPT: the script itself.
    Script(Str<'a>),
}
