//! `:regex`: the extended regular expressions of POSIX (draft-murchison-sieve-regex-07 §3), said in
//! the words of the `regex` crate, which matches in linear time.
//!
//! Deviation: of several ways to match, POSIX takes the longest; here the first alternative wins.
//! Only what groups hold can differ. Characters are those of Unicode; `[[:alpha:]]` and its like
//! are ASCII, as in the locale "C".

use regex::bytes::{Regex, RegexBuilder};

use super::glob::Letters;
use crate::limits::SIEVE_REGEX_BYTES_MAX;

/// Compiles an expression that [`parser::sieve::regex::check`] has found right.
pub(super) fn compile(pattern: &str, letters: Letters) -> Result<Regex, String> {
    parser::sieve::regex::check(pattern).map_err(str::to_owned)?;
    RegexBuilder::new(&translate(pattern, letters))
        .size_limit(SIEVE_REGEX_BYTES_MAX)
        .dfa_size_limit(SIEVE_REGEX_BYTES_MAX)
        .build()
        .map_err(|_| "the regular expression is too large".to_owned())
}

/// How many states an expression has, about: what is repeated counts as often as it may be.
pub(super) fn weight(pattern: &str) -> usize {
    // Of each group that is open: what stands in it so far, and its last piece.
    let (mut stack, mut sum, mut last) = (Vec::new(), 1_usize, 0_usize);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            '(' => {
                stack.push(sum.saturating_add(last));
                (sum, last) = (1, 0);
            }
            ')' => {
                let inside = sum.saturating_add(last);
                (sum, last) = (stack.pop().unwrap_or(1), inside);
            }
            '{' => {
                let bounds = rest.get(1..).and_then(|r| r.split_once('}')).map_or("", |(b, _)| b);
                taken = bounds.len() + 2;
                let most = bounds.split(',').filter_map(|number| number.parse().ok()).max();
                last = last.saturating_mul(most.unwrap_or(1_usize).max(1) + 1);
            }
            '[' => {
                let inside = rest.get(1..).unwrap_or_default();
                let skipped = inside.strip_prefix('^').unwrap_or(inside);
                let skipped = skipped.strip_prefix(']').unwrap_or(skipped);
                let end = skipped.find(']').unwrap_or(skipped.len());
                taken = 1 + inside.len() - skipped.len() + end + 1;
                (sum, last) = (sum.saturating_add(last), 2);
            }
            '\\' => {
                taken += rest.chars().nth(1).map_or(0, char::len_utf8);
                (sum, last) = (sum.saturating_add(last), 1);
            }
            _ => (sum, last) = (sum.saturating_add(last), 1),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    stack.into_iter().fold(sum.saturating_add(last), usize::saturating_add)
}

/// `^` and `$` are the ends of lines, however they end.
fn translate(pattern: &str, letters: Letters) -> String {
    let flags = if letters == Letters::Unicode { "(?imR)" } else { "(?mR)" };
    let mut out = String::with_capacity(pattern.len() + flags.len());
    out.push_str(flags);
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => literal(rest.next().unwrap_or('\\'), letters, &mut out),
            '[' => bracket(&mut rest, letters, &mut out),
            '.' | '*' | '+' | '?' | '|' | '(' | ')' | '^' | '$' => out.push(c),
            '{' => {
                out.push(c);
                for c in rest.by_ref() {
                    out.push(c);
                    if c == '}' {
                        break;
                    }
                }
            }
            _ => literal(c, letters, &mut out),
        }
    }
    out
}

fn literal(c: char, letters: Letters, out: &mut String) {
    if letters == Letters::AsciiCase && c.is_ascii_alphabetic() {
        out.extend(['[', c.to_ascii_lowercase(), c.to_ascii_uppercase(), ']']);
    } else {
        member(c, out);
    }
}

/// A character that means itself, in and out of brackets.
fn member(c: char, out: &mut String) {
    if c.is_ascii_alphanumeric() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }
}

/// `bracket_expression`, behind its `[`; it is known to have an end.
fn bracket(rest: &mut std::str::Chars<'_>, letters: Letters, out: &mut String) {
    out.push('[');
    if rest.as_str().starts_with('^') {
        rest.next();
        out.push('^');
    }
    let mut first = true;
    while !rest.as_str().is_empty() {
        if !first && rest.as_str().starts_with(']') {
            rest.next();
            break;
        }
        first = false;
        let Some(from) = element(rest, letters, out) else { continue };
        let mut ahead = rest.clone();
        let is_range = ahead.next() == Some('-') && !ahead.as_str().starts_with(']');
        if !is_range {
            range(from, from, letters, out);
            continue;
        }
        rest.next();
        let to = element(rest, letters, out).unwrap_or(from);
        range(from, to, letters, out);
    }
    out.push(']');
}

