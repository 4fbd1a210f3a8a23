//! Does a message match a search? The one place that decides (RFC 9051 §6.4.4): an index only ever
//! proposes.
//!
//! A search is prepared once ([`Matcher::new`]) and then asked of many messages. It can be asked
//! with less than it needs: it says `None` for as long as what is missing matters, so that a
//! message whose flags or dates rule it out is never opened.

use std::cell::OnceCell;

use memchr::memmem::Finder;
use parser::message::header::{Fields, find};
use parser::message::{DateTime, MessageMap};

use super::envelope::{Plain, Told};
use super::fold::fold;
use super::search::Query;
use super::{Message, UidRuns, text};
use crate::model::{Flags, Keyword, Keywords};

/// What a search must have read of a message before it can always decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The top header block.
    pub header: bool,
    /// The whole message; the map with it saves work.
    pub body: bool,
}

/// What is known of one message.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// From the snapshot.
    pub message: Message,
    /// The snapshot's keywords.
    pub keywords: &'a Keywords,
    /// The rendered ENVELOPE: for some fields as good as the header.
    pub envelope: Option<&'a [u8]>,
    /// The top header block, or the whole message: the walk stops at the blank line.
    pub header: Option<&'a [u8]>,
    /// If it is at hand; made from the body otherwise.
    pub map: Option<&'a MessageMap>,
    /// The whole message.
    pub body: Option<&'a [u8]>,
}

impl Query {
    /// What it must have read.
    pub fn needs(&self) -> Needs {
        match self {
            Self::Header { .. } | Self::SentBefore(_) | Self::SentSince(_) => {
                Needs { header: true, body: false }
            }
            Self::Body(_) => Needs { header: false, body: true },
            Self::Text(_) => Needs { header: true, body: true },
            Self::Not(query) => query.needs(),
            Self::And(queries) | Self::Or(queries) => {
                queries.iter().map(Self::needs).fold(Needs::default(), |all, one| Needs {
                    header: all.header || one.header,
                    body: all.body || one.body,
                })
            }
            _ => Needs::default(),
        }
    }

    /// True if the ENVELOPE alone settles it for most messages.
    pub fn asks_envelope(&self) -> bool {
        match self {
            Self::Header { field, .. } => Plain::named(field.trim().as_bytes()).is_some(),
            Self::Not(query) => query.asks_envelope(),
            Self::And(queries) => queries.iter().any(Self::asks_envelope),
            Self::Or(queries) => queries
                .iter()
                .all(|query| query.needs() == Needs::default() || query.asks_envelope()),
            _ => false,
        }
    }

    /// True if the message matches. For many messages prepare a [`Matcher`].
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        Matcher::new(self).matches(facts)
    }
}

/// A search made ready: words folded, their finders built.
#[derive(Debug)]
pub struct Matcher {
    test: Test,
    needs: Needs,
}

