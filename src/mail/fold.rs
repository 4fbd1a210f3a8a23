//! Case folding for search and sort: i;unicode-casemap (RFC 5051), with a fast path for ASCII.
//!
//! Two texts are equal if their folded forms are, and one contains the other if its folded form
//! does. Deviation: letters that only appear when a character is taken apart (`ﬀ`) are folded as
//! well, because who searches for `ff` means them.

use unicode_normalization::UnicodeNormalization;

/// The folded form.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends the folded form of `text`.
pub fn fold_into(text: &str, out: &mut String) {
    if text.is_ascii() {
        let before = out.len();
        out.push_str(text);
        if let Some(added) = out.get_mut(before..) {
            added.make_ascii_uppercase();
        }
        return;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let (plain, tail) = rest.split_at(ascii);
        let before = out.len();
        out.push_str(plain);
        if let Some(added) = out.get_mut(before..) {
            added.make_ascii_uppercase();
        }
        let other = tail.bytes().position(|byte| byte.is_ascii()).unwrap_or(tail.len());
        let (other, tail) = tail.split_at(other);
        // RFC 5051 §2: first case, then the compatibility decomposition.
        out.extend(other.chars().map(upper).nfkd().map(upper));
        rest = tail;
    }
}

/// The one character that is its upper case, if it is one.
fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(left: &str, right: &str) {
        assert_eq!(fold(left), fold(right), "{left} {right}");
    }

    #[test] // RFC 5051 §2
    fn equal_texts() {
        same("Hello", "hELLO");
        same("ÄÖÜ", "äöü");
        same("ä", "a\u{308}");
        same("a\u{323}\u{307}", "A\u{307}\u{323}");
        same("ΑΓΆΠΗ", "αγάπη");
        same("Ŀ", "l\u{b7}");
        same("ﬀ", "FF");
        same("ǆ", "Ǆ");
        same("Жук", "жУК");
        same("ｆｕｌｌ", "full");
        same("σς", "ΣΣ");
        assert_ne!(fold("a"), fold("ä"));
        assert_ne!(fold("ß"), fold("ss")); // RFC 5051 knows simple mappings only
        assert_eq!(fold(""), "");
    }
}