/// One character; a class is written out at once.
fn element(rest: &mut std::str::Chars<'_>, letters: Letters, out: &mut String) -> Option<char> {
    if let Some((name, behind)) =
        rest.as_str().strip_prefix("[:").and_then(|inside| inside.split_once(":]"))
    {
        *rest = behind.chars();
        let cased = letters != Letters::Octets && matches!(name, "lower" | "upper");
        out.push_str(&format!("[:{}:]", if cased { "alpha" } else { name }));
        return None;
    }
    let inside = rest.as_str().strip_prefix("[=").or_else(|| rest.as_str().strip_prefix("[."));
    if let Some(inside) = inside {
        let mut chars = inside.chars();
        let element = chars.next();
        chars.next();
        chars.next();
        *rest = chars;
        return element;
    }
    rest.next()
}

/// A range, and where ASCII's case does not count the same letters in the other one.
fn range(from: char, to: char, letters: Letters, out: &mut String) {
    let mut push = |from: char, to: char| {
        member(from, out);
        if from != to {
            out.push('-');
            member(to, out);
        }
    };
    push(from, to);
    if letters != Letters::AsciiCase {
        return;
    }
    let (lower, upper) = ((from.max('a'), to.min('z')), (from.max('A'), to.min('Z')));
    if lower.0 <= lower.1 {
        push(lower.0.to_ascii_uppercase(), lower.1.to_ascii_uppercase());
    }
    if upper.0 <= upper.1 {
        push(upper.0.to_ascii_lowercase(), upper.1.to_ascii_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(letters: Letters, pattern: &str, value: &str, want: Option<&[&str]>) {
        let regex = compile(pattern, letters).unwrap();
        let found = regex.captures(value.as_bytes());
        let groups: Option<Vec<&str>> = found.map(|found| {
            fn text<'v>(group: Option<regex::bytes::Match<'v>>) -> &'v str {
                group.map_or("", |group| std::str::from_utf8(group.as_bytes()).unwrap())
            }
            found.iter().map(text).collect()
        });
        assert_eq!(groups.as_deref(), want, "{pattern:?} {value:?}");
    }

    #[test]
    fn expressions() {
        let check = |pattern, value, want| check(Letters::Octets, pattern, value, want);
        check("b+", "abbc", Some(&["bb"]));
        check("^a.c$", "abc", Some(&["abc"]));
        check("^b", "a\r\nb", Some(&["b"]));
        check("a$", "a\r\nb", Some(&["a"]));
        check("a.b", "a\nb", None);
        check("(a|b)*c", "xabac", Some(&["abac", "a"]));
        check("me(\\+.*)?@company\\.com", "me+x@company.com", Some(&["me+x@company.com", "+x"]));
        check("me(\\+.*)?@company\\.com", "me@companyxcom", None);
        check("[]a]+", "x]a]", Some(&["]a]"]));
        check("[^]a]", "]ab", Some(&["b"]));
        check("[a-c-]+", "xb-a", Some(&["b-a"]));
        check("[[:digit:]x&&~~-]+", "a12x&~-", Some(&["12x&~-"]));
        check("[[=e=][.-.]]+", "he-", Some(&["e-"]));
        check("[\\d]+", "a\\d", Some(&["\\d"]));
        check("a{2}b{1,2}", "aabbb", Some(&["aabb"]));
        check("a\\{1\\}", "a{1}", Some(&["a{1}"]));
        check("a}", "a}", Some(&["a}"]));
        check("x#y z", "x#y z", Some(&["x#y z"]));
        check("", "a", Some(&[""]));
        check("\u{e4}.", "\u{e4}\u{f6}", Some(&["\u{e4}\u{f6}"]));
        check("[[:upper:]]", "a", None);
    }

    #[test]
    fn case() {
        check(Letters::AsciiCase, "ab", "AB", Some(&["AB"]));
        check(Letters::AsciiCase, "[a-cX-Z]+", "ABCxyz", Some(&["ABCxyz"]));
        check(Letters::AsciiCase, "[^a]", "A", None);
        check(Letters::AsciiCase, "[[:upper:]]", "a", Some(&["a"]));
        check(Letters::AsciiCase, "\u{e4}", "\u{c4}", None);
        check(Letters::AsciiCase, "k", "\u{212a}", None);
        check(Letters::Unicode, "\u{e4}", "\u{c4}", Some(&["\u{c4}"]));
        check(Letters::Octets, "^[^[:lower:]]+$", "MAKE MONEY", Some(&["MAKE MONEY"]));
    }

    #[test]
    fn weights() {
        let check = |pattern, least: usize, most: usize| {
            let weight = weight(pattern);
            assert!((least..=most).contains(&weight), "{pattern}: {weight}");
        };
        check("", 1, 1);
        check("abc", 4, 4);
        check("a{20}", 20, 25);
        check("(a|b){20}c", 60, 100);
        check("((a{20}){20}){2}", 800, 2_000);
        check("[a-z]{3,5}[[:alpha:]]", 6, 20);
        check("[^]x]{9}\\{9\\}", 18, 30);
        check("(((((a{255}){255}){255}){255}){255}){255}", 1_000_000_000, usize::MAX);
    }

    #[test]
    fn large_ones() {
        assert!(compile("(((a{255}){255}){255})", Letters::Octets).is_err());
        assert!(compile("(a", Letters::Octets).is_err());
    }
}