/// A [`Query`] in the form that is asked.
#[derive(Debug)]
enum Test {
    All,
    Nothing,
    Flags(Flags),
    Keyword(Keyword),
    Uids(UidRuns),
    Header { field: Vec<u8>, plain: Option<Plain>, value: Word },
    Body(Word),
    Text(Word),
    InternalBefore(i64),
    InternalSince(i64),
    SentBefore(i32),
    SentSince(i32),
    Larger(u64),
    Smaller(u64),
    ModSeq(i64),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// A folded substring.
#[derive(Debug)]
struct Word(Finder<'static>);

impl Word {
    fn new(text: &str) -> Self {
        Self(Finder::new(&fold(text)).into_owned())
    }

    fn is_in(&self, folded: &str) -> bool {
        self.0.find(folded.as_bytes()).is_some()
    }

    fn is_empty(&self) -> bool {
        self.0.needle().is_empty()
    }
}

impl Test {
    fn of(query: &Query) -> Self {
        match query {
            Query::All => Self::All,
            Query::Nothing => Self::Nothing,
            Query::Flags(flags) => Self::Flags(*flags),
            Query::Keyword(keyword) => Self::Keyword(keyword.clone()),
            Query::Uids(uids) => Self::Uids(uids.clone()),
            Query::Header { field, value } => {
                let field = field.trim().as_bytes().to_vec();
                Self::Header { plain: Plain::named(&field), field, value: Word::new(value) }
            }
            Query::Body(value) => Self::Body(Word::new(value)),
            Query::Text(value) => Self::Text(Word::new(value)),
            Query::InternalBefore(day) => Self::InternalBefore(i64::from(*day)),
            Query::InternalSince(day) => Self::InternalSince(i64::from(*day)),
            Query::SentBefore(day) => Self::SentBefore(*day),
            Query::SentSince(day) => Self::SentSince(*day),
            Query::Larger(size) => Self::Larger(*size),
            Query::Smaller(size) => Self::Smaller(*size),
            Query::ModSeq(mod_seq) => Self::ModSeq(*mod_seq),
            Query::Not(query) => Self::Not(Box::new(Self::of(query))),
            Query::And(queries) => Self::And(cheapest_first(queries)),
            Query::Or(queries) => Self::Or(cheapest_first(queries)),
        }
    }
}

/// What the snapshot can tell is asked before what must be read, and headers before bodies.
fn cheapest_first(queries: &[Query]) -> Vec<Test> {
    let mut ordered: Vec<&Query> = queries.iter().collect();
    ordered.sort_by_key(|query| {
        let needs = query.needs();
        (needs.body, needs.header)
    });
    ordered.into_iter().map(Test::of).collect()
}

impl Matcher {
    /// Prepares a search.
    pub fn new(query: &Query) -> Self {
        Self { test: Test::of(query), needs: query.needs() }
    }

    /// What it must have read before [`Matcher::decide`] never says `None`.
    pub const fn needs(&self) -> Needs {
        self.needs
    }

    /// Whether the message matches; `None` if that depends on what is not in `facts`.
    pub fn decide(&self, facts: &Facts<'_>) -> Option<bool> {
        Asked { facts, sent_day: OnceCell::new(), map: OnceCell::new(), texts: OnceCell::new() }
            .ask(&self.test)
    }

    /// True if the message matches, as far as `facts` tell.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.decide(facts).unwrap_or(false)
    }
}

/// One message while it is asked: what is costly is made once.
struct Asked<'a> {
    facts: &'a Facts<'a>,
    sent_day: OnceCell<Option<i32>>,
    map: OnceCell<MessageMap>,
    /// Folded body texts.
    texts: OnceCell<Vec<String>>,
}

