//! Names of Sieve scripts.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// What a script is called: 1 to 128 characters without control characters, in Normalization Form C
/// so that names that look alike are one (RFC 5804 §1.6, RFC 5198 §3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScriptName(String);

impl ScriptName {
    /// `None` if no script can be called so.
    pub fn new(name: &str) -> Option<Self> {
        let composed: String = name.nfc().collect();
        let name = parser::managesieve::ScriptName::new(Cow::Owned(composed.into_bytes())).ok()?;
        Some(Self(name.into_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // pitfall 127
    fn names() {
        let name = |text| ScriptName::new(text).map(|name| name.0);
        assert_eq!(name("out of office").as_deref(), Some("out of office"));
        assert_eq!(name("u\u{308}ber"), name("\u{fc}ber"));
        assert_ne!(name("Main"), name("main"));
        for wrong in ["", "a\nb", "\u{7f}", &"x".repeat(129)] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
    }
}
