//! What stands behind the addresses of version 2: type, length, value (§2.2.1 and following).

use crate::cursor::Cursor;
use crate::steps;

use super::HeaderError;

/// Bytes of a unique identifier (§2.2.5).
pub const UNIQUE_ID_BYTES_MAX: usize = 128;

const CRC32C: u8 = 0x03;

/// One thing more that a proxy tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tlv<'a> {
    /// §2.2.1: the protocol inside, as TLS negotiated it.
    Alpn(&'a [u8]),
    /// §2.2.2: the host the client asked for, which is its SNI if it spoke TLS.
    Authority(&'a [u8]),
    /// §2.2.5: what the proxy calls the connection, at most [`UNIQUE_ID_BYTES_MAX`] bytes.
    UniqueId(&'a [u8]),
    /// §2.2.6: the client spoke TLS to the proxy, or could have.
    Ssl(Ssl<'a>),
    /// §2.2.7: the network namespace.
    NetNs(&'a [u8]),
    /// Any other.
    Other {
        /// What it is.
        kind: u8,
        /// What it says.
        value: &'a [u8],
    },
}

/// What the proxy knows of the client's TLS (§2.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ssl<'a> {
    client: u8,
    verify: u32,
    more: &'a [u8],
}

impl<'a> Ssl<'a> {
    /// The client came over TLS.
    pub const fn is_tls(&self) -> bool {
        self.client & 0x01 != 0
    }

    /// It showed a certificate on this connection.
    pub const fn has_certificate(&self) -> bool {
        self.client & 0x02 != 0
    }

    /// It showed one in this TLS session: on this connection or one before.
    pub const fn had_certificate(&self) -> bool {
        self.client & 0x04 != 0
    }

    /// It showed a certificate and the proxy found it right.
    pub const fn is_verified(&self) -> bool {
        self.had_certificate() && self.verify == 0
    }

    /// The version of TLS: `TLSv1.3`.
    pub fn version(&self) -> Option<&'a [u8]> {
        self.find(0x21)
    }

    /// The common name of the client's certificate.
    pub fn common_name(&self) -> Option<&'a [u8]> {
        self.find(0x22)
    }

    /// The cipher.
    pub fn cipher(&self) -> Option<&'a [u8]> {
        self.find(0x23)
    }

    fn find(&self, wanted: u8) -> Option<&'a [u8]> {
        Raw::new(self.more).find_map(|(kind, value)| (kind == wanted).then_some(value))
    }
}

/// All of them, in their order; each is whole and what its type says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tlvs<'a> {
    bytes: &'a [u8],
}

impl<'a> Tlvs<'a> {
    /// Checks what stands behind the addresses in `header`, which is a whole one.
    pub(super) fn new(bytes: &'a [u8], header: &[u8]) -> Result<Self, HeaderError> {
        let (mut raw, mut summed) = (Raw::new(bytes), false);
        while let Some((kind, value)) = raw.next() {
            if kind != CRC32C {
                tlv(kind, value).ok_or(HeaderError::Syntax("a TLV as its type has it"))?;
            } else if core::mem::replace(&mut summed, true) {
                return Err(HeaderError::Syntax("one checksum")); // each costs a look at everything
            } else {
                verify(header, value, raw.rest.len())?;
            }
        }
        let whole = raw.rest.is_empty();
        whole.then_some(Self { bytes }).ok_or(HeaderError::Syntax("a TLV within the header"))
    }

    /// One after the other; padding and the checksum, which was right, are left out.
    pub fn iter(&self) -> impl Iterator<Item = Tlv<'a>> + Clone + 'a {
        const NOOP: u8 = 0x04;
        let told = Raw::new(self.bytes).filter(|(kind, _)| !matches!(*kind, CRC32C | NOOP));
        told.filter_map(|(kind, value)| tlv(kind, value))
    }

    /// What the proxy knows of the client's TLS.
    pub fn ssl(&self) -> Option<Ssl<'a>> {
        self.iter().find_map(|tlv| match tlv {
            Tlv::Ssl(ssl) => Some(ssl),
            _ => None,
        })
    }
}

/// `struct pp2_tlv`, one after the other, for as long as they are whole.
#[derive(Clone, Debug)]
struct Raw<'a> {
    rest: &'a [u8],
}

impl<'a> Raw<'a> {
    const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for Raw<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        steps::took(1);
        let (&[kind, high, low], rest) = self.rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some((kind, value))
    }
}

fn tlv(kind: u8, value: &[u8]) -> Option<Tlv<'_>> {
    Some(match kind {
        0x01 => Tlv::Alpn(value),
        0x02 => Tlv::Authority(value),
        0x05 if value.len() > UNIQUE_ID_BYTES_MAX => return None,
        0x05 => Tlv::UniqueId(value),
        0x20 => Tlv::Ssl(ssl(value)?),
        0x30 => Tlv::NetNs(value),
        kind => Tlv::Other { kind, value },
    })
}

/// `struct pp2_tlv_ssl` — §2.2.6.
fn ssl(value: &[u8]) -> Option<Ssl<'_>> {
    let mut cursor = Cursor::new(value);
    let &[client] = cursor.take(1, "").ok()?.as_array()?;
    let &verify = cursor.take(4, "").ok()?.as_array()?;
    let mut raw = Raw::new(cursor.rest());
    raw.by_ref().for_each(drop);
    let whole = raw.rest.is_empty();
    whole.then(|| Ssl { client, verify: u32::from_be_bytes(verify), more: cursor.rest() })
}

