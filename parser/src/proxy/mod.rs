//! The PROXY protocol, version 1 and 2: who a load balancer speaks for.
//!
//! The rule: [`header`] names how many bytes to read next, and never
//! more than the header has, so that what follows it (a TLS handshake, as a rule) stays in the
//! socket (pitfall 134); and a length is bounded before it is waited for. Whether the peer may say
//! such a thing at all is for the caller to know: whoever may can claim any address.
//!
//! ```
//! use parser::proxy::{Peer, Progress, header};
//!
//! let stream = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 143\r\na1 NOOP\r\n";
//! let Progress::Needs { bytes } = header(&stream[..6])? else { panic!() };
//! assert!(bytes <= 41); // never more than the header has
//! let Progress::Complete { bytes, peer, .. } = header(stream)? else { panic!() };
//! let Peer::Tcp { source, .. } = peer else { panic!() };
//! assert_eq!((bytes, source.to_string().as_str()), (41, "192.0.2.7:4711"));
//! # Ok::<(), parser::proxy::HeaderError>(())
//! ```
//!
//! Sections are those of HAProxy's `proxy-protocol.txt`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

mod tlv;

pub use tlv::{Ssl, Tlv, Tlvs, UNIQUE_ID_BYTES_MAX};

use crate::cursor::Cursor;
use crate::steps;

/// Bytes of a header of version 1, its CRLF included (§2.1: "the receiver must wait for the CRLF
/// and at most 107 characters").
pub const V1_BYTES_MAX: usize = 107;
/// Bytes of a header of version 2, all included. A length has 16 bits (§2.2); addresses take at
/// most 216 bytes, and what is usual in TLVs, some hundreds.
pub const V2_BYTES_MAX: usize = 4_096;

/// The shortest header there is: `PROXY UNKNOWN` and CRLF.
const V1_BYTES_MIN: usize = 15;
/// What version 1 starts with.
const V1_START: &[u8] = b"PROXY ";
/// What version 2 starts with (§2.2).
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length (§2.2).
const V2_FIXED_BYTES: usize = 16;
/// Bytes of a path in `proxy_addr` (§2.2).
const UNIX_PATH_BYTES: usize = 108;

/// What the input so far is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a header that is not acted upon stalls the connection"]
pub enum Progress<'a> {
    /// Nothing can be said before there are so many bytes, counted from the start of the header;
    /// more than there are now, and never more than the header has.
    Needs {
        /// Bytes, all in all.
        bytes: usize,
    },
    /// A whole header.
    Complete {
        /// Bytes it takes; what follows is the client's.
        bytes: usize,
        /// Whom the proxy speaks for.
        peer: Peer<'a>,
        /// What else it tells of the client; version 1 and LOCAL tell nothing.
        tlvs: Tlvs<'a>,
    },
}

/// Whom a proxy speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer<'a> {
    /// Itself (LOCAL: a health check), or it cannot tell (UNKNOWN, UNSPEC): use the addresses of
    /// the connection.
    Own,
    /// A client over TCP.
    Tcp {
        /// The client.
        source: SocketAddr,
        /// What it connected to; of the same family.
        destination: SocketAddr,
    },
    /// A client over a UNIX stream socket.
    Unix {
        /// The client's path up to the first NUL; usually empty.
        source: &'a [u8],
        /// The path it connected to, up to the first NUL.
        destination: &'a [u8],
    },
}

/// Why it is no header; the connection is to be closed (§2: "the receiver must not accept").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// It starts like neither version.
    NotProxy,
    /// It is a header, but breaks a rule; says what was expected.
    Syntax(&'static str),
    /// It is longer than [`V1_BYTES_MAX`] or [`V2_BYTES_MAX`].
    TooLong,
    /// Its checksum is not that of its bytes (§2.2.3).
    Checksum,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotProxy => f.write_str("not a PROXY header"),
            Self::Syntax(expected) => write!(f, "PROXY header: expected {expected}"),
            Self::TooLong => f.write_str("PROXY header: too long"),
            Self::Checksum => f.write_str("PROXY header: wrong checksum"),
        }
    }
}