impl Asked<'_> {
    fn ask(&self, test: &Test) -> Option<bool> {
        let message = &self.facts.message;
        let day = message.internal_seconds.div_euclid(86_400);
        Some(match test {
            Test::All => true,
            Test::Nothing => false,
            Test::Flags(flags) => message.flags.contains(*flags),
            Test::Keyword(keyword) => {
                let mask = self.facts.keywords.mask_of(keyword);
                mask.is_some_and(|mask| message.keywords.0 & mask.0 != 0)
            }
            Test::Uids(uids) => uids.contains(message.uid),
            Test::InternalBefore(before) => day < *before, // exclusive (pitfall 111)
            Test::InternalSince(since) => day >= *since,
            Test::Larger(size) => u64::from(message.size) > *size,
            Test::Smaller(size) => u64::from(message.size) < *size,
            Test::ModSeq(mod_seq) => message.mod_seq.0 >= *mod_seq,
            Test::SentBefore(before) => self.sent_day()?.is_some_and(|day| day < *before),
            Test::SentSince(since) => self.sent_day()?.is_some_and(|day| day >= *since),
            Test::Header { field, plain, value } => match self.header() {
                Some(header) => header_has(header, field, value),
                None => self.envelope_has((*plain)?, value)?,
            },
            Test::Body(word) => self.body_has(word)?,
            Test::Text(word) => return self.text_has(word),
            Test::Not(test) => !self.ask(test)?,
            Test::And(tests) => return self.each(tests, false),
            Test::Or(tests) => return self.each(tests, true),
        })
    }

    /// `decisive` if any test says that; the opposite if all say so; unknown otherwise.
    fn each(&self, tests: &[Test], decisive: bool) -> Option<bool> {
        let mut known = true;
        for test in tests {
            match self.ask(test) {
                Some(answer) if answer == decisive => return Some(decisive),
                Some(_) => {}
                None => known = false,
            }
        }
        known.then_some(!decisive)
    }

    fn header(&self) -> Option<&[u8]> {
        self.facts.header.or(self.facts.body)
    }

    /// The day the Date field names, whatever its zone (pitfall 111); outer `None` if the header
    /// is missing, inner if the field is, or is no date (pitfall 140).
    fn sent_day(&self) -> Option<Option<i32>> {
        let header = self.header()?;
        Some(*self.sent_day.get_or_init(|| {
            let date = find(header, b"date").and_then(DateTime::parse);
            date.map(|date| date.unix_days())
        }))
    }

    /// What the header would say, if the ENVELOPE is enough to know it.
    fn envelope_has(&self, field: Plain, word: &Word) -> Option<bool> {
        match field.told_by(self.facts.envelope?) {
            Told::Absent => Some(false),
            Told::Once(value) => Some(value_has(&value, word)),
            Told::Unclear => None,
        }
    }

    fn body_has(&self, word: &Word) -> Option<bool> {
        let body = self.facts.body?;
        let texts = self.texts.get_or_init(|| {
            text::body_texts(self.map(body), body).map(|text| fold(&text)).collect()
        });
        Some(texts.iter().any(|text| word.is_in(text)) || word.is_empty())
    }

    fn text_has(&self, word: &Word) -> Option<bool> {
        let in_header = self.header().map(|header| word.is_in(&fold(&text::header_text(header))));
        if in_header == Some(true) {
            return in_header;
        }
        let body = self.facts.body?;
        if self.body_has(word)? {
            return Some(true);
        }
        let mut mime = text::mime_texts(self.map(body), body);
        Some(mime.any(|text| word.is_in(&fold(&text))))
    }

    fn map<'a>(&'a self, body: &[u8]) -> &'a MessageMap {
        match self.facts.map {
            Some(map) => map,
            None => self.map.get_or_init(|| MessageMap::parse(body)),
        }
    }
}

/// True if any field of that name has the word in its decoded value; any value has the empty word
/// (pitfall 112).
fn header_has(header: &[u8], name: &[u8], word: &Word) -> bool {
    let mut fields = Fields::new(header).filter(|field| field.is(name));
    fields.any(|field| word.is_empty() || value_has(field.value, word))
}

/// Bytes of a field's value that are folded on the stack.
const PLAIN_VALUE_BYTES: usize = 512;

/// True if the decoded value has the word.
fn value_has(value: &[u8], word: &Word) -> bool {
    let mut folded = [0; PLAIN_VALUE_BYTES];
    match fold_plain(value, &mut folded) {
        Some(folded) => word.0.find(folded).is_some(),
        None => word.is_in(&fold(&text::decode_header(value))),
    }
}

