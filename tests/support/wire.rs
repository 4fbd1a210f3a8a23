//! Where a response ends.

/// The length of the first whole response: a line, and unless all are `lines` its literals and what
/// follows them.
pub(crate) fn response_bytes(unread: &[u8], lines: bool) -> Option<usize> {
    let mut from = 0;
    loop {
        let line = unread.get(from..)?;
        let end = line.windows(2).position(|two| two == b"\r\n")? + 2;
        let literal = line.get(..end - 2)?.strip_suffix(b"}").and_then(|line| {
            let open = line.iter().rposition(|byte| *byte == b'{')?;
            std::str::from_utf8(line.get(open + 1..)?).ok()?.parse::<usize>().ok()
        });
        from += end;
        match literal {
            Some(size) if !lines => from += size,
            _ => return (from <= unread.len()).then_some(from),
        }
    }
}
