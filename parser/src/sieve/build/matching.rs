//! `MATCH-TYPE`, `COMPARATOR` and the keys they are for (RFC 5228 §2.7, RFC 5231, RFC 6134).

use alloc::format;
use alloc::vec::Vec;

use super::super::capability::Capability as C;
use super::super::check::{Call, Checker};
use super::super::error::{nearest, shown};
use super::super::regex;
use super::super::tree::{Comparator, Compare, Index, Match, MatchType, Relation, Text};

/// Their names (RFC 4790 §9, RFC 5051).
const COMPARATORS: &[&str] =
    &["i;octet", "i;ascii-casemap", "i;ascii-numeric", "i;unicode-casemap"];

impl Checker {
    /// The keys in a slot, and how they are compared.
    pub(super) fn compare(&mut self, call: &Call<'_, '_>, keys: usize) -> Option<Compare> {
        let matching = self.matching(call)?;
        let keys = self.slot_list(call, keys);
        self.keys(matching, &keys);
        Some(Compare { matching, keys: keys.into() })
    }

    /// What keys must be for a match type.
    pub(super) fn keys(&mut self, matching: Match, keys: &[Text]) {
        match matching.kind {
            MatchType::List => keys.iter().for_each(|key| self.list_name(key)),
            MatchType::Regex => keys.iter().for_each(|key| self.regex(key)),
            MatchType::Count(_) if matching.comparator != Comparator::AsciiNumeric => {
                // RFC 5231 §4.2: "SHOULD only be used with numeric comparators".
                if let Some(key) = keys.first() {
                    self.warnings.add(key.at, "numbers are compared here as if they were words");
                    self.warnings.hint("write :comparator \"i;ascii-numeric\"");
                }
            }
            _ => {}
        }
    }

    /// draft-murchison-sieve-regex-07 §3: other expressions are a syntax error.
    fn regex(&mut self, key: &Text) {
        if let Some(Err(expected)) = key.constant().map(regex::check) {
            let found = shown(key.constant().unwrap_or_default());
            self.error(key.at, format!("{expected}, in the regular expression {found}"));
        }
    }

    /// `MATCH-TYPE` and `COMPARATOR` — RFC 5228 §2.7, RFC 5231 §4.
    pub(super) fn matching(&mut self, call: &Call<'_, '_>) -> Option<Match> {
        let comparator = self.comparator(call)?;
        let kind = match call.of("match type").map(|(name, _)| name) {
            Some("contains") => MatchType::Contains,
            Some("matches") => MatchType::Matches,
            Some("regex") => MatchType::Regex,
            Some("list") => MatchType::List,
            Some("count") => MatchType::Count(self.relation(call, "count")?),
            Some("value") => MatchType::Value(self.relation(call, "value")?),
            _ => MatchType::Is,
        };
        let inside = matches!(kind, MatchType::Contains | MatchType::Matches | MatchType::Regex);
        if comparator == Comparator::AsciiNumeric && inside {
            // RFC 4790 §9.1.1: it knows equality and order, no substrings; RFC 5228 §2.7.1 makes
            // that an error.
            let tag = call.of("match type").map_or("", |(name, _)| name);
            let at = call.tag_at("comparator");
            self.error(at, format!("\"i;ascii-numeric\" and \":{tag}\" exclude each other"));
        }
        if kind == MatchType::List && call.has("comparator") {
            // RFC 6134 §2.2.
            self.error(
                call.tag_at("comparator"),
                "\":list\" and \":comparator\" exclude each other",
            );
        }
        Some(Match { kind, comparator })
    }

    /// RFC 5228 §2.7.3: two comparators need no `require`.
    fn comparator(&mut self, call: &Call<'_, '_>) -> Option<Comparator> {
        let Some(text) = self.tag_text(call, "comparator") else {
            return Some(Comparator::AsciiCasemap);
        };
        let name = self.constant(&text)?;
        Some(match name.as_str() {
            "i;octet" => Comparator::Octet,
            "i;ascii-casemap" => Comparator::AsciiCasemap,
            "i;ascii-numeric" => {
                self.need(text.at, &[C::ComparatorAsciiNumeric], format_args!("\"{name}\""));
                Comparator::AsciiNumeric
            }
            "i;unicode-casemap" => {
                self.need(text.at, &[C::ComparatorUnicodeCasemap], format_args!("\"{name}\""));
                Comparator::UnicodeCasemap
            }
            _ => {
                self.form(&text, "a comparator");
                if let Some(near) = nearest(&name, COMPARATORS.iter().copied()) {
                    self.errors.hint(format!("did you mean \"{near}\"?"));
                }
                return None;
            }
        })
    }

    /// `relational-match = DQUOTE ("gt" / "ge" / "lt" / "le" / "eq" / "ne") DQUOTE` — RFC 5231 §4.
    fn relation(&mut self, call: &Call<'_, '_>, tag: &str) -> Option<Relation> {
        let text = self.tag_text(call, tag)?;
        let name = self.constant(&text)?.to_ascii_lowercase();
        Some(match name.as_str() {
            "gt" => Relation::Greater,
            "ge" => Relation::GreaterOrEqual,
            "lt" => Relation::Less,
            "le" => Relation::LessOrEqual,
            "eq" => Relation::Equal,
            "ne" => Relation::NotEqual,
            _ => {
                self.form(&text, "\"gt\", \"ge\", \"lt\", \"le\", \"eq\" or \"ne\"");
                return None;
            }
        })
    }

    /// RFC 5260 §6: from 1, and `:last` makes no sense alone.
    pub(super) fn index(&mut self, call: &Call<'_, '_>) -> Option<Index> {
        self.together(call, "last", "index");
        let number = call.tag_number("index")?;
        if number == 0 {
            self.error(call.tag_at("index"), "expected an \":index\" from 1");
        }
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        Some(Index { number, last: call.has("last") })
    }

    /// The names of header fields in a slot, of which RFC 5228 §2.4.2.2 forbids no form; but some
    /// can only be mistakes.
    pub(super) fn headers(&mut self, call: &Call<'_, '_>, slot: usize) -> Vec<Text> {
        let headers = self.slot_list(call, slot);
        for text in &headers {
            let Some(name) = text.constant() else { continue };
            if !super::super::form::field_name(name) {
                let message = format!("no header field is named {}", shown(name));
                self.warnings.add(text.at, message);
            }
        }
        headers
    }
}
