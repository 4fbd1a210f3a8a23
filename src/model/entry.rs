//! Names of annotations (RFC 5464 §3.2), in the one form the store keeps.

use std::fmt;

use crate::limits::METADATA_NAME_BYTES_MAX;

/// The name of an entry, or of a place above entries: `/private` or `/shared`, and what is below, in
/// lower case, for case does not count (RFC 5464 §3.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(String);

/// How far below a name GETMETADATA looks (RFC 5464 §4.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// The entry itself.
    #[default]
    Itself,
    /// And those immediately below.
    Children,
    /// And all that are below.
    All,
}

impl EntryName {
    /// `None` if no entry can be called so, and none below it.
    pub fn new(text: &str) -> Option<Self> {
        let name = text.to_ascii_lowercase();
        let mut levels = name.strip_prefix('/')?.split('/');
        let scope = levels.next()?;
        let allowed = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'*' | b'%');
        let right = matches!(scope, "private" | "shared")
            && levels.all(|level| !level.is_empty())
            && name.bytes().all(|byte| allowed(&byte))
            && name.len() <= METADATA_NAME_BYTES_MAX;
        right.then_some(Self(name))
    }

    /// The special use of a mailbox (RFC 6154 §4).
    pub fn special_use() -> Self {
        Self("/private/specialuse".to_owned())
    }

    /// The script for events of a mailbox (RFC 6785 §2.3.1).
    pub fn event_script() -> Self {
        Self("/shared/imapsieve/script".to_owned())
    }

    /// A note about a mailbox or the server (RFC 5464 §3.2.1).
    pub fn shared_comment() -> Self {
        Self("/shared/comment".to_owned())
    }

    /// How to reach whoever runs the server (RFC 5464 §3.2.1.1).
    pub fn admin() -> Self {
        Self("/shared/admin".to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it can have a value: two levels at least, four in the space of a vendor (RFC 5464 §3.2).
    pub fn can_have_value(&self) -> bool {
        let mut levels = self.0.split('/').skip(2);
        match levels.next() {
            Some("vendor") => levels.count() >= 2,
            first => first.is_some(),
        }
    }

    /// Whether `other` is this name, or below it within `depth`.
    pub fn reaches(&self, other: &str, depth: Depth) -> bool {
        let Some(rest) = other.strip_prefix(self.as_str()) else { return false };
        match rest.strip_prefix('/') {
            None => rest.is_empty(),
            Some(below) => match depth {
                Depth::Itself => false,
                Depth::Children => !below.contains('/'),
                Depth::All => true,
            },
        }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // RFC 5464 §3.2
    fn names() {
        let name = |text: &str| EntryName::new(text).map(|name| name.0);
        assert_eq!(name("/Shared/Comment").as_deref(), Some("/shared/comment"));
        assert_eq!(name("/private/vendor/x/y z.1").as_deref(), Some("/private/vendor/x/y z.1"));
        assert_eq!(name("/private").as_deref(), Some("/private"), "to look below");
        let long = format!("/shared/{}", "x".repeat(METADATA_NAME_BYTES_MAX));
        let wrong = [
            "",
            "/",
            "shared/x",
            "/shared/",
            "/shared//x",
            "/x/y",
            "/shared/*",
            "/shared/a%",
            "/shared/\u{e9}",
            "/shared/\t",
            "/shareds/x",
            &long,
        ];
        for wrong in wrong {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
    }

    #[test] // RFC 5464 §3.2
    fn a_vendor_needs_four_levels() {
        let can = |text| EntryName::new(text).unwrap().can_have_value();
        assert!(can("/shared/comment") && can("/private/vendor/a/b") && can("/shared/vendors/a"));
        assert!(!can("/shared") && !can("/private/vendor") && !can("/shared/vendor/a"));
    }

    #[test] // RFC 5464 §4.2.2
    fn depth() {
        #[track_caller]
        fn check(name: &str, other: &str, want: [bool; 3]) {
            let name = EntryName::new(name).unwrap();
            let depths = [Depth::Itself, Depth::Children, Depth::All];
            assert_eq!(depths.map(|depth| name.reaches(other, depth)), want);
        }
        check("/shared/a", "/shared/a", [true; 3]);
        check("/shared/a", "/shared/a/b", [false, true, true]);
        check("/shared/a", "/shared/a/b/c", [false, false, true]);
        check("/shared/a", "/shared/ab", [false; 3]);
        check("/shared/a", "/shared", [false; 3]);
        check("/private", "/private/a", [false, true, true]);
    }
}