impl core::error::Error for HeaderError {}

/// The header at the start of `input`: all bytes of the connection so far, possibly none.
///
/// Read up to the [`Progress::Needs`] it names, and call it again; at most [`V1_BYTES_MAX`] times.
pub fn header(input: &[u8]) -> Result<Progress<'_>, HeaderError> {
    if starts(input, V2_SIGNATURE) {
        v2(input)
    } else if starts(input, V1_START) {
        v1(input)
    } else {
        Err(HeaderError::NotProxy)
    }
}

/// True if `input` starts with `with`, as far as it goes.
fn starts(input: &[u8], with: &[u8]) -> bool {
    input.iter().zip(with).all(|(have, want)| have == want)
}

/// `"PROXY" SP ("TCP4" / "TCP6") SP source SP destination SP port SP port CRLF`, or
/// `"PROXY" SP "UNKNOWN" *OCTET CRLF` — §2.1.
fn v1(input: &[u8]) -> Result<Progress<'_>, HeaderError> {
    let head = input.get(..V1_BYTES_MAX).unwrap_or(input);
    let Some(end) = steps::find(b'\n', head) else {
        // What is sure to come: CRLF, or the LF of it. A CR has no other place.
        let missing = if input.last() == Some(&b'\r') { 1 } else { 2 };
        let bytes = input.len().saturating_add(missing).max(V1_BYTES_MIN);
        let fits = bytes <= V1_BYTES_MAX;
        return fits.then_some(Progress::Needs { bytes }).ok_or(HeaderError::TooLong);
    };
    let line = head.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").ok_or(HeaderError::Syntax("CRLF"))?;
    let mut cursor = Cursor::new(line.get(V1_START.len()..).unwrap_or_default());
    let protocol = cursor.take_while(|byte| byte != b' ');
    let peer = match protocol {
        b"UNKNOWN" => Peer::Own, // "the receiver must ignore anything presented before the CRLF"
        b"TCP4" => v1_addresses(&mut cursor, v4)?,
        b"TCP6" => v1_addresses(&mut cursor, v6)?,
        _ => return Err(HeaderError::Syntax("TCP4, TCP6 or UNKNOWN")),
    };
    let bytes = end.saturating_add(1);
    Ok(Progress::Complete { bytes, peer, tlvs: Tlvs::default() })
}

/// `SP source SP destination SP source-port SP destination-port` — §2.1.
fn v1_addresses(
    cursor: &mut Cursor<'_>,
    address: fn(&str) -> Option<IpAddr>,
) -> Result<Peer<'static>, HeaderError> {
    let (source, destination) = (v1_word(cursor, address)?, v1_word(cursor, address)?);
    let (source_port, destination_port) = (v1_word(cursor, port)?, v1_word(cursor, port)?);
    if !cursor.is_empty() {
        return Err(HeaderError::Syntax("CRLF"));
    }
    Ok(Peer::Tcp {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    })
}

/// One space, and a word that `parse` understands — §2.1.
fn v1_word<T>(
    cursor: &mut Cursor<'_>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, HeaderError> {
    let found = cursor.eat(b' ');
    let word = cursor.take_while(|byte| byte != b' ');
    let word = core::str::from_utf8(word).ok().filter(|_| found);
    word.and_then(parse).ok_or(HeaderError::Syntax("two addresses and two ports"))
}

