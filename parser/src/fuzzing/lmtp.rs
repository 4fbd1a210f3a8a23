//! LMTP: commands, and the dots of DATA.

use alloc::vec::Vec;

use crate::lmtp::{self, DotStream};

/// A command's addresses are clean and within their bounds.
pub fn lmtp_command(input: &[u8]) {
    let Some((line, taken)) = lmtp::line(input) else { return };
    assert!(taken > line.len() && taken <= input.len());
    let path = match lmtp::command(line) {
        Ok(lmtp::Command::Mail(mail)) => mail.from,
        Ok(lmtp::Command::Rcpt(rcpt)) => rcpt.to,
        _ => return,
    };
    assert!(path.local().len() <= lmtp::LOCAL_PART_BYTES_MAX);
    assert!(path.domain().is_none_or(|domain| domain.len() <= lmtp::DOMAIN_BYTES_MAX));
    assert!(!path.as_str().bytes().any(|byte| byte.is_ascii_control()));
    assert!(path.local_unquoted().len() <= path.local().len());
}

/// Splits change nothing, and a message stuffed as RFC 5321 §4.5.2 says comes back whole.
pub fn lmtp_dots(input: &[u8]) {
    let Some((&at, input)) = input.split_first() else { return };
    let mut whole = Vec::new();
    let fed = DotStream::new().feed(input, &mut whole);
    let (left, right) = input.split_at(usize::from(at).min(input.len()));
    let (mut stream, mut parts) = (DotStream::new(), Vec::new());
    let first = stream.feed(left, &mut parts);
    let second = stream.feed(right, &mut parts);
    assert_eq!((&parts, second.ended), (&whole, fed.ended));
    assert_eq!(first.consumed + second.consumed, fed.consumed);

    let mut stuffed = Vec::new();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let starts_line = stuffed.is_empty() || stuffed.ends_with(b"\r\n");
        if starts_line && line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    if !stuffed.is_empty() && !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    let len = stuffed.len();
    stuffed.extend_from_slice(b".\r\nQUIT\r\n");
    let mut message = Vec::new();
    let fed = DotStream::new().feed(&stuffed, &mut message);
    assert_eq!((fed.consumed, fed.ended), (len + 3, true));
    assert!(message.starts_with(input) && message.len() <= input.len() + 2);
}