/// The value decoded and folded where that is no more than ASCII in capitals: it is on one line,
/// has nothing that an encoded word has, and fits.
fn fold_plain<'a>(value: &[u8], folded: &'a mut [u8]) -> Option<&'a [u8]> {
    let value = value.trim_ascii();
    let folded = folded.get_mut(..value.len())?;
    let mut plain = true;
    for (to, from) in folded.iter_mut().zip(value) {
        *to = from.to_ascii_uppercase();
        plain &= from.is_ascii() & !matches!(from, b'\r' | b'\n' | b'=');
    }
    plain.then_some(folded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeywordMask, ModSeq, Uid};

    const MAIL: &str = "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\n\
        To: Ann <ann@x.example>,\r\n bob@y.example\r\nTo: carl@z.example\r\n\
        Subject: =?iso-8859-1?q?Gr=FC=DFe?= 100%_done\r\nX-Foo:\r\n\
        Date: Sat, 1 Jan 2022 00:30:00 +0200\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        SGVsbG8gV8OWUkxECg==\r\n--b\r\nContent-Disposition: attachment; filename=report.pdf\r\n\
        Content-Type: application/pdf\r\n\r\nbinary needle\r\n--b--\r\n";

    fn message() -> Message {
        Message {
            uid: Uid(7),
            mod_seq: ModSeq(9),
            flags: Flags::SEEN,
            keywords: KeywordMask(2),
            internal_seconds: 1_641_081_599, // 2022-01-01T23:59:59Z: day 18993
            size: 1_000,
        }
    }

    fn keywords() -> Keywords {
        Keywords::new(vec![Keyword::new("$Junk"), Keyword::new("Work")])
    }

    fn bare(keywords: &Keywords) -> Facts<'_> {
        let message = message();
        Facts { message, keywords, envelope: None, header: None, map: None, body: None }
    }

    #[track_caller]
    fn check(query: Query, want: bool) {
        let keywords = keywords();
        let facts = Facts { body: Some(MAIL.as_bytes()), ..bare(&keywords) };
        assert_eq!(query.matches(&facts), want, "{query:?}");
        assert_eq!(Query::Not(Box::new(query)).matches(&facts), !want); // pitfall 112
    }

    fn header(field: &str, value: &str) -> Query {
        Query::Header { field: field.into(), value: value.into() }
    }

    #[test] // pitfalls 112, 116
    fn what_the_snapshot_tells() {
        check(Query::All, true);
        check(Query::Nothing, false);
        check(Query::Flags(Flags::SEEN), true);
        check(Query::Flags(Flags::SEEN.union(Flags::DRAFT)), false);
        check(Query::Keyword(Keyword::new("WORK").unwrap()), true);
        check(Query::Keyword(Keyword::new("$junk").unwrap()), false);
        check(Query::Keyword(Keyword::new("other").unwrap()), false);
        check(Query::Uids(UidRuns::range(Uid(5), Uid(7))), true);
        check(Query::Uids(UidRuns::range(Uid(8), Uid(9))), false);
        check(Query::Larger(999), true);
        check(Query::Larger(1_000), false);
        check(Query::Smaller(1_000), false);
        check(Query::Smaller(1_001), true);
        check(Query::ModSeq(9), true);
        check(Query::ModSeq(10), false);
        check(Query::And(vec![]), true);
        check(Query::Or(vec![]), false);
        check(Query::Or(vec![Query::Nothing, Query::All]), true);
        check(Query::And(vec![Query::Nothing, Query::All]), false);
    }

    #[test] // pitfall 111
    fn days() {
        check(Query::InternalBefore(18_993), false); // exclusive
        check(Query::InternalBefore(18_994), true);
        check(Query::InternalSince(18_993), true);
        check(Query::InternalSince(18_994), false);
        // Its own calendar day is 2022-01-01, although it was still 2021 in UTC.
        check(Query::SentBefore(18_993), false);
        check(Query::SentBefore(18_994), true);
        check(Query::SentSince(18_993), true);
        check(Query::SentSince(18_994), false);
    }

    #[test] // pitfall 112
    fn headers() {
        check(header("subject", "grüße"), true);
        check(header("Subject", "GRÜSSE"), false);
        check(header("subject", "100%_"), true);
        check(header("subject", "100%x"), false);
        check(header("from", "jörg"), true);
        check(header("from", "JOERG@"), true);
        check(header("to", "ann"), true);
        check(header("to", "BOB@y"), true);
        check(header("to", "carl"), true);
        check(header("to", "dora"), false);
        check(header("x-foo", ""), true);
        check(header("x-bar", ""), false);
        check(header("x-foo", "y"), false);
        check(header("", ""), false);
    }

    /// What the ENVELOPE decides is what the header says; where it cannot, it says nothing.
    #[test] // pitfall 112
    fn the_envelope_never_disagrees_with_the_header() {
        let keywords = keywords();
        let subjects = [
            "",
            "Subject:\r\n",
            "Subject: a Word?\r\n",
            "Subject:  a\r\n word \r\n",
            "Subject: =?utf-8?q?W=C3=B6rd?= x\r\n",
            "Subject: a=b\r\n",
            "Subject: w\u{f6}rd\r\n",
            "Subject: a\0word\r\n",
            "Subject: a\rword\r\n",
            "Subject: x\r\nSUBJECT: word\r\n",
            "Subject: \"wo\\rd\"\r\n",
            "Subject : word\r\n",
            "X: y\r\n\r\nSubject: word\r\n",
        ];
        let mut decided = 0;
        for mail in subjects {
            let envelope = crate::mail::Digest::of(mail.as_bytes()).envelope;
            for word in ["", "WORD", "W\u{f6}RD", "a w", "?", "=", "wo\\rd\"", "x", "a word?"] {
                let query = header("subject", word);
                let by_header = Facts { header: Some(mail.as_bytes()), ..bare(&keywords) };
                let by_envelope = Facts { envelope: Some(&envelope), ..bare(&keywords) };
                let matcher = Matcher::new(&query);
                let Some(found) = matcher.decide(&by_envelope) else { continue };
                assert_eq!(Some(found), matcher.decide(&by_header), "{mail:?} {word:?}");
                decided += 1;
            }
        }
        assert_eq!(decided, 10 * 9); // all but 8 bits, a NUL, and a field that stands twice
        let asks = |query: &Query| query.asks_envelope();
        let (subject, from) = (header("Subject", "x"), header("From", "x"));
        assert!(asks(&subject) && asks(&header("Message-ID", "")) && !asks(&from));
        assert!(asks(&Query::And(vec![from.clone(), subject.clone()])));
        assert!(asks(&Query::Or(vec![Query::All, Query::Not(Box::new(subject.clone()))])));
        assert!(!asks(&Query::Or(vec![subject, from])));
    }

    #[test] // pitfall 112
    fn bodies_and_texts() {
        check(Query::Body("o wörld".into()), true);
        check(Query::Body("WÖRLD".into()), true);
        check(Query::Body("wo\u{308}rld".into()), true);
        check(Query::Body("needle".into()), false); // no text part
        check(Query::Body("jörg".into()), false);
        check(Query::Body(String::new()), true);
        check(Query::Text("jörg".into()), true);
        check(Query::Text("wörld".into()), true);
        check(Query::Text("REPORT.pdf".into()), true); // a MIME header (RFC 9051 §6.4.4)
        check(Query::Text("absent".into()), false);
    }

    #[test]
    fn undecided_until_it_has_what_it_needs() {
        let keywords = keywords();
        let bare = bare(&keywords);
        let body = || Query::Body("x".into());
        let decide = |query: &Query| Matcher::new(query).decide(&bare);
        assert_eq!(decide(&body()), None);
        assert_eq!(decide(&Query::Not(Box::new(body()))), None);
        assert_eq!(decide(&Query::And(vec![body(), Query::Nothing])), Some(false));
        assert_eq!(decide(&Query::And(vec![body(), Query::All])), None);
        assert_eq!(decide(&Query::Or(vec![body(), Query::All])), Some(true));
        assert_eq!(decide(&Query::Or(vec![body(), Query::Nothing])), None);
        assert_eq!(decide(&header("a", "b")), None);
        assert_eq!(decide(&Query::SentBefore(1)), None);
        let header_only = Facts { header: Some(b"Subject: x\r\n\r\n"), ..bare };
        assert_eq!(Matcher::new(&Query::Text("x".into())).decide(&header_only), Some(true));
        assert_eq!(Matcher::new(&Query::Text("y".into())).decide(&header_only), None);
        assert_eq!(Matcher::new(&Query::SentBefore(1)).decide(&header_only), Some(false));
        let needs = Query::Or(vec![Query::Not(Box::new(header("a", ""))), Query::All]).needs();
        assert_eq!(needs, Needs { header: true, body: false });
        assert_eq!(Query::Text("a".into()).needs(), Needs { header: true, body: true });
        assert_eq!(Query::All.needs(), Needs::default());
    }
}
