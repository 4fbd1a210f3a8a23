//! Case folding for search and sort: i;unicode-casemap (RFC 5051), with a fast path for ASCII.
//!
//! Two texts are equal if their folded forms are, and one contains the other if its folded form
//! does. Deviation: letters that only appear when a character is taken apart (`ﬀ`) are folded as
//! well, because who searches for `ff` means them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};

/// The folded form.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends the folded form of `text`.
pub fn fold_into(text: &str, out: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        let (plain, tail) = rest.split_at(ascii_len(rest.as_bytes()));
        let before = out.len();
        out.push_str(plain);
        if let Some(added) = out.get_mut(before..) {
            added.make_ascii_uppercase();
        }
        let other = tail.bytes().position(|byte| byte.is_ascii()).unwrap_or(tail.len());
        let (other, tail) = tail.split_at(other);
        fold_other(other, out);
        rest = tail;
    }
}

/// The first `bytes` or a little less of `text`, and the rest: cut where both fold as they do together,
/// that is not before a mark, unless there are that many marks in a row.
pub fn split(text: &str, bytes: usize) -> (&str, &str) {
    if text.len() <= bytes {
        return (text, "");
    }
    let end = text.floor_char_boundary(bytes);
    let is_start = |at: usize| {
        let mut is_mark = false;
        if let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
            let mut first = true;
            decompose_compatible(upper(c), |c| {
                is_mark |= first && canonical_combining_class(c) != 0;
                first = false;
            });
        }
        !is_mark
    };
    let starts = (end / 2..=end).rev().filter(|at| text.is_char_boundary(*at) && *at > 0);
    let at = starts.into_iter().find(|at| is_start(*at)).unwrap_or(end);
    text.split_at(at)
}

/// Bytes before the first that is not ASCII, looked at many at a time.
fn ascii_len(bytes: &[u8]) -> usize {
    let mut len = 0;
    for chunk in bytes.chunks(32) {
        if !chunk.is_ascii() {
            return len + chunk.iter().position(|byte| !byte.is_ascii()).unwrap_or(0);
        }
        len += chunk.len();
    }
    len
}

/// RFC 5051 §2: first case, then the compatibility decomposition.
///
/// A character at a time is much faster than the general way, which is needed only where two marks
/// follow each other: then they have an order.
fn fold_other(text: &str, out: &mut String) {
    let before = out.len();
    let (mut marks, mut in_order) = (0_u8, true);
    for c in text.chars() {
        decompose_compatible(upper(c), |c| {
            out.push(upper(c));
            marks = if canonical_combining_class(c) == 0 { 0 } else { marks.saturating_add(1) };
            in_order &= marks < 2;
        });
    }
    if !in_order {
        out.truncate(before);
        out.extend(text.chars().map(upper).nfkd().map(upper));
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

    #[test]
    fn pieces_fold_as_the_whole() {
        let text = "xa\u{323}\u{307}\u{e4}\u{1e69}\u{307}\u{fdfa}\u{ac01}\u{f73}\u{307}b".repeat(3);
        for bytes in 8..text.len() {
            let (mut rest, mut folded) = (text.as_str(), String::new());
            while !rest.is_empty() {
                let (piece, tail) = split(rest, bytes);
                assert!(!piece.is_empty() && piece.len() <= bytes);
                fold_into(piece, &mut folded);
                rest = tail;
            }
            assert_eq!(folded, fold(&text), "{bytes}");
        }
    }

    #[test] // RFC 5051 §2
    fn equal_texts() {
        same("Hello", "hELLO");
        same("ÄÖÜ", "äöü");
        same("ä", "a\u{308}");
        same("a\u{323}\u{307}", "A\u{307}\u{323}");
        same("ä\u{323}\u{307}é", "A\u{323}\u{308}\u{307}É");
        same("x\u{307}\u{323} – y", "X\u{323}\u{307} – Y");
        same("ΑΓΆΠΗ", "αγάπη");
        same("각", "\u{1100}\u{1161}\u{11a8}");
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