fn v4(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

fn v6(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// A decimal number up to 65535 without leading zeros — §2.1.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    (plain && !leading).then(|| text.parse().ok()).flatten()
}

/// Signature, version and command, family, length, addresses, TLVs — §2.2.
fn v2(input: &[u8]) -> Result<Progress<'_>, HeaderError> {
    let Some((fixed, _)) = input.split_first_chunk::<V2_FIXED_BYTES>() else {
        // Until all of the signature is there, it may still be the shorter version 1.
        let bytes = if input.is_empty() { V1_BYTES_MIN } else { V2_FIXED_BYTES };
        return Ok(Progress::Needs { bytes });
    };
    let [.., version_and_command, family, high, low] = *fixed;
    let is_local = match version_and_command {
        0x20 => true,
        0x21 => false,
        _ => return Err(HeaderError::Syntax("version 2, LOCAL or PROXY")),
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let bytes = V2_FIXED_BYTES.saturating_add(length);
    if bytes > V2_BYTES_MAX {
        return Err(HeaderError::TooLong);
    }
    let Some(block) = input.get(V2_FIXED_BYTES..bytes) else {
        return Ok(Progress::Needs { bytes });
    };
    // The receiver of LOCAL "must discard the protocol block including the family".
    if is_local {
        return Ok(Progress::Complete { bytes, peer: Peer::Own, tlvs: Tlvs::default() });
    }
    let (peer, rest) = v2_addresses(family, block)?;
    let tlvs = Tlvs::new(rest, input.get(..bytes).unwrap_or_default())?;
    Ok(Progress::Complete { bytes, peer, tlvs })
}

/// `proxy_addr` by the family and the transport — §2.2, and what is behind it.
fn v2_addresses(family: u8, block: &[u8]) -> Result<(Peer<'_>, &[u8]), HeaderError> {
    let mut cursor = Cursor::new(block);
    let peer = match family {
        // UNSPEC: how long the addresses are, if there are some, nobody can say, so nothing is read.
        0x00 => return Ok((Peer::Own, &[])),
        0x11 => v2_ip(&mut cursor, |cursor| array(cursor).map(|ip: [u8; 4]| IpAddr::from(ip)))?,
        0x21 => v2_ip(&mut cursor, |cursor| array(cursor).map(|ip: [u8; 16]| IpAddr::from(ip)))?,
        0x31 => {
            let (source, destination) = (v2_path(&mut cursor)?, v2_path(&mut cursor)?);
            Peer::Unix { source, destination }
        }
        // Deviation: datagrams are valid there, but nothing here can have come in one.
        _ => return Err(HeaderError::Syntax("TCP over IPv4 or IPv6, or a UNIX stream")),
    };
    Ok((peer, cursor.rest()))
}

/// Two addresses, then two ports in network order — §2.2.
fn v2_ip<'a>(
    cursor: &mut Cursor<'a>,
    address: fn(&mut Cursor<'a>) -> Result<IpAddr, HeaderError>,
) -> Result<Peer<'a>, HeaderError> {
    let (source, destination) = (address(cursor)?, address(cursor)?);
    let (source_port, destination_port) = (array(cursor)?, array(cursor)?);
    Ok(Peer::Tcp {
        source: SocketAddr::new(source, u16::from_be_bytes(source_port)),
        destination: SocketAddr::new(destination, u16::from_be_bytes(destination_port)),
    })
}

/// A path of a UNIX socket, padded with NUL — §2.2.
fn v2_path<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], HeaderError> {
    let path = cursor.take(UNIX_PATH_BYTES, "a path").map_err(short)?;
    let end = memchr::memchr(0, path).unwrap_or(path.len());
    Ok(path.get(..end).unwrap_or_default())
}

fn array<const N: usize>(cursor: &mut Cursor<'_>) -> Result<[u8; N], HeaderError> {
    let bytes = cursor.take(N, "an address").map_err(short)?;
    bytes.try_into().map_err(|_| HeaderError::Syntax("addresses of the family"))
}

