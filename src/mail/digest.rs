//! All that delivery stores of a message besides its bytes, made in one pass when it comes in.
//!
//! Nothing of it depends on whose message it is or when it came: the same bytes give the same
//! digest (invariant 1), so a delivery to many makes one.

use parser::message::header::{Repeated, message_ids, unfold};
use parser::message::{Address, Addresses, Header, MessageMap, envelope};
use sha2::{Digest as _, Sha256};

use crate::limits::{DELIVERED_TO_MAX, REFERENCES_MAX};

/// The hash of a Message-ID, by which the store finds a thread. Equal ids have equal hashes; two
/// different ones with one hash (1 in 2^64) would only share a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageIdHash(pub i64);

impl MessageIdHash {
    /// Of an id with its brackets; case counts (RFC 5322 §3.6.4).
    pub fn of(id: &[u8]) -> Self {
        let hash = Sha256::digest(id);
        Self(hash.iter().take(8).fold(0, |value, byte| value << 8 | i64::from(*byte)))
    }
}

/// What is known of a message without looking into it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// [`MessageMap::encode`].
    pub map: Vec<u8>,
    /// ENVELOPE, ready to be written (RFC 9051 §7.5.2).
    pub envelope: Vec<u8>,
    /// Bytes of the top header, its blank line included.
    pub header_bytes: u32,
    /// Of the first Message-ID, if there is one.
    pub message_id: Option<MessageIdHash>,
    /// Of References, then In-Reply-To: the oldest first, at most [`REFERENCES_MAX`], each once. Of
    /// a longer list the first and the last are kept (pitfall 17).
    pub references: Vec<MessageIdHash>,
    /// Received fields: hops so far.
    pub received_count: u32,
    /// Addresses in Delivered-To fields, lower case, at most [`DELIVERED_TO_MAX`] (pitfall 14).
    pub delivered_to: Vec<String>,
}

impl Digest {
    /// Never fails: what is malformed is mapped as text (pitfall 19).
    pub fn of(message: &[u8]) -> Self {
        let (header, header_len) = Header::of(message);
        let mut rendered = Vec::with_capacity(512);
        envelope::write(&header, &mut rendered);
        let ids = |value: Option<&[u8]>| value.map(unfold).unwrap_or_default().into_owned();
        let message_id = ids(header.message_id);
        Self {
            map: MessageMap::parse_with(message, &header, header_len).encode(),
            envelope: rendered,
            header_bytes: u32::try_from(header_len).unwrap_or(u32::MAX),
            message_id: message_ids(&message_id).next().map(MessageIdHash::of),
            references: references(&header),
            received_count: header.received,
            delivered_to: delivered_to(&header),
        }
    }
}

fn references(header: &Header<'_>) -> Vec<MessageIdHash> {
    let values = [header.references, header.in_reply_to];
    let ids: Vec<&[u8]> = values.into_iter().flatten().flat_map(message_ids).collect();
    let cut = ids.len().saturating_sub(REFERENCES_MAX);
    let kept = ids.iter().take(1).chain(ids.iter().skip(1 + cut));
    let mut hashes: Vec<MessageIdHash> = Vec::with_capacity(ids.len() - cut);
    for hash in kept.map(|id| MessageIdHash::of(id)) {
        if !hashes.contains(&hash) {
            hashes.push(hash);
        }
    }
    hashes
}

