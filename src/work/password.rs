//! Passwords as accounts keep them: the stored forms, made and checked.
//!
//! Nothing here depends on the clock or leaks how far two hashes agree: comparisons take the same
//! time wherever they differ.

use std::fmt;
use std::hint::black_box;

use ring::digest::{SHA512, SHA512_OUTPUT_LEN, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::model::Secret;

/// The cost of a bcrypt hash made here.
pub const BCRYPT_COST: u32 = 10;
/// What bcrypt looks at: the rest of a longer password is ignored by everybody's bcrypt.
pub const BCRYPT_PASSWORD_BYTES_MAX: usize = 72;
/// Bytes of a password that is set or tried.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
const SSHA512_SALT_BYTES: usize = 8;

/// How a new password is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `{BLF-CRYPT}$2a$10$…`
    #[default]
    Bcrypt,
    /// `{SSHA512}` and base64 of SHA-512(password ‖ salt) ‖ salt.
    Ssha512,
    /// `{SHA512}` and base64 of SHA-512(password).
    Sha512,
}

impl Scheme {
    /// `bcrypt`, `ssha512` or `sha512`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "bcrypt" => Some(Self::Bcrypt),
            "ssha512" => Some(Self::Ssha512),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

/// Why a password was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// An empty password never logs anybody in (pitfall 54).
    Empty,
    /// bcrypt would ignore the end of it (pitfall 136), or it is beyond reason.
    TooLong {
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// SASL PLAIN cannot carry a NUL (RFC 4616 §2), so nobody could log in.
    Nul,
    /// The system gave no random bytes for a salt.
    NoRandomness,
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the password is empty"),
            Self::TooLong { bytes_max } => {
                write!(f, "the password is longer than {bytes_max} bytes")
            }
            Self::Nul => f.write_str("the password has a NUL byte in it"),
            Self::NoRandomness => f.write_str("the system gave no random bytes"),
        }
    }
}

impl std::error::Error for PasswordError {}

/// The stored form of a new password.
pub fn hash(scheme: Scheme, password: &Secret) -> Result<String, PasswordError> {
    let password = password.expose();
    let bytes_max = match scheme {
        Scheme::Bcrypt => BCRYPT_PASSWORD_BYTES_MAX,
        Scheme::Ssha512 | Scheme::Sha512 => PASSWORD_BYTES_MAX,
    };
    if password.is_empty() {
        return Err(PasswordError::Empty);
    }
    if password.len() > bytes_max {
        return Err(PasswordError::TooLong { bytes_max });
    }
    if password.contains(&0) {
        return Err(PasswordError::Nul);
    }
    match scheme {
        Scheme::Bcrypt => bcrypt_form(password),
        Scheme::Ssha512 => {
            let mut salt = [0; SSHA512_SALT_BYTES];
            fill(&mut salt)?;
            let salted = digest(&SHA512, &[password, &salt].concat());
            Ok(format!("{{SSHA512}}{}", base64(&[salted.as_ref(), &salt].concat())))
        }
        Scheme::Sha512 => Ok(format!("{{SHA512}}{}", base64(digest(&SHA512, password).as_ref()))),
    }
}

fn bcrypt_form(password: &[u8]) -> Result<String, PasswordError> {
    let mut salt = [0; 16];
    fill(&mut salt)?;
    let made = bcrypt::hash_with_salt(password, BCRYPT_COST, salt);
    let parts = made.map_err(|_| PasswordError::NoRandomness)?; // the cost is right, nothing else fails
    Ok(format!("{{BLF-CRYPT}}{}", parts.format_for_version(bcrypt::Version::TwoA)))
}

/// True if `password` is the one behind `stored`. A form we cannot read is nobody's password. A
/// password longer than bcrypt looks at is compared as far as it does (pitfall 136).
pub fn verify(stored: &str, password: &Secret) -> bool {
    let password = password.expose();
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        return false; // pitfall 54
    }
    let Some((scheme, encoded)) = split_scheme(stored) else { return false };
    match scheme.as_str() {
        "BLF-CRYPT" => bcrypt::verify(password, encoded).unwrap_or(false),
        "SHA512" | "SHA512.B64" | "SHA512.BASE64" => sha512(&unbase64(encoded), password, false),
        "SSHA512" | "SSHA512.B64" | "SSHA512.BASE64" => sha512(&unbase64(encoded), password, true),
        "SHA512.HEX" => sha512(&unhex(encoded), password, false),
        "SSHA512.HEX" => sha512(&unhex(encoded), password, true),
        _ => false,
    }
}

/// True if [`verify`] can do anything with it.
pub fn is_known_form(stored: &str) -> bool {
    let Some((scheme, encoded)) = split_scheme(stored) else { return false };
    let name = scheme.split_once('.').map_or(scheme.as_str(), |(name, _)| name);
    matches!(name, "SHA512" | "SSHA512")
        || (scheme == "BLF-CRYPT" && encoded.parse::<bcrypt::HashParts>().is_ok())
}

/// True if it is a bcrypt hash of another cost than [`BCRYPT_COST`].
pub(super) fn is_outdated(stored: &str) -> bool {
    let Some((scheme, encoded)) = split_scheme(stored) else { return false };
    let parts = encoded.parse::<bcrypt::HashParts>();
    scheme == "BLF-CRYPT" && parts.is_ok_and(|parts| parts.get_cost() != BCRYPT_COST)
}