/// The length is too small for the addresses of the family.
const fn short(_: crate::Error) -> HeaderError {
    HeaderError::Syntax("addresses of the family")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    fn show(peer: Peer<'_>) -> String {
        match peer {
            Peer::Own => "own".to_string(),
            Peer::Tcp { source, destination } => format!("{source} to {destination}"),
            Peer::Unix { source, destination } => {
                format!("<{}> to <{}>", source.escape_ascii(), destination.escape_ascii())
            }
        }
    }

    /// Reads as much as it is told to, as a listener would; what follows must stay unread.
    #[track_caller]
    fn check(input: &[u8], want: &str) {
        let mut stream = input.to_vec();
        stream.extend_from_slice(b"\x16\x03\x01\n\r\n");
        let mut read = 0;
        let told = loop {
            match header(&stream[..read]) {
                Ok(Progress::Needs { bytes }) => {
                    assert!(bytes > read && bytes <= input.len(), "{bytes} after {read}");
                    read = bytes;
                }
                Ok(Progress::Complete { bytes, peer, .. }) => {
                    assert_eq!((bytes, read), (input.len(), input.len()));
                    break show(peer);
                }
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(told, want, "{}", input.escape_ascii());
        // Cut anywhere, it needs more, or is wrong in the same way.
        for cut in 0..input.len() {
            match header(&input[..cut]) {
                Ok(Progress::Needs { bytes }) => assert!(bytes > cut),
                Ok(Progress::Complete { .. }) => panic!("complete at {cut}"),
                Err(error) => assert_eq!(error.to_string(), want, "cut at {cut}"),
            }
        }
    }

    fn v2(command: u8, family: u8, length: u16, block: &[u8]) -> Vec<u8> {
        let head = [command, family, length.to_be_bytes()[0], length.to_be_bytes()[1]];
        [V2_SIGNATURE, &head, block].concat()
    }

    #[test] // pitfall 134
    fn version_1() {
        check(
            b"PROXY TCP4 255.255.255.255 1.2.3.4 65535 0\r\n",
            "255.255.255.255:65535 to 1.2.3.4:0",
        );
        check(b"PROXY TCP6 ::1 2001:db8::2 1 143\r\n", "[::1]:1 to [2001:db8::2]:143");
        check(b"PROXY UNKNOWN\r\n", "own");
        let long = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        let longest = format!("PROXY UNKNOWN {long} {long} 65535 65535\r\n");
        assert_eq!(longest.len(), V1_BYTES_MAX);
        check(longest.as_bytes(), "own");
        let address = format!("PROXY TCP6 {long} {long} 65535 65535\r\n");
        check(address.as_bytes(), &format!("[{long}]:65535 to [{long}]:65535"));
    }

    #[test]
    fn version_1_wrong() {
        #[track_caller]
        fn wrong(input: &str, want: &str) {
            let told = header(input.as_bytes()).map_err(|error| error.to_string());
            assert_eq!(told, Err(want.to_string()), "{input:?}");
        }
        let addresses = "PROXY header: expected two addresses and two ports";
        wrong("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", addresses);
        wrong("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", addresses);
        wrong("PROXY TCP4 1.2.3.4 1.2.3.4 1 +5\r\n", addresses);
        wrong("PROXY TCP4 1.2.3.4 1.2.3.4 1 05\r\n", addresses);
        wrong("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", addresses);
        wrong("PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", addresses);
        wrong("PROXY TCP4 ::1 ::1 1 2\r\n", addresses);
        wrong("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", addresses);
        wrong("PROXY TCP4\r\n", addresses);
        wrong("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "PROXY header: expected CRLF");
        wrong("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXY header: expected CRLF");
        wrong("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY header: expected TCP4, TCP6 or UNKNOWN");
        wrong("PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY header: expected TCP4, TCP6 or UNKNOWN");
        wrong("PROXY  TCP4 1.2.3.4 1.2.3.4\r\n", "PROXY header: expected TCP4, TCP6 or UNKNOWN");
        wrong("EHLO x\r\n", "not a PROXY header");
        wrong("proxy UNKNOWN\r\n", "not a PROXY header");
        wrong("\x16\x03\x01", "not a PROXY header");
        wrong("\r\n\r\n\0\r\nQUIX", "not a PROXY header");
        wrong(&format!("PROXY UNKNOWN {}", "x".repeat(92)), "PROXY header: too long");
        wrong(&format!("PROXY UNKNOWN {}\r\n", "x".repeat(92)), "PROXY header: too long");
    }

    #[test] // pitfall 134
    fn version_2() {
        let four = [192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0, 143];
        check(&v2(0x21, 0x11, 12, &four), "192.0.2.1:12345 to 198.51.100.2:143");
        let mut six = [0; 36];
        (six[15], six[31], six[33], six[35]) = (1, 2, 3, 4);
        check(&v2(0x21, 0x21, 36, &six), "[::1]:3 to [::2]:4");
        let mut paths = [0; 216];
        paths[..2].copy_from_slice(b"/a");
        paths[108..].fill(b'b');
        let b = "b".repeat(108);
        check(&v2(0x21, 0x31, 216, &paths), &format!("</a> to <{b}>"));
        // TLVs follow the addresses; they are not the client's.
        let tlvs = [&four[..], b"\x04\0\x02\0\n\x02\0\x02mx"].concat();
        let header = v2(0x21, 0x11, 22, &tlvs);
        check(&header, "192.0.2.1:12345 to 198.51.100.2:143");
        let Ok(Progress::Complete { tlvs, .. }) = super::header(&header) else { panic!() };
        assert!(tlvs.iter().eq([Tlv::Authority(b"mx")]));
        let sums = [&four[..], b"\x03\0\x04\0\0\0\0"].concat();
        check(&v2(0x21, 0x11, 19, &sums), "PROXY header: wrong checksum");
        let broken = [&four[..], b"\x04\xff\xff\0\n"].concat();
        check(&v2(0x21, 0x11, 17, &broken), "PROXY header: expected a TLV within the header");
        check(&v2(0x20, 0x00, 0, b""), "own");
        check(&v2(0x20, 0xff, 3, b"abc"), "own"); // LOCAL: the family is not looked at
        check(&v2(0x21, 0x00, 3, b"abc"), "own");
        let largest = v2(0x20, 0x00, 4_080, &[0; 4_080]);
        check(&largest, "own");
    }

    #[test]
    fn version_2_wrong() {
        let short = "PROXY header: expected addresses of the family";
        check(&v2(0x21, 0x11, 11, &[0; 11]), short);
        check(&v2(0x21, 0x21, 35, &[0; 35]), short);
        check(&v2(0x21, 0x31, 215, &[0; 215]), short);
        check(&v2(0x21, 0x11, 0, b""), short);
        for family in [0x01, 0x10, 0x12, 0x22, 0x32, 0x41, 0xff] {
            let want = "PROXY header: expected TCP over IPv4 or IPv6, or a UNIX stream";
            check(&v2(0x21, family, 36, &[0; 36]), want);
        }
        for command in [0x00, 0x11, 0x22, 0x2f, 0x31] {
            let want = "PROXY header: expected version 2, LOCAL or PROXY";
            check(&v2(command, 0x11, 12, &[0; 12]), want);
        }
        // Refused by its head alone.
        check(&v2(0x21, 0x11, 4_081, b""), "PROXY header: too long");
        check(&v2(0x20, 0x00, u16::MAX, b""), "PROXY header: too long");
    }

    #[test]
    fn nothing_yet() {
        assert_eq!(header(b""), Ok(Progress::Needs { bytes: V1_BYTES_MIN }));
        assert_eq!(header(b"P"), Ok(Progress::Needs { bytes: V1_BYTES_MIN }));
        assert_eq!(header(b"\r"), Ok(Progress::Needs { bytes: V2_FIXED_BYTES }));
        assert_eq!(header(b"PROXY UNKNOWN\r"), Ok(Progress::Needs { bytes: V1_BYTES_MIN }));
        assert_eq!(header(b"PROXY TCP4 1.2.3.4\r"), Ok(Progress::Needs { bytes: 20 }));
    }
}