/// The checksum of the whole header, with zeros where `told` stands in it, must be `told` (§2.2.3).
/// `behind` bytes follow it.
fn verify(header: &[u8], told: &[u8], behind: usize) -> Result<(), HeaderError> {
    let Some(&told) = told.as_array::<4>() else {
        return Err(HeaderError::Syntax("a checksum of 4 bytes"));
    };
    let end = header.len().saturating_sub(behind);
    let (before, after) = header.split_at_checked(end).unwrap_or_default();
    let before = before.get(..end.saturating_sub(4)).unwrap_or_default();
    let sum = crc32c(crc32c(crc32c(!0, before), &[0; 4]), after);
    if !sum == u32::from_be_bytes(told) { Ok(()) } else { Err(HeaderError::Checksum) }
}

/// CRC-32C (iSCSI's checksum), begun with `!0`, to be inverted at the end.
fn crc32c(sum: u32, bytes: &[u8]) -> u32 {
    steps::took(bytes.len());
    bytes.iter().fold(sum, |sum, &byte| {
        let [low, ..] = (sum ^ u32::from(byte)).to_le_bytes();
        CRC.get(usize::from(low)).copied().unwrap_or_default() ^ sum >> 8
    })
}

/// What each byte does to the sum.
static CRC: [u32; 256] = crc();

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "run by the compiler"
)]
const fn crc() -> [u32; 256] {
    const POLYNOMIAL: u32 = 0x82f6_3b78; // of Castagnoli, its bits turned round
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = (byte as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { POLYNOMIAL ^ sum >> 1 } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use alloc::{format, vec};

    fn one(kind: u8, value: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[kind, high, low], value].concat()
    }

    fn show(tlv: Tlv<'_>) -> String {
        match tlv {
            Tlv::Alpn(value) => format!("alpn {}", value.escape_ascii()),
            Tlv::Authority(value) => format!("authority {}", value.escape_ascii()),
            Tlv::UniqueId(value) => format!("id {}", value.escape_ascii()),
            Tlv::NetNs(value) => format!("netns {}", value.escape_ascii()),
            Tlv::Other { kind, value } => format!("{kind} {}", value.escape_ascii()),
            Tlv::Ssl(ssl) => {
                let text = |value: Option<&[u8]>| value.unwrap_or(b"-").escape_ascii().to_string();
                let flags = [ssl.is_tls(), ssl.has_certificate(), ssl.is_verified()];
                let (version, name) = (text(ssl.version()), text(ssl.common_name()));
                format!("ssl {flags:?} {version} {name} {}", text(ssl.cipher()))
            }
        }
    }

    #[track_caller]
    fn check(bytes: &[u8], want: &[&str]) {
        let told = match Tlvs::new(bytes, bytes) {
            Ok(tlvs) => tlvs.iter().map(show).collect(),
            Err(error) => vec![error.to_string()],
        };
        assert_eq!(told, want, "{}", bytes.escape_ascii());
    }

    #[test]
    fn values() {
        check(b"", &[]);
        check(&one(0x01, b"imap"), &["alpn imap"]);
        let bytes = [one(0x02, b"mx"), one(0x04, b"xxx"), one(0xe0, b""), one(0x05, b"i")].concat();
        check(&bytes, &["authority mx", "224 ", "id i"]);
        check(&one(0x30, b"blue"), &["netns blue"]);
        check(&one(0x05, &[b'x'; 128]), &[&format!("id {}", "x".repeat(128))]);
        check(&one(0x05, &[b'x'; 129]), &["PROXY header: expected a TLV as its type has it"]);
        for cut in 1..4 {
            check(&one(0x02, b"m")[..cut], &["PROXY header: expected a TLV within the header"]);
        }
        check(b"\x02\xff\xffmx", &["PROXY header: expected a TLV within the header"]);
    }

    #[test]
    fn tls() {
        let ssl = |client, verify: u32, more: &[u8]| {
            one(0x20, &[&[client], &verify.to_be_bytes()[..], more].concat())
        };
        let more = [one(0x21, b"TLSv1.3"), one(0x22, b"me"), one(0x23, b"AES")].concat();
        check(&ssl(7, 0, &more), &["ssl [true, true, true] TLSv1.3 me AES"]);
        check(&ssl(1, 0, b""), &["ssl [true, false, false] - - -"]); // nobody showed a certificate
        check(&ssl(7, 1, b""), &["ssl [true, true, false] - - -"]);
        check(&ssl(0, 0, b""), &["ssl [false, false, false] - - -"]);
        let wrong = "PROXY header: expected a TLV as its type has it";
        check(&one(0x20, &[7, 0, 0, 0]), &[wrong]);
        check(&ssl(7, 0, b"\x21\0\x02x"), &[wrong]);
    }

    #[test] // §2.2.3
    fn checksums() {
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
        let (before, after) = (one(0x02, b"mx"), one(0x05, b"id"));
        let mut bytes = [before.as_slice(), &one(0x03, &[0; 4]), &after].concat();
        let wrong = ["PROXY header: wrong checksum"];
        check(&bytes, &wrong);
        let at = before.len() + 3;
        let sum = (!crc32c(!0, &bytes)).to_be_bytes();
        bytes[at..at + 4].copy_from_slice(&sum);
        check(&bytes, &["authority mx", "id id"]);
        let kind = before.len(); // another type would make it no checksum
        for place in (0..bytes.len()).filter(|place| *place != kind) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x10;
            assert!(Tlvs::new(&damaged, &damaged).is_err(), "{place}");
        }
        check(&one(0x03, &[0; 3]), &["PROXY header: expected a checksum of 4 bytes"]);
        let twice = [bytes.clone(), one(0x03, &[0; 4])].concat();
        assert!(Tlvs::new(&twice, &twice).is_err());
    }
}
