//! `notify` by mail (RFC 5435, RFC 5436): the URI of RFC 6068 taken apart, and what comes of it.

use parser::sieve::Position;
use parser::sieve::{sieve_address, tree};

use super::action::{Action, Notify};
use super::command::{Told, mailboxes};
use super::compose;
use super::run::{Halt, Work, World};
use super::trace::shown;
use super::uri::decode;

/// A `mailto:` as RFC 5436 §2.1 understands it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct MailTo {
    to: Vec<String>,
    cc: Vec<String>,
    subject: Option<String>,
    body: Option<String>,
    headers: Vec<(String, String)>,
}

/// Addresses of one notification.
const RECIPIENTS_MAX: usize = 16;
/// Header fields of one URI.
const HEADERS_MAX: usize = 32;

/// True if `uri` is of a method that is known; whether it names anybody does not matter (RFC 5435 §5:
/// "mailto:" alone is asked about, as in RFC 8580 §6.1).
pub(super) fn is_known(uri: &str) -> bool {
    uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"))
}

/// `mailtoURI = "mailto:" [ to ] [ hfields ]` — RFC 6068 §2.
pub(super) fn parse(uri: &str) -> Result<MailTo, String> {
    let Some(rest) = uri.get(7..).filter(|_| is_known(uri)) else {
        return Err(format!("there is no way to notify {}", shown(uri.as_bytes())));
    };
    let wrong = |what: &str| format!("{what} in {}", shown(uri.as_bytes()));
    let right = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
    if !rest.bytes().all(right) || !escapes(rest) {
        return Err(wrong("there is a character that no URI has"));
    }
    let (to, fields) = rest.split_once('?').map_or((rest, None), |(to, fields)| (to, Some(fields)));
    let mut found = MailTo::default();
    addresses(to, &mut found.to).map_err(|()| wrong("there is no mail address"))?;
    for field in fields.into_iter().flat_map(|fields| fields.split('&')).filter(|f| !f.is_empty()) {
        let (name, value) = field.split_once('=').ok_or_else(|| wrong("a header has no value"))?;
        let name = text(name);
        match name.to_ascii_lowercase().as_str() {
            "to" => addresses(value, &mut found.to).map_err(|()| wrong("\"to\" is no address"))?,
            "cc" => addresses(value, &mut found.cc).map_err(|()| wrong("\"cc\" is no address"))?,
            "subject" => found.subject = Some(text(value)),
            "body" => found.body = Some(text(value)),
            other if is_unsafe(other) => {}
            other => {
                let right = !other.is_empty()
                    && other.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
                if !right || found.headers.len() >= HEADERS_MAX {
                    return Err(wrong("there is a header that cannot be"));
                }
                found.headers.push((capitalised(&name), text(value)));
            }
        }
    }
    let recipients = found.to.len() + found.cc.len();
    if recipients == 0 || recipients > RECIPIENTS_MAX {
        return Err(wrong("there must be from 1 to 16 addresses"));
    }
    Ok(found)
}

fn text(encoded: &str) -> String {
    String::from_utf8_lossy(&decode(encoded)).into_owned()
}

/// Every `%` has its two digits.
fn escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|piece| {
        piece.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}

fn addresses(list: &str, into: &mut Vec<String>) -> Result<(), ()> {
    for address in list.split(',').filter(|address| !address.is_empty()) {
        let address = text(address);
        if !sieve_address(&address) {
            return Err(());
        }
        into.extend(mailboxes(&address));
    }
    Ok(())
}

/// RFC 5436 §2.7: what the system writes itself is ignored, and what would change the form.
fn is_unsafe(name: &str) -> bool {
    let ours = [
        "from",
        "sender",
        "auto-submitted",
        "received",
        "message-id",
        "date",
        "bcc",
        "return-path",
        "mime-version",
        "resent-from",
        "resent-sender",
        "reply-to",
        "dkim-signature",
    ];
    ours.contains(&name) || name.starts_with("content-") || name.starts_with("resent-")
}

/// As headers are usually written.
fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

impl World<'_> {
    pub(super) fn notify(&mut self, at: Position, notify: &tree::Notify, work: &mut Work) -> Told {
        let method = self.names().string(&notify.method);
        // RFC 5435 §3.2: what is not supported, or not valid, is an error.
        let uri = parse(&method).map_err(Halt::Error)?;
        // §3.3: a `:from` that is no address is an error; one that is not ours is ignored.
        let from = match &notify.from {
            Some(from) => Some(self.mail_address(from)?),
            None => None,
        };
        let importance = self.word(&notify.importance)?;
        let message = notify.message.as_deref().map(|message| self.names().string(message));
        let fcc = notify.fcc.as_ref().map(|fcc| self.fcc(fcc, work)).transpose()?;
        let automatic = self.message.values(0, b"Auto-Submitted").map(|value| value.len()).sum();
        work.budget.steps(automatic)?;
        if self.is_automatic() {
            // RFC 5436 §2.7: no notification of what programs send.
            return Ok(self.told(|| "notify: not of what was sent by a program".into()));
        }
        let is_ours = |address: &String| {
            let known = self.facts.addresses.iter().copied().chain([&*self.envelope.to]);
            known.into_iter().any(|known| known.eq_ignore_ascii_case(address))
        };
        let from = from.filter(is_ours).unwrap_or_else(|| {
            let to = &*self.envelope.to;
            if to.is_empty() { self.owner() } else { to.to_owned() }
        });
        let sender = if self.envelope.from.is_empty() { String::new() } else { from.clone() };
        let original = self.subject(&mut work.budget)?;
        let subject = message.or(uri.subject).or_else(|| original.clone()).unwrap_or_default();
        let written_by = self.quoted("From", &mut work.budget)?.unwrap_or_default();
        let body = uri.body.unwrap_or_else(|| {
            // RFC 5435 §3.6: at least who wrote, and of what.
            format!("From: {written_by}\r\nSubject: {}\r\n", original.unwrap_or_default())
        });
        let told = self.told(|| format!("notify {method}"));
        let action = Notify {
            method,
            recipients: uri.to.iter().chain(&uri.cc).cloned().collect(),
            to: uri.to,
            from,
            sender,
            importance,
            subject,
            headers: uri.headers,
            body: compose::crlf(&body),
            owner: self.owner(),
            fcc,
        };
        self.add_action(at, Action::Notify(Box::new(action)))?;
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // RFC 5436 §2.1 and §2.7
    fn uris() {
        let uri =
            parse("mailto:a@b,c%2Bd@e?cc=f@g&Subject=x%20y&body=z&x-h=v&from=evil@x").unwrap();
        assert_eq!(uri.to, ["a@b", "c+d@e"]);
        assert_eq!(uri.cc, ["f@g"]);
        assert_eq!((uri.subject.as_deref(), uri.body.as_deref()), (Some("x y"), Some("z")));
        assert_eq!(uri.headers, [("X-h".to_owned(), "v".to_owned())]);
        assert_eq!(parse("MAILTO:?to=a@b").unwrap().to, ["a@b"]);
        for wrong in [
            "",
            "mailto:",
            "mailto:a",
            "tel:+1",
            "mailto:a@b?x",
            "mailto:a@b?a%3Ab=c",
            "mailto:a@b%0d%0aBcc:c@d",
            "mailto:a b@c",
            "mailto:a@b%2",
            "mailto:a@b#c",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
