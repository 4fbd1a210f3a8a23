//! How a body's bytes lie in an object: as they are, compressed, encrypted, or both.
//!
//! Encrypted is: 8 bytes that say so, 16 of salt, then segments of 64 KiB, each sealed with AES-256-GCM
//! under a key of this object alone (HKDF of the operator's key, the salt and the object's name).
//! A segment's nonce is its number and whether it is the last, so none can be moved, lost or cut off
//! unseen, and any can be read alone.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};

use crate::limits;

/// Which of it was done to an object: bits, as `blobs.form` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Form(i64);

impl Form {
    /// There is no object.
    pub(in crate::store) const NONE: Self = Self(0);
    /// The message itself.
    pub(in crate::store) const PLAIN: Self = Self(1);
    const ZSTD: i64 = 2;
    const AES: i64 = 4;

    pub(in crate::store) fn from_column(column: i64) -> Option<Self> {
        matches!(column, 0 | 1 | 3 | 5 | 7).then_some(Self(column))
    }

    pub(in crate::store) fn column(self) -> i64 {
        self.0
    }

    pub(in crate::store) fn is_compressed(self) -> bool {
        self.0 & Self::ZSTD != 0
    }

    pub(in crate::store) fn is_encrypted(self) -> bool {
        self.0 & Self::AES != 0
    }

    /// For the object's metadata; nothing for what is as it looks.
    pub(in crate::store) fn text(self) -> Option<&'static str> {
        match (self.is_compressed(), self.is_encrypted()) {
            (false, false) => None,
            (true, false) => Some("zstd"),
            (false, true) => Some("aes-256-gcm"),
            (true, true) => Some("zstd aes-256-gcm"),
        }
    }

    /// From the object's metadata.
    pub(in crate::store) fn from_text(text: Option<&str>) -> Option<Self> {
        [1, 3, 5, 7].map(Self).into_iter().find(|form| form.text() == text)
    }

    /// Bytes of the object, where they follow from the body's.
    pub(in crate::store) fn object_bytes(self, body_bytes: u64) -> Option<u64> {
        match (self.is_compressed(), self.is_encrypted()) {
            (true, _) => None,
            (false, false) => Some(body_bytes),
            (false, true) => Some(sealed_bytes(body_bytes)),
        }
    }
}

/// What is done to objects to come, and the key to those that are there.
#[derive(Clone)]
pub(in crate::store) struct Dress {
    pub(in crate::store) compress: bool,
    pub(in crate::store) encrypt: bool,
    pub(in crate::store) key: Option<[u8; 32]>,
}

impl fmt::Debug for Dress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { compress, encrypt, key } = self;
        let key = key.as_ref().map(|_| "***");
        write!(f, "Dress {{ compress: {compress}, encrypt: {encrypt}, key: {key:?} }}")
    }
}

/// Why an object's bytes are not a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Unreadable {
    /// It is encrypted, and no key is set.
    NoKey,
    /// The key is another one, or bytes were changed.
    Sealed,
    /// It does not decompress to the size it should have.
    Compressed,
}

impl Unreadable {
    /// For the operator.
    pub(in crate::store) fn what(self) -> &'static str {
        match self {
            Self::NoKey => "the object is encrypted; set [s3] encryption_key",
            Self::Sealed => {
                "the object cannot be decrypted: [s3] encryption_key is not the one it was \
                 written with, or it was changed"
            }
            Self::Compressed => "the object cannot be decompressed",
        }
    }
}

const SEGMENT: usize = 64 * 1024;
const TAG: usize = 16;
const MAGIC: &[u8; 8] = b"sora-e1\n";
const HEAD: usize = MAGIC.len() + 16;
const ZSTD_LEVEL: i32 = 3;

fn segments(bytes: u64) -> u64 {
    bytes.div_ceil(SEGMENT as u64).max(1)
}

fn sealed_bytes(bytes: u64) -> u64 {
    HEAD as u64 + bytes + segments(bytes) * TAG as u64
}

