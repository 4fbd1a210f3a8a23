//! External lists (RFC 6134 §2.5): their names in one form. What is in them is asked for.

/// `:` stands for this.
const URN: &str = "urn:ietf:params:sieve:";
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
