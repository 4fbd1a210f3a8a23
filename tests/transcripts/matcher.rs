//! Does a response say what the transcript expects?
//!
//! `...` stands for any text, `<<name>>` for a word: the first use keeps it, later ones compare.

use std::collections::HashMap;

/// Words that a transcript knows by name.
pub(super) type Words = HashMap<String, String>;

enum Piece<'a> {
    Text(&'a str),
    Any,
    Word(&'a str),
}

/// True if `got` is what `pattern` describes; new words are then kept.
pub(super) fn matches(pattern: &str, got: &str, words: &mut Words) -> bool {
    let pieces = pieces(pattern);
    let mut kept = words.clone();
    let matched = fits(&pieces, got, &mut kept);
    if matched {
        *words = kept;
    }
    matched
}

fn pieces(mut pattern: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    while !pattern.is_empty() {
        let word = pattern.find("<<").map(|at| at + extra_angles(&pattern[at..]));
        let next = [pattern.find("..."), word].into_iter().flatten().min();
        let (text, rest) = pattern.split_at(next.unwrap_or(pattern.len()));
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pattern = if let Some(after) = rest.strip_prefix("...") {
            pieces.push(Piece::Any);
            after
        } else if let Some((name, after)) =
            rest.strip_prefix("<<").and_then(|rest| rest.split_once(">>"))
        {
            pieces.push(Piece::Word(name));
            after
        } else {
            if !rest.is_empty() {
                pieces.push(Piece::Text(rest));
            }
            ""
        };
    }
    pieces
}

/// `<<<me>>>` is `<<me>>` in angle brackets: a name holds none.
pub(super) fn extra_angles(text: &str) -> usize {
    (text.len() - text.trim_start_matches('<').len()).saturating_sub(2)
}

fn fits(pieces: &[Piece<'_>], got: &str, words: &mut Words) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return got.is_empty() };
    let ends = || got.char_indices().map(|(at, _)| at).chain([got.len()]);
    match first {
        Piece::Text(text) => got.strip_prefix(text).is_some_and(|got| fits(rest, got, words)),
        Piece::Any => ends().any(|end| fits(rest, &got[end..], words)),
        Piece::Word(name) => {
            if let Some(known) = known(name, words) {
                return got.strip_prefix(known.as_str()).is_some_and(|got| fits(rest, got, words));
            }
            let longest = got.find([' ', ')', ']', '\r', '\n', '"']).unwrap_or(got.len());
            words.insert((*name).to_owned(), got[..longest].to_owned());
            fits(rest, &got[longest..], words)
        }
    }
}

/// A word's value; `<<x*500>>` is 500 times `x`.
pub(super) fn known(name: &str, words: &Words) -> Option<String> {
    if let Some((text, times)) = name.split_once('*')
        && let Ok(times) = times.parse()
    {
        return Some(text.repeat(times));
    }
    words.get(name).cloned()
}

#[test]
fn patterns() {
    #[track_caller]
    fn check(pattern: &str, got: &str, want: bool) {
        let mut words = Words::from([("uid".to_owned(), "7".to_owned())]);
        assert_eq!(matches(pattern, got, &mut words), want, "{pattern} ~ {got}");
    }
    check("* 4 EXISTS", "* 4 EXISTS", true);
    check("* 4 EXISTS", "* 4 EXISTS ", false);
    check("* FLAGS (...)", "* FLAGS (a b)", true);
    check("* FLAGS (...)", "* FLAGS a", false);
    check("(UID <<uid>>)", "(UID 7)", true);
    check("(UID <<uid>>)", "(UID 8)", false);
    check("<<m>> <<m>>", "12 12", true);
    check("<<m>> <<m>>", "12 13", false);
    check("[<<x*3>>]", "[xxx]", true);
    check("<<<uid>>>", "<7>", true);
    check("...b...d", "abcd", true);
}