impl Dress {
    /// A body as it goes into the object `name`; `None` if the system gives no random bytes.
    pub(in crate::store) fn dress<'a>(
        &self,
        body: &'a [u8],
        name: &str,
    ) -> Option<(Cow<'a, [u8]>, Form)> {
        let (mut bytes, mut form) = (Cow::Borrowed(body), Form::PLAIN);
        if self.compress
            && let Ok(small) = zstd::bulk::compress(body, ZSTD_LEVEL)
            && small.len() < body.len()
        {
            (bytes, form) = (Cow::Owned(small), Form(form.0 | Form::ZSTD));
        }
        match &self.key {
            Some(key) if self.encrypt => {
                Some((Cow::Owned(seal(&bytes, key, name)?), Form(form.0 | Form::AES)))
            }
            _ => Some((bytes, form)),
        }
    }

    /// The body of `body_bytes` that an object holds.
    pub(in crate::store) fn undress(
        &self,
        object: Vec<u8>,
        form: Form,
        name: &str,
        body_bytes: u64,
    ) -> Result<Vec<u8>, Unreadable> {
        let mut bytes = object;
        if form.is_encrypted() {
            let key = self.key.as_ref().ok_or(Unreadable::NoKey)?;
            bytes = unseal(&bytes, key, name)?;
        }
        if form.is_compressed() {
            let size = usize::try_from(body_bytes).map_err(|_| Unreadable::Compressed)?;
            let whole = zstd::bulk::decompress(&bytes, size).map_err(|_| Unreadable::Compressed)?;
            bytes =
                Some(whole).filter(|whole| whole.len() == size).ok_or(Unreadable::Compressed)?;
        }
        Ok(bytes)
    }

    /// Whether our key is that of an encrypted object.
    pub(in crate::store) fn opens(&self, object: &[u8], name: &str) -> Result<(), Unreadable> {
        let key = self.key.as_ref().ok_or(Unreadable::NoKey)?;
        unseal(object, key, name).map(drop)
    }

    /// The bytes `part` of an encrypted body of `body_bytes`, out of the head and the segments of its
    /// object that [`sealed_part`] names.
    pub(in crate::store) fn undress_part(
        &self,
        head: &[u8],
        sealed: &[u8],
        name: &str,
        body_bytes: u64,
        part: &Range<u64>,
    ) -> Result<Vec<u8>, Unreadable> {
        let key = self.key.as_ref().ok_or(Unreadable::NoKey)?;
        let key = key_of(head, key, name)?;
        let (first, last) = (part.start / SEGMENT as u64, segments(body_bytes) - 1);
        let mut bytes = Vec::with_capacity(sealed.len());
        for (segment, number) in sealed.chunks(SEGMENT + TAG).zip(first..) {
            open(&key, segment, number, number == last, &mut bytes)?;
        }
        let start = part.start - first * SEGMENT as u64;
        let end = part.end - first * SEGMENT as u64;
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let bytes = range.and_then(|(start, end)| bytes.get(start..end));
        bytes.map(<[u8]>::to_vec).ok_or(Unreadable::Sealed)
    }
}

/// Where the head of an encrypted object is.
pub(in crate::store) const SEALED_HEAD: Range<u64> = 0..HEAD as u64;

/// Where in an encrypted object the bytes `part` of a body of `body_bytes` are: whole segments.
pub(in crate::store) fn sealed_part(body_bytes: u64, part: &Range<u64>) -> Range<u64> {
    let place = |segment: u64| HEAD as u64 + segment * (SEGMENT + TAG) as u64;
    let end = place(part.end.div_ceil(SEGMENT as u64)).min(sealed_bytes(body_bytes));
    place(part.start / SEGMENT as u64)..end
}

fn seal(body: &[u8], key: &[u8; 32], name: &str) -> Option<Vec<u8>> {
    let mut salt = [0; 16];
    SystemRandom::new().fill(&mut salt).ok()?;
    let mut out = Vec::with_capacity(usize::try_from(sealed_bytes(body.len() as u64)).ok()?);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&salt);
    let key = key_of(&out, key, name).ok()?;
    let last = segments(body.len() as u64) - 1;
    // An empty body has one segment, empty too.
    let mut chunks = body.chunks(SEGMENT);
    for number in 0..=last {
        let start = out.len();
        out.extend_from_slice(chunks.next().unwrap_or_default());
        let nonce = nonce(number, number == last);
        let tag =
            key.seal_in_place_separate_tag(nonce, Aad::empty(), out.get_mut(start..)?).ok()?;
        out.extend_from_slice(tag.as_ref());
    }
    Some(out)
}

fn unseal(object: &[u8], key: &[u8; 32], name: &str) -> Result<Vec<u8>, Unreadable> {
    let (head, sealed) = object.split_at_checked(HEAD).ok_or(Unreadable::Sealed)?;
    let key = key_of(head, key, name)?;
    let last = (sealed.len().div_ceil(SEGMENT + TAG).max(1) - 1) as u64;
    let mut bytes = Vec::with_capacity(sealed.len());
    for (segment, number) in sealed.chunks(SEGMENT + TAG).zip(0..) {
        open(&key, segment, number, number == last, &mut bytes)?;
    }
    if sealed.is_empty() { Err(Unreadable::Sealed) } else { Ok(bytes) }
}

fn open(
    key: &LessSafeKey,
    segment: &[u8],
    number: u64,
    is_last: bool,
    out: &mut Vec<u8>,
) -> Result<(), Unreadable> {
    let start = out.len();
    out.extend_from_slice(segment);
    let sealed = out.get_mut(start..).unwrap_or_default();
    let opened = key.open_in_place(nonce(number, is_last), Aad::empty(), sealed);
    let bytes = opened.map_err(|_| Unreadable::Sealed)?.len();
    out.truncate(start + bytes);
    Ok(())
}

