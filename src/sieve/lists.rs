//! External lists (RFC 6134 §2.5): their names in one form. What is in them is asked for.

/// `:` stands for this.
const URN: &str = "urn:ietf:params:sieve:";
/// The list that is always there (RFC 6134 §2.5).
pub const DEFAULT_LIST: &str = "urn:ietf:params:sieve:addrbook:default";
const ADDRBOOK: &str = "addrbook:";

/// The absolute URI that a script's name for a list stands for. Of address books only `default` is
/// the same in any case, and that after decoding.
pub(super) fn name(text: &[u8]) -> Result<String, String> {
    let wrong = || "the name of a list must be a URI".to_owned();
    let text = std::str::from_utf8(text).map_err(|_| wrong())?;
    let is_urn =
        |text: &str| text.get(..URN.len()).is_some_and(|head| head.eq_ignore_ascii_case(URN));
    let rest = match text.strip_prefix(':') {
        Some(rest) => rest,
        None if is_urn(text) => text.get(URN.len()..).unwrap_or_default(),
        None => {
            let (scheme, rest) = text.split_once(':').ok_or_else(wrong)?;
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
            let begins = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
            let right =
                begins && scheme.bytes().all(letter) && !rest.is_empty() && characters(rest);
            return if right { Ok(text.to_owned()) } else { Err(wrong()) };
        }
    };
    if rest.is_empty() || !characters(rest) {
        return Err(wrong());
    }
    let head = rest.get(..ADDRBOOK.len());
    if !head.is_some_and(|head| head.eq_ignore_ascii_case(ADDRBOOK)) {
        return Ok(format!("{URN}{rest}"));
    }
    let book = rest.get(ADDRBOOK.len()..).unwrap_or_default();
    let decoded = super::uri::decode(book);
    let is_default = decoded.eq_ignore_ascii_case(b"default");
    Ok(format!("{URN}{ADDRBOOK}{}", if is_default { "default" } else { book }))
}

/// What the operator calls the list of this URI, as [`super::Question`] has it: the specific part of a
/// tag, or the name of a parameter or of an address book, decoded (RFC 6134 §2.6). It is
/// safe as the name of a file. `None`: there can be no such list here.
pub fn list_name(uri: &str) -> Option<String> {
    let name = match uri.strip_prefix(URN) {
        Some(rest) => rest.strip_prefix(ADDRBOOK).unwrap_or(rest),
        None => {
            let (scheme, rest) = uri.split_once(':')?;
            scheme.eq_ignore_ascii_case("tag").then_some(())?;
            rest.split_once(':')?.1
        }
    };
    let name = String::from_utf8(super::uri::decode(name)).ok()?;
    let plain = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    (!name.is_empty() && !name.starts_with('.') && name.chars().all(plain)).then_some(name)
}

fn characters(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // RFC 6134 §2.5
    fn names() {
        let default = "urn:ietf:params:sieve:addrbook:default";
        for same in [
            ":addrbook:default",
            ":ADDRBOOK:DEFAULT",
            ":aDdRbOOk:DeFauLt",
            ":AddrBook:%44%65%66ault",
            default,
        ] {
            assert_eq!(name(same.as_bytes()).as_deref(), Ok(default), "{same}");
        }
        assert_eq!(name(b":addrbook:Work").unwrap(), "urn:ietf:params:sieve:addrbook:Work");
        assert_eq!(name(b"tag:a.example,2009:x").unwrap(), "tag:a.example,2009:x");
        for wrong in [&b""[..], b":", b"x", b"a b:c", b"\xff"] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