/// `{SCHEME}rest` with the scheme in capitals; a bare `$2…$` is bcrypt.
fn split_scheme(stored: &str) -> Option<(String, &str)> {
    match stored.strip_prefix('{') {
        Some(rest) => rest.split_once('}').map(|(name, rest)| (name.to_ascii_uppercase(), rest)),
        None if stored.starts_with("$2") => Some(("BLF-CRYPT".to_owned(), stored)),
        None => None,
    }
}

/// Compares with digest ‖ salt; a salt only where the scheme has one.
fn sha512(stored: &Option<Vec<u8>>, password: &[u8], salted: bool) -> bool {
    let Some((want, salt)) =
        stored.as_ref().and_then(|stored| stored.split_at_checked(SHA512_OUTPUT_LEN))
    else {
        return false;
    };
    let have = digest(&SHA512, &[password, salt].concat());
    same(have.as_ref(), want) && (salted || salt.is_empty())
}

/// Equal, in a time that does not depend on where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (a, b)| black_box(differ | (a ^ b)));
    one.len() == other.len() && black_box(differ) == 0
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    base64_simd::forgiving_decode_to_vec(text.as_bytes()).ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    rest.is_empty().then(|| bytes.collect())?
}

fn fill(bytes: &mut [u8]) -> Result<(), PasswordError> {
    SystemRandom::new().fill(bytes).map_err(|_| PasswordError::NoRandomness)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(password: &str) -> Secret {
        Secret::new(password)
    }

    #[track_caller]
    fn check(stored: &str, password: &str, want: bool) {
        assert_eq!(verify(stored, &secret(password)), want, "{stored} {password}");
    }

    #[test] // pitfall 136
    fn every_stored_form_is_read() {
        for (name, bytes) in [("SHA512", &b""[..]), ("SSHA512", b"salt"), ("SSHA512", b"12345678")]
        {
            let mut raw = digest(&SHA512, &[b"secret", bytes].concat()).as_ref().to_vec();
            raw.extend_from_slice(bytes);
            let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
            for stored in [
                format!("{{{name}}}{}", base64(&raw)),
                format!("{{{name}.b64}}{}", base64(&raw)),
                format!("{{{name}.HEX}}{hex}"),
                format!("{{{}.hex}}{}", name.to_lowercase(), hex.to_uppercase()),
            ] {
                check(&stored, "secret", true);
                check(&stored, "Secret", false);
                check(&stored, "", false);
                assert!(is_known_form(&stored));
            }
        }
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let hash = bcrypt::hash_with_salt("secret", 4, [7; 16]).unwrap().to_string();
            let bare = hash.replacen("$2b$", prefix, 1);
            check(&bare, "secret", true);
            check(&bare, "secre", false);
            check(&format!("{{BLF-CRYPT}}{bare}"), "secret", true);
            check(&format!("{{blf-crypt}}{bare}"), "secret", true);
        }
    }

    #[test]
    fn what_cannot_be_read_is_nobodys_password() {
        for stored in ["", "secret", "{PLAIN}secret", "{SHA512}", "{SHA512.HEX}0", "{SSHA512", "$2"]
        {
            check(stored, "secret", false);
        }
        check(&format!("{{SHA512}}{}", base64(b"short")), "secret", false);
        assert!(!is_known_form("{PLAIN}secret"));
        assert!(!is_known_form("{BLF-CRYPT}$2a$10$short"));
        assert!(is_known_form(&bcrypt::hash_with_salt("x", 4, [7; 16]).unwrap().to_string()));
    }

    #[test] // a salt where none belongs must not make two passwords equal
    fn sha512_without_salt_has_none() {
        let mut raw = digest(&SHA512, b"secretsalt").as_ref().to_vec();
        raw.extend_from_slice(b"salt");
        check(&format!("{{SHA512}}{}", base64(&raw)), "secret", false);
    }

    #[test]
    fn new_hashes_verify_and_have_the_documented_form() {
        for (scheme, start, len) in [
            (Scheme::Bcrypt, "{BLF-CRYPT}$2a$10$", 71),
            (Scheme::Ssha512, "{SSHA512}", 105),
            (Scheme::Sha512, "{SHA512}", 96),
        ] {
            let stored = hash(scheme, &secret("pässword")).unwrap();
            assert!(stored.starts_with(start) && stored.len() == len, "{stored}");
            check(&stored, "pässword", true);
            check(&stored, "password", false);
        }
    }

    #[test] // pitfall 136: bcrypt ends at 72 bytes, whoever made the hash
    fn long_passwords() {
        let (fits, long) = ("x".repeat(72), "x".repeat(73));
        let stored = bcrypt::hash_with_salt(&fits, 4, [1; 16]).unwrap().to_string();
        check(&stored, &long, true);
        assert_eq!(
            hash(Scheme::Bcrypt, &secret(&long)),
            Err(PasswordError::TooLong { bytes_max: 72 })
        );
        assert!(hash(Scheme::Sha512, &secret(&long)).is_ok());
        assert_eq!(hash(Scheme::Sha512, &secret("")), Err(PasswordError::Empty));
        assert_eq!(hash(Scheme::Sha512, &secret("a\0b")), Err(PasswordError::Nul));
    }
}