/// The key of one object: the operator's, this object's salt, and its name, so that no object passes
/// for another.
fn key_of(head: &[u8], key: &[u8; 32], name: &str) -> Result<LessSafeKey, Unreadable> {
    let salt = head.strip_prefix(MAGIC).filter(|salt| salt.len() == 16);
    let salt = Salt::new(HKDF_SHA256, salt.ok_or(Unreadable::Sealed)?);
    let key = salt.extract(key);
    let info = [name.as_bytes()];
    let key = key.expand(&info, &AES_256_GCM).map_err(|_| Unreadable::Sealed)?;
    Ok(LessSafeKey::new(UnboundKey::from(key)))
}

fn nonce(number: u64, is_last: bool) -> Nonce {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    Nonce::assume_unique_for_key([0, 0, 0, a, b, c, d, e, f, g, h, u8::from(is_last)])
}

/// The most that an object of any form can have for a body of `body_bytes`.
pub(in crate::store) fn object_bytes_max(body_bytes: u64) -> u64 {
    // What does not shrink is not compressed.
    sealed_bytes(body_bytes).max(limits::S3_ANSWER_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 8] = [0, 1, 100, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT, 200_001];

    fn body(bytes: usize) -> Vec<u8> {
        (0..bytes)
            .map(|n| b"some text, not quite all the same"[n % 33] ^ u8::from(n % 97 == 0))
            .collect()
    }

    fn dress(compress: bool, encrypt: bool) -> Dress {
        Dress { compress, encrypt, key: encrypt.then_some([7; 32]) }
    }

    #[test] // pitfall 51
    fn every_form_comes_back() {
        for (compress, encrypt) in [(false, false), (true, false), (false, true), (true, true)] {
            let dress = dress(compress, encrypt);
            for bytes in SIZES {
                let body = body(bytes);
                let (object, form) = dress.dress(&body, "1/2-ff").unwrap();
                assert_eq!(form.is_encrypted(), encrypt);
                assert_eq!(form.is_compressed(), compress && bytes > 50, "{bytes}");
                if let Some(known) = form.object_bytes(bytes as u64) {
                    assert_eq!(known, object.len() as u64);
                }
                assert!(object.len() as u64 <= object_bytes_max(bytes as u64));
                assert_eq!(Form::from_text(form.text()), Some(form));
                assert_eq!(Form::from_column(form.column()), Some(form));
                let back = dress.undress(object.into_owned(), form, "1/2-ff", bytes as u64);
                assert!(back.unwrap() == body, "{bytes}");
            }
        }
    }

    #[test]
    fn parts_of_encrypted_bodies_come_back() {
        let dress = dress(false, true);
        for bytes in SIZES {
            let body = body(bytes);
            let (object, _) = dress.dress(&body, "n").unwrap();
            let size = bytes as u64;
            for start in [0, 1, size / 3, size / 2, size.saturating_sub(1)] {
                for end in [start, start + 1, start + 70_000, size] {
                    let part = start.min(size)..end.min(size).max(start.min(size));
                    if part.is_empty() {
                        continue;
                    }
                    let sealed = sealed_part(size, &part);
                    let within = |range: &Range<u64>| {
                        usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
                    };
                    let bytes = &object[within(&sealed)];
                    let got = dress.undress_part(&object[..HEAD], bytes, "n", size, &part).unwrap();
                    assert!(got == body[within(&part)], "{part:?}");
                }
            }
        }
    }

    #[test] // pitfall 51
    fn wrong_keys_names_and_bytes_are_told() {
        let right = dress(false, true);
        let body = body(150_000);
        let (object, form) = right.dress(&body, "name").unwrap();
        let object = object.into_owned();
        let check = |dress: &Dress, object: Vec<u8>, name: &str, want: Unreadable| {
            assert_eq!(dress.undress(object, form, name, 150_000), Err(want));
        };
        check(&dress(false, false), object.clone(), "name", Unreadable::NoKey);
        let other = Dress { key: Some([8; 32]), ..right.clone() };
        check(&other, object.clone(), "name", Unreadable::Sealed);
        check(&right, object.clone(), "other", Unreadable::Sealed);
        for cut in [0, HEAD - 1, HEAD, HEAD + SEGMENT + TAG, object.len() - 1] {
            check(&right, object[..cut].to_vec(), "name", Unreadable::Sealed);
        }
        let mut swapped = object.clone();
        swapped[HEAD..HEAD + 2 * (SEGMENT + TAG)].rotate_left(SEGMENT + TAG);
        check(&right, swapped, "name", Unreadable::Sealed);
        assert!(!format!("{right:?}").contains('7'));
    }
}
