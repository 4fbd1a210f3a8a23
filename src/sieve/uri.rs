//! Percent-encoding (RFC 3986 §2.1).

use std::fmt::Write as _;

/// `%XX` undone; what has not that form stays.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = match tail {
            [high, low, ..] if byte == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        rest = match escaped {
            Some((high, low)) => {
                octets.push(high * 16 + low);
                tail.get(2..).unwrap_or_default()
            }
            None => {
                octets.push(byte);
                tail
            }
        };
    }
    octets
}

/// Every octet that is not unreserved (RFC 3986 §2.3) as `%XX`: the modifier of RFC 5435 §6.
pub(super) fn encode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for &octet in octets {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            text.push(char::from(octet));
        } else {
            // Writing to a String cannot fail.
            let _written = write!(text, "%{octet:02X}");
        }
    }
    text
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent() {
        assert_eq!(encode("Safe body&evil=\u{e4}~".as_bytes()), "Safe%20body%26evil%3D%C3%A4~");
        assert_eq!(decode("a%20%c3%A4%2%zz%"), "a \u{e4}%2%zz%".as_bytes());
    }
}
