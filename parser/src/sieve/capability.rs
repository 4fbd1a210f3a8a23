//! The extensions a script may require, as a set of bits: asking for one costs no comparison of
//! strings, neither here nor in an interpreter.

use core::fmt;

macro_rules! capabilities {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// An extension that can be required here, or a comparator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Capability {
            $($(#[$doc])* $variant,)*
        }

        impl Capability {
            /// All of them, in the order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its capability string.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The one bit that stands for it.
            const fn bit(self) -> u64 {
                #[expect(clippy::as_conversions, reason = "its place in the list, below 64")]
                let place = self as u32;
                1_u64.wrapping_shl(place)
            }
        }
    };
}

capabilities! {
    /// RFC 5173.
    Body "body",
    /// RFC 5228 §2.7.3: known without being required.
    ComparatorAsciiCasemap "comparator-i;ascii-casemap",
    /// RFC 4790 §9.1.
    ComparatorAsciiNumeric "comparator-i;ascii-numeric",
    /// RFC 5228 §2.7.3: known without being required.
    ComparatorOctet "comparator-i;octet",
    /// RFC 5051.
    ComparatorUnicodeCasemap "comparator-i;unicode-casemap",
    /// RFC 6558.
    Convert "convert",
    /// RFC 3894.
    Copy "copy",
    /// RFC 5260 §4.
    Date "date",
    /// RFC 7352.
    Duplicate "duplicate",
    /// RFC 5293.
    EditHeader "editheader",
    /// RFC 5703 §6.
    Enclose "enclose",
    /// RFC 5228 §2.4.2.4.
    EncodedCharacter "encoded-character",
    /// RFC 5435.
    Enotify "enotify",
    /// RFC 5228 §5.4.
    Envelope "envelope",
    /// RFC 6009 §5.
    EnvelopeDeliverBy "envelope-deliverby",
    /// RFC 6009 §4.
    EnvelopeDsn "envelope-dsn",
    /// RFC 5183.
    Environment "environment",
    /// RFC 5429 §2.1.
    Ereject "ereject",
    /// RFC 6134.
    ExtLists "extlists",
    /// RFC 5703 §7.
    ExtractText "extracttext",
    /// RFC 8580.
    Fcc "fcc",
    /// RFC 5228 §4.1.
    FileInto "fileinto",
    /// RFC 5703 §3.
    ForEveryPart "foreverypart",
    /// RFC 5463.
    Ihave "ihave",
    /// RFC 5232.
    Imap4Flags "imap4flags",
    /// RFC 6785.
    ImapSieve "imapsieve",
    /// RFC 6609.
    Include "include",
    /// RFC 5260 §6.
    Index "index",
    /// RFC 5490 §3.
    Mailbox "mailbox",
    /// RFC 9042.
    MailboxId "mailboxid",
    /// RFC 5490 §3.
    MboxMetadata "mboxmetadata",
    /// RFC 5703 §4.
    Mime "mime",
    /// RFC 6009 §7.
    RedirectDeliverBy "redirect-deliverby",
    /// RFC 6009 §6.
    RedirectDsn "redirect-dsn",
    /// draft-murchison-sieve-regex-07.
    Regex "regex",
    /// RFC 5429 §2.2.
    Reject "reject",
    /// RFC 5231.
    Relational "relational",
    /// RFC 5703 §5.
    Replace "replace",
    /// RFC 5490 §4.
    ServerMetadata "servermetadata",
    /// RFC 5235 §3.2.
    SpamTest "spamtest",
    /// RFC 5235 §3.2.
    SpamTestPlus "spamtestplus",
    /// RFC 8579.
    SpecialUse "special-use",
    /// RFC 5233.
    Subaddress "subaddress",
    /// RFC 5230.
    Vacation "vacation",
    /// RFC 6131.
    VacationSeconds "vacation-seconds",
    /// RFC 5229.
    Variables "variables",
    /// RFC 5235 §3.3.
    VirusTest "virustest",
    /// `debug_log`, as Pigeonhole has it.
    DovecotDebug "vnd.dovecot.debug",
    /// Environment items of Pigeonhole, and the variables `env.`.
    DovecotEnvironment "vnd.dovecot.environment",
}

impl Capability {
    /// The one of this name; case matters (RFC 5228 §6).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|capability| capability.name() == name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    /// Those of RFC 5228 that need no name.
    pub const NONE: Self = Self(0);
    /// Every one there is.
    pub const ALL: Self = Self::of(Capability::ALL);

    /// These.
    pub const fn of(mut capabilities: &[Capability]) -> Self {
        let mut set = Self::NONE;
        while let [first, rest @ ..] = capabilities {
            set = set.with(*first);
            capabilities = rest;
        }
        set
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | capability.bit())
    }

    /// These but for one.
    #[must_use]
    pub const fn without(self, capability: Capability) -> Self {
        Self(self.0 & !capability.bit())
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Is it among them?
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// In the order of their names.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.iter().copied().filter(move |capability| self.has(*capability))
    }

    /// Takes one more.
    pub(super) const fn insert(&mut self, capability: Capability) {
        self.0 |= capability.bit();
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Capability::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn names_are_in_order_and_found() {
        let names: Vec<&str> = Capability::ALL.iter().map(|capability| capability.name()).collect();
        assert!(names.is_sorted() && names.len() < 64, "{names:?}");
        for &capability in Capability::ALL {
            assert_eq!(Capability::named(capability.name()), Some(capability));
        }
        assert_eq!(Capability::named("FileInto"), None); // RFC 5228 §6
    }

    #[test]
    fn sets() {
        let set = Capabilities::of(&[Capability::Copy, Capability::Body]);
        assert!(set.has(Capability::Copy) && !set.has(Capability::Date));
        assert_eq!(set.without(Capability::Copy), Capabilities::NONE.with(Capability::Body));
        assert_eq!(std::format!("{set:?}"), r#"{"body", "copy"}"#);
        assert_eq!(Capabilities::ALL.iter().count(), Capability::ALL.len());
    }
}