fn delivered_to(header: &Header<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for value in header.all(Repeated::DeliveredTo).take(DELIVERED_TO_MAX) {
        for address in Addresses::new(&unfold(value)) {
            let Address::Mailbox(mailbox) = address else { continue };
            let local = String::from_utf8_lossy(&mailbox.local);
            let domain = String::from_utf8_lossy(mailbox.domain.as_deref().unwrap_or_default());
            if found.len() < DELIVERED_TO_MAX {
                found.push(format!("{local}@{domain}").to_lowercase());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::envelope::Envelope;
    use crate::mail::section::{self, Piece};
    use crate::mail::structure::{self, Form};
    use crate::mail::{fold, text};

    fn hashes(ids: &[&str]) -> Vec<MessageIdHash> {
        ids.iter().map(|id| MessageIdHash::of(id.as_bytes())).collect()
    }

    #[test]
    fn of_a_reply() {
        let message = b"Received: a\r\nReceived: b\r\nDelivered-To: Me@Example.org\r\n\
            Message-ID: <3@x>\r\nReferences: <1@x>\r\n <2@x>\r\nIn-Reply-To: <2@x>\r\n\r\nbody";
        let digest = Digest::of(message);
        assert_eq!(digest.header_bytes as usize, message.len() - 4);
        assert_eq!(digest.message_id, Some(MessageIdHash::of(b"<3@x>")));
        assert_eq!(digest.references, hashes(&["<1@x>", "<2@x>"]));
        assert_eq!(digest.received_count, 2);
        assert_eq!(digest.delivered_to, ["me@example.org"]);
        let map = MessageMap::decode(&digest.map).unwrap();
        assert_eq!(map.root().body(), (digest.header_bytes, 4));
        assert!(digest.envelope.ends_with(b" \"<2@x>\" \"<3@x>\")"));
    }

    #[test]
    fn of_nothing() {
        let digest = Digest::of(b"");
        assert_eq!(digest.envelope, envelope::EMPTY);
        assert_eq!((digest.message_id, digest.header_bytes), (None, 0));
        assert!(MessageMap::decode(&digest.map).is_some());
    }

    #[test] // pitfall 17
    fn long_references() {
        let ids: Vec<String> = (0..5_000).map(|id| format!("<{id}@x>")).collect();
        let message = format!("References: {}\r\n\r\n", ids.join("\r\n "));
        let found = Digest::of(message.as_bytes()).references;
        let last = ids.len() + 1 - REFERENCES_MAX;
        let want: Vec<&str> = ids.iter().take(1).chain(&ids[last..]).map(String::as_str).collect();
        assert_eq!(found, hashes(&want));
    }

    #[test] // pitfall 15
    fn odd_bytes() {
        let digest = Digest::of(b"Subject: \0\xff\xfe\r\nDelivered-To: \xff@\0\r\nX\r\n\r\n\0");
        assert_eq!(digest.delivered_to.len(), 1);
        assert!(!digest.envelope.contains(&0));
    }

    /// Every message of the corpus, whole and cut: its envelope and structure can be read again,
    /// and each of its sections lies inside it (pitfalls 19, 106).
    #[test]
    fn corpus() {
        let mut seen = 0;
        for folder in std::fs::read_dir("tests/corpus").unwrap() {
            let Ok(files) = std::fs::read_dir(folder.unwrap().path()) else { continue };
            for file in files {
                let message = std::fs::read(file.unwrap().path()).unwrap();
                for message in [&message[..], &message[..message.len() / 2]] {
                    let digest = Digest::of(message);
                    assert!(Envelope::parse(&digest.envelope).is_some());
                    let map = MessageMap::decode(&digest.map).unwrap();
                    assert_eq!(map.root().header(), (0, digest.header_bytes));
                    for form in [Form::Basic, Form::Extended] {
                        let mut out = Vec::new();
                        structure::write(&map, form, &mut out);
                        assert!(!out.contains(&0) && out.starts_with(b"(") && out.ends_with(b")"));
                    }
                    for number in 1..4 {
                        for numbers in [&[number][..], &[number, 1], &[1, number]] {
                            for piece in [Piece::Whole, Piece::Header, Piece::Text, Piece::Mime] {
                                let range = section::locate(&map, numbers, piece);
                                let end = range.map_or(0, |range| range.end);
                                assert!(end <= u64::try_from(message.len()).unwrap());
                            }
                        }
                    }
                    text::body_texts(&map, message).for_each(|text| drop(fold::fold(&text)));
                }
                seen += 1;
            }
        }
        assert_eq!(seen, 103);
    }
}
