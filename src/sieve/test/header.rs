//! `header`, `address` and `exists` (RFC 5228 §5.1, §5.5, §5.7; RFC 5703 §4; RFC 5260 §6).

use std::borrow::Cow;
use std::ops::Range;

use parser::message::content::{self, Params};
use parser::sieve::holds_addresses;
use parser::sieve::tree::{AddressPart, Compare, Index, Mime, MimeOf, Text};

use super::{Trial, settle};
use crate::mail::{charset, text};
use crate::sieve::keys::Matcher;
use crate::sieve::limits::Budget;
use crate::sieve::message::{MailAddress, Value};
use crate::sieve::run::{Halt, World};

/// Names of fields, with their variables put in.
type Names<'t> = Vec<Cow<'t, [u8]>>;

impl World<'_> {
    /// The parts whose headers a test looks at: the message's own, the current part's, or all in it
    /// (RFC 5703 §4.1).
    fn scope(&self, mime: Option<&Mime>) -> Range<usize> {
        match mime {
            None => self.root()..self.root() + 1,
            Some(Mime { any_child: false, .. }) => self.part()..self.part() + 1,
            Some(Mime { any_child: true, .. }) => self.part()..self.message.end(self.part()),
        }
    }

    fn field_names<'t>(&self, headers: &'t [Text]) -> Names<'t> {
        headers.iter().map(|text| self.names().text(text)).collect()
    }

    /// The fields of these names, in the order of the names: one of them if there is an index
    /// (RFC 5260 §6).
    fn fields(
        &self,
        part: usize,
        headers: &[Text],
        index: Option<Index>,
        mut visit: impl FnMut(&[u8], Value<'_>) -> Result<bool, Halt>,
    ) -> Result<bool, Halt> {
        let Some(Index { number, last }) = index else {
            for header in headers {
                let name = self.names().text(header);
                for value in self.message.values(part, &name) {
                    if visit(&name, value)? {
                        return Ok(true);
                    }
                }
            }
            return Ok(false);
        };
        let names = self.field_names(headers);
        let all = || {
            names
                .iter()
                .flat_map(|name| self.message.values(part, name).map(move |value| (name, value)))
        };
        let before = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
        let nth = match last {
            false => Some(before),
            true => all().count().checked_sub(before.saturating_add(1)),
        };
        match nth.and_then(|nth| all().nth(nth)) {
            Some((name, value)) => visit(name, value),
            None => Ok(false),
        }
    }

    pub(super) fn header(
        &self,
        index: Option<Index>,
        mime: Option<&Mime>,
        headers: &[Text],
        compare: &Compare,
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        let mut matcher = self.matcher(compare, trial)?;
        let of = mime.map_or(&MimeOf::Value, |mime| &mime.of);
        let wanted = match of {
            MimeOf::Parameters(names) => self.field_names(names),
            _ => Vec::new(),
        };
        let wanted: Vec<Cow<'_, str>> =
            wanted.iter().map(|name| String::from_utf8_lossy(name)).collect();
        for part in self.scope(mime) {
            let budget = &mut trial.work.budget;
            budget.steps(self.message.look_up_steps(part).saturating_mul(headers.len()))?;
            let matched = self.fields(part, headers, index, |name, value| match of {
                MimeOf::Value if matcher.only_counts() => {
                    matcher.add(1);
                    Ok(false)
                }
                MimeOf::Value => matcher.value(&value.text(), budget),
                of => mime_value(of, &wanted, name, value, &mut matcher, budget),
            })?;
            if matched {
                return settle(matcher, true, trial);
            }
        }
        settle(matcher, false, trial)
    }

    pub(super) fn exists(
        &self,
        mime: Option<&Mime>,
        headers: &[Text],
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        for header in headers {
            let name = self.names().text(header);
            let mut found = false;
            for part in self.scope(mime) {
                trial.work.budget.steps(self.message.look_up_steps(part))?;
                found = self.message.values(part, &name).next().is_some();
                if found {
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn address(
        &self,
        of: AddressPart,
        index: Option<Index>,
        mime: Option<&Mime>,
        headers: &[Text],
        compare: &Compare,
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        let mut matcher = self.matcher(compare, trial)?;
        for part in self.scope(mime) {
            let budget = &mut trial.work.budget;
            budget.steps(self.message.look_up_steps(part).saturating_mul(headers.len()))?;
            let matched = self.fields(part, headers, index, |name, value| {
                // §5.1: only fields that hold addresses; in MIME headers any may (RFC 5703 §4.2).
                let holds = std::str::from_utf8(name).is_ok_and(holds_addresses);
                if mime.is_none() && !holds {
                    return Ok(false);
                }
                addresses(of, value, &mut matcher, budget)
            })?;
            if matched {
                return settle(matcher, true, trial);
            }
        }
        settle(matcher, false, trial)
    }
}

/// Groups' names do not count, the mailboxes in them do.
fn addresses(
    of: AddressPart,
    value: Value<'_>,
    matcher: &mut Matcher<'_>,
    budget: &mut Budget,
) -> Result<bool, Halt> {
    budget.steps(value.len())?;
    value.mailboxes(|mailboxes| {
        if matcher.only_counts() {
            matcher.add(mailboxes.len() as u64);
            return Ok(false);
        }
        for mailbox in mailboxes {
            if let Some(part) = part_of(mailbox, of)
                && matcher.value(part, budget)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// §2.7.4: of what is no address only the whole can match.
fn part_of(mailbox: &MailAddress, of: AddressPart) -> Option<&[u8]> {
    Some(match of {
        AddressPart::All => &mailbox.all,
        AddressPart::LocalPart => mailbox.parts()?.0,
        AddressPart::Domain => mailbox.parts()?.1,
        AddressPart::User => split_detail(mailbox.parts()?.0).0,
        AddressPart::Detail => split_detail(mailbox.parts()?.0).1?,
    })
}

/// `user+detail` (RFC 5233 §4), as addresses of accounts have it.
pub(in crate::sieve) fn split_detail(local: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'+', local) {
        Some(plus) if plus > 0 => (local.get(..plus).unwrap_or_default(), local.get(plus + 1..)),
        _ => (local, None),
    }
}

/// `MIMEOPTS` — RFC 5703 §4.1.
fn mime_value(
    of: &MimeOf,
    wanted: &[Cow<'_, str>],
    name: &[u8],
    value: Value<'_>,
    matcher: &mut Matcher<'_>,
    budget: &mut Budget,
) -> Result<bool, Halt> {
    budget.steps(value.len())?;
    let line = value.line();
    let is_type = name.eq_ignore_ascii_case(b"content-type");
    let is_disposition = name.eq_ignore_ascii_case(b"content-disposition");
    let (kind, subtype, params) = if is_type {
        let Some(found) = content::media_type(&line) else { return Ok(false) };
        found
    } else {
        let Some((kind, params)) = content::disposition(&line) else { return Ok(false) };
        (if is_disposition { kind } else { &b""[..] }, &b""[..], params)
    };
    match of {
        MimeOf::Type => matcher.value(kind, budget),
        MimeOf::Subtype => matcher.value(subtype, budget),
        MimeOf::ContentType if is_type => matcher.value(&[kind, b"/", subtype].concat(), budget),
        MimeOf::ContentType => matcher.value(kind, budget),
        MimeOf::Value => Ok(false),
        MimeOf::Parameters(_) => {
            for name in wanted {
                if let Some(text) = parameter(params.clone(), name)
                    && matcher.value(text.as_bytes(), budget)?
                {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// A parameter in any form of RFC 2231, decoded.
fn parameter(params: Params<'_>, name: &str) -> Option<String> {
    let joined = content::joined(params, name)?;
    Some(match joined.charset.as_slice() {
        b"" => text::decode_header(&joined.value),
        named => charset::decode(named, &joined.value).into_owned(),
    })
}
