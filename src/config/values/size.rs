//! Numbers of bytes.

use std::fmt;

use super::{Given, Value, quoted, whole};

/// A number of bytes. Written `25mb`, `16 kb`, `1gb` (1024-based) or as bare bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    const UNITS: [(&str, u64); 5] =
        [("tb", 1 << 40), ("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10), ("b", 1)];

    /// So many times 1024 bytes.
    pub const fn kibi(count: u64) -> Self {
        Self(count << 10)
    }

    /// So many times 1024 × 1024 bytes.
    pub const fn mebi(count: u64) -> Self {
        Self(count << 20)
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let (digits, unit) = Self::UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim_end(), *unit)))
            .unwrap_or((&text, 1));
        // `i64`: what a file can hold, and a database
        let bytes = whole(digits)?.checked_mul(unit).filter(|bytes| i64::try_from(*bytes).is_ok());
        bytes.map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |unit: u64| self.0 >= unit && self.0.is_multiple_of(unit);
        match Self::UNITS.iter().find(|(_, unit)| fits(*unit)) {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}b", self.0),
        }
    }
}

impl Value for Size {
    fn expected(&self) -> &'static str {
        "a size such as \"25mb\", \"16kb\" or a number of bytes"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = match given {
            Given::Integer(bytes) => Self(u64::try_from(bytes).ok()?),
            given => Self::parse(given.text()?)?,
        };
        Some(())
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}
