//! Is it a parenthesised list as RFC 9051 §9 writes one? Strings, literals, numbers, atoms, lists.

/// True if `text` is exactly one list.
pub(crate) fn is_list(text: &[u8]) -> bool {
    matches!(item(text, 0), Some(rest) if rest.is_empty()) && text.first() == Some(&b'(')
}

/// Reads one item and gives the rest.
fn item(text: &[u8], depth: usize) -> Option<&[u8]> {
    if depth > 200 {
        return None;
    }
    match text.first()? {
        b'(' => {
            let mut rest = &text[1..];
            loop {
                rest = match rest.first()? {
                    b')' => return Some(&rest[1..]),
                    b' ' => &rest[1..],
                    _ => item(rest, depth + 1)?,
                };
            }
        }
        b'"' => {
            let mut at = 1;
            loop {
                match text.get(at)? {
                    b'"' => return text.get(at + 1..),
                    b'\\' => at += 2,
                    b'\r' | b'\n' => return None,
                    _ => at += 1,
                }
            }
        }
        b'{' => {
            let end = text.iter().position(|byte| *byte == b'}')?;
            let size: usize = std::str::from_utf8(&text[1..end]).ok()?.parse().ok()?;
            text.get(end + 1..)?.strip_prefix(b"\r\n")?.get(size..)
        }
        _ => {
            let end = text.iter().position(|byte| b"() ".contains(byte)).unwrap_or(text.len());
            (end > 0 && text[..end].iter().all(u8::is_ascii_graphic)).then(|| &text[end..])
        }
    }
}

#[test]
fn lists() {
    for (text, want) in [
        ("(a (1 \"b\\\"c\" NIL) {3}\r\n(() ())", true),
        ("(a", false),
        ("(a))", false),
        ("(\"a)", false),
        ("a", false),
    ] {
        assert_eq!(is_list(text.as_bytes()), want, "{text}");
    }
}
