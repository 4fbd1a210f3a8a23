//! What changes or reads whole parts: `replace`, `enclose` and `extracttext` (RFC 5703 §5 to §7).

use parser::message::{Fields, Kind};
use parser::sieve::tree::Text;

use super::command::Told;
use super::compose;
use super::run::{Halt, Loop, Work, World};
use super::test::now;

impl World<'_> {
    /// `extracttext` — §7: the text of the current part in UTF-8; empty if it has none.
    pub(super) fn part_text(&self, first: Option<u64>, work: &mut Work) -> Result<Vec<u8>, Halt> {
        let in_loop = self.frames.last().is_some_and(|frame| !frame.loops.is_empty());
        let part = self.message.part(self.part());
        let known = [&b"7bit"[..], b"8bit", b"binary", b"base64", b"quoted-printable"];
        let is_text = part.kind() == Kind::Leaf && part.media_type().0 == b"text";
        if !in_loop || !is_text || !known.contains(&part.encoding()) {
            return Ok(Vec::new());
        }
        let content = self.message.content(self.part(), &mut work.budget)?;
        let first = first.map_or(usize::MAX, |first| usize::try_from(first).unwrap_or(usize::MAX));
        let first = first.min(self.facts.limits.string_bytes_max);
        // No character has more than four bytes.
        let most = first.saturating_mul(4).min(content.len());
        work.budget.steps(most)?;
        let text = String::from_utf8_lossy(content.get(..most).unwrap_or_default());
        let end = text.char_indices().nth(first).map_or(text.len(), |(at, _)| at);
        Ok(text.as_bytes().get(..end).unwrap_or_default().to_vec())
    }

    /// `replace` — §5.
    pub(super) fn replace(
        &mut self,
        mime: bool,
        subject: Option<&Text>,
        from: Option<&Text>,
        replacement: &Text,
        work: &mut Work,
    ) -> Told {
        let part = self.part();
        let subject = subject.map(|subject| self.names().string(subject));
        let from = from.map(|from| self.mailbox_list(from)).transpose()?.map(|(text, _)| text);
        let text = self.names().string(replacement);
        let (fields, body) = if mime { entity(&text) } else { compose::text_part(&text) };
        let whole = self.message.whole();
        self.edit(fields.len() + body.len() + whole.len() / WHOLE_SHARE, work)?;
        work.budget.steps(whole.len())?;
        let mut bytes = Vec::with_capacity(whole.len() + body.len() + 512);
        let is_message = part == 0
            || self
                .message
                .part(part)
                .parent()
                .is_some_and(|parent| parent.kind() == Kind::Message);
        let (before, behind) = self.around_part(part, &whole);
        bytes.extend_from_slice(before);
        if is_message {
            let mut kept = Vec::new();
            self.kept_fields(part, (part == 0).then_some((&subject, &from)), &mut kept);
            bytes.extend_from_slice(&kept);
            bytes.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        bytes.extend_from_slice(fields.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body.as_bytes());
        bytes.extend_from_slice(behind);
        let old_end = self.message.end(part);
        self.message.become_bytes(bytes);
        let new_end = self.message.end(part);
        self.loops_behind(part, old_end, new_end);
        Ok(self.told(|| format!("replace part {part}")))
    }

    /// What of the message stands before a part and behind it.
    fn around_part<'a>(&self, part: usize, whole: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        if part == 0 {
            return (&[], &[]);
        }
        let at = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let part = self.message.part(part);
        let end = at(part.body().0.saturating_add(part.body().1));
        // A header that was edited has another length.
        let shift = |offset: usize| {
            (offset + whole.len()).checked_sub(self.message.received_len()).unwrap_or(offset)
        };
        let begin = shift(at(part.header().0)).min(whole.len());
        let end = shift(end).clamp(begin, whole.len());
        (whole.get(..begin).unwrap_or_default(), whole.get(end..).unwrap_or_default())
    }

    /// §5: all fields but those of the MIME structure; what is new takes the place of what was.
    fn kept_fields(
        &self,
        part: usize,
        changes: Option<(&Option<String>, &Option<String>)>,
        out: &mut Vec<u8>,
    ) {
        let (subject, from) = changes.unwrap_or((&None, &None));
        if let Some(from) = from {
            out.extend_from_slice(&compose::address_field("From", from));
        }
        if let Some(subject) = subject {
            out.extend_from_slice(&compose::field("Subject", subject));
        }
        for raw in self.message.raw_fields(part) {
            let name = Fields::new(raw).next().map_or(&b""[..], |field| field.name);
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            let structure =
                name.get(..8).is_some_and(|head| head.eq_ignore_ascii_case(b"content-"));
            if structure || is("MIME-Version") {
                continue;
            }
            if (subject.is_some() && is("Subject")) || (from.is_some() && is("From")) {
                out.extend_from_slice(b"Original-");
            }
            out.extend_from_slice(raw);
            if !raw.ends_with(b"\n") {
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Loops go on behind a part that was replaced (§5).
    fn loops_behind(&mut self, part: usize, old_end: usize, new_end: usize) {
        let moved = |at: usize| if at >= old_end { at - old_end + new_end } else { at };
        for inner in self.frames.iter_mut().flat_map(|frame| &mut frame.loops) {
            if inner.next > part {
                inner.next = if inner.next < old_end { new_end } else { moved(inner.next) };
            }
            inner.end = moved(inner.end);
        }
    }

    /// `enclose` — §6.
    pub(super) fn enclose(
        &mut self,
        subject: Option<&Text>,
        headers: &[Text],
        text: &Text,
        work: &mut Work,
    ) -> Told {
        let subject = match subject {
            Some(subject) => Some(self.names().string(subject)),
            None => self.subject(&mut work.budget)?,
        };
        let headers: Vec<String> = headers.iter().map(|text| self.names().string(text)).collect();
        let (fields, body) = compose::text_part(&self.names().string(text));
        let whole = self.message.whole();
        self.edit(fields.len() + body.len() + 1_024 + whole.len() / WHOLE_SHARE, work)?;
        work.budget.steps(whole.len())?;
        if self.unenclosed.is_none() {
            self.unenclosed = Some(self.version()?);
        }
        let has = |name: &str| headers.iter().any(|known| known.eq_ignore_ascii_case(name));
        let mut bytes = Vec::with_capacity(whole.len() + body.len() + 1_024);
        for raw in self.message.raw_fields(0) {
            let name = Fields::new(raw).next().map_or(&b""[..], |field| field.name);
            let name = String::from_utf8_lossy(name);
            let structure = name.get(..8).is_some_and(|h| h.eq_ignore_ascii_case("content-"));
            let ours = structure
                || ["MIME-Version", "Subject"].iter().any(|n| n.eq_ignore_ascii_case(&name));
            if has(&name) && !ours {
                bytes.extend_from_slice(raw);
                if !raw.ends_with(b"\n") {
                    bytes.extend_from_slice(b"\r\n");
                }
            }
        }
        if !has("Date") {
            bytes.extend_from_slice(&compose::field("Date", &now(self.facts).std11()));
        }
        if !has("From") {
            bytes.extend_from_slice(&compose::address_field("From", &self.owner()));
        }
        if let Some(subject) = &subject {
            bytes.extend_from_slice(&compose::field("Subject", subject));
        }
        let boundary = compose::boundary(&[whole.as_slice(), body.as_bytes()].concat());
        let wide = |bytes: &[u8]| !bytes.is_ascii();
        let encoding = if wide(&whole) || wide(body.as_bytes()) { "8bit" } else { "7bit" };
        bytes.extend_from_slice(
            format!(
                "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\
                 Content-Transfer-Encoding: {encoding}\r\n\r\n--{boundary}\r\n{fields}\r\n{body}\r\n\
                 --{boundary}\r\nContent-Type: message/rfc822\r\n\
                 Content-Transfer-Encoding: {encoding}\r\n\r\n"
            )
            .as_bytes(),
        );
        bytes.extend_from_slice(&whole);
        bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        self.message.become_bytes(bytes);
        // The parts that loops were walking are elsewhere now: they end.
        for frame in &mut self.frames {
            frame.root = 0;
            let ended = Loop { current: Some(0), next: 0, end: 0 };
            frame.loops.iter_mut().for_each(|inner| *inner = ended);
        }
        Ok(self.told(|| "enclose".into()))
    }
}

/// A copy of the message counts as a fraction of it against the bytes that may be added: it is
/// large, and there is one of it at a time.
const WHOLE_SHARE: usize = 64;

/// An entity's fields and its body (RFC 2045 §2.4), with lines that end in CRLF.
fn entity(text: &str) -> (String, String) {
    let text = compose::crlf(text);
    let mut fields = Fields::new(text.as_bytes());
    let mut header = String::new();
    for field in fields.by_ref().filter(|field| !field.name.is_empty()) {
        header.push_str(&String::from_utf8_lossy(field.raw));
    }
    if !header.is_empty() && !header.ends_with("\r\n") {
        header.push_str("\r\n");
    }
    (header, text.get(fields.offset()..).unwrap_or_default().to_owned())
}
