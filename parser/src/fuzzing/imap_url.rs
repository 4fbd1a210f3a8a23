//! IMAP URLs.

use super::linear;
use crate::imap::section_spec;
use crate::imap::url::{Encoded, ImapUrl, UrlBase, UrlPartial, UrlServer};
use alloc::format;
use alloc::string::String;

/// What parses survives being printed and parsed again; decoding never lengthens; reading and
/// decoding is linear work.
pub fn imap_url(input: &[u8]) {
    match linear(input.len(), 8, || ImapUrl::parse(input)) {
        Ok(url) => {
            let printed = print(&url);
            assert_eq!(ImapUrl::parse(printed.as_bytes()), Ok(url), "printed as {printed}");
            for text in [url.mailbox, url.section, url.search].into_iter().flatten() {
                let decoded = linear(input.len(), 4, || text.decode());
                assert!(decoded.len() <= text.as_bytes().len());
                assert!(text.bytes().eq(decoded.iter().copied()));
                let _ = section_spec(&decoded);
            }
        }
        Err(error) => assert!(error.offset <= input.len(), "{error} in {} bytes", input.len()),
    }
    let _ = linear(input.len(), 8, || section_spec(input));
}

fn print(url: &ImapUrl<'_>) -> String {
    let text = |text: Encoded<'_>| String::from_utf8_lossy(text.as_bytes()).into_owned();
    let mut printed = match url.base {
        UrlBase::Here => String::new(),
        UrlBase::Root => "/".into(),
        UrlBase::Server(UrlServer { user, auth, host, port }) => {
            let user_text = user.map(text).unwrap_or_default();
            let auth_text = auth.map(|auth| format!(";AUTH={}", text(auth))).unwrap_or_default();
            let at = if user.is_some() || auth.is_some() { "@" } else { "" };
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("imap://{user_text}{auth_text}{at}{host}{port}/")
        }
    };
    printed.push_str(&url.mailbox.map(text).unwrap_or_default());
    if let Some(number) = url.uid_validity {
        printed.push_str(&format!(";UIDVALIDITY={number}"));
    }
    let mut slash = if url.mailbox.is_some() { "/" } else { "" };
    let parameters = [
        url.uid.map(|number| format!(";UID={number}")),
        url.section.map(|section| format!(";SECTION={}", text(section))),
        url.partial.map(|UrlPartial { offset, count }| {
            let count = count.map(|count| format!(".{count}")).unwrap_or_default();
            format!(";PARTIAL={offset}{count}")
        }),
    ];
    for parameter in parameters.into_iter().flatten() {
        printed.push_str(slash);
        printed.push_str(&parameter);
        slash = "/";
    }
    if let Some(search) = url.search {
        printed.push_str(&format!("?{}", text(search)));
    }
    printed
}
