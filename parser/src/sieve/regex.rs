//! Regular expressions as far as a script must write them right: the extended ones of POSIX, as
//! draft-murchison-sieve-regex-07 §3 has it. Nothing is matched here.

/// Repetitions at most, of one thing by one quantifier: `RE_DUP_MAX` of POSIX.
pub const REPEAT_MAX: u32 = 255;
/// Groups inside each other at most.
pub const GROUPS_DEPTH_MAX: u32 = 50;

/// Is this an extended regular expression? A script's constants were asked when it was compiled;
/// what variables took part in is to be asked when it runs.
///
/// # Errors
/// What was expected, in a sentence.
pub fn check(pattern: &str) -> Result<(), &'static str> {
    Reader { rest: pattern, depth: 0 }.alternatives()
}

/// The names that `[:…:]` knows.
const CLASSES: &[&str] = &[
    "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "xdigit",
];

struct Reader<'a> {
    rest: &'a str,
    depth: u32,
}

/// What stands before a quantifier.
#[derive(PartialEq)]
enum Before {
    /// Nothing that could be repeated.
    Nothing,
    /// One character, bracket expression or group.
    Something,
    /// It is repeated already.
    Repeated,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// `extended_reg_exp`, groups and all: no recursion, as nothing but their number counts.
    fn alternatives(&mut self) -> Result<(), &'static str> {
        let mut before = Before::Nothing;
        while let Some(c) = self.next() {
            before = match c {
                '(' => {
                    self.depth = self.depth.saturating_add(1);
                    if self.depth > GROUPS_DEPTH_MAX {
                        return Err("expected at most 50 groups inside each other");
                    }
                    if self.rest.starts_with('?') {
                        return Err("expected no \"?\" behind \"(\": there are only plain groups");
                    }
                    Before::Nothing
                }
                ')' => {
                    let open = self.depth.checked_sub(1);
                    self.depth = open.ok_or("expected \"(\" before \")\"")?;
                    Before::Something
                }
                '|' | '^' => Before::Nothing,
                // What is repeated there is nothing.
                '$' => Before::Nothing,
                '*' | '+' | '?' => repeated(&before)?,
                '{' => {
                    let now = repeated(&before)?;
                    self.bounds()?;
                    now
                }
                '[' => {
                    self.bracket()?;
                    Before::Something
                }
                '\\' => {
                    self.escaped()?;
                    Before::Something
                }
                _ => Before::Something,
            };
        }
        if self.depth > 0 {
            return Err("expected \")\" to end a group");
        }
        Ok(())
    }

    /// `\` takes the meaning of what is special; with others POSIX defines none.
    fn escaped(&mut self) -> Result<(), &'static str> {
        match self.next() {
            None => Err("expected a character behind the last \"\\\""),
            Some('0'..='9') => Err("expected no reference to a group"),
            Some('b' | 'B' | '<' | '>') => Err("expected no word boundary"),
            Some('d' | 'D') => Err("expected [[:digit:]] or [^[:digit:]] for \"\\d\" or \"\\D\""),
            Some('s' | 'S') => Err("expected [[:space:]] or [^[:space:]] for \"\\s\" or \"\\S\""),
            Some('w' | 'W') => Err("expected [_[:alnum:]] or [^_[:alnum:]] for \"\\w\" or \"\\W\""),
            Some(c) if c.is_alphanumeric() => Err("expected a special character behind \"\\\""),
            Some(_) => Ok(()),
        }
    }

    /// `{n}`, `{n,}` or `{n,m}`, behind its brace.
    fn bounds(&mut self) -> Result<(), &'static str> {
        const FORM: &str = "expected {n}, {n,} or {n,m}; write \\\\{ for the brace itself";
        let least = self.number().ok_or(FORM)?;
        let most = if self.eat(",") { self.number() } else { Some(least) };
        if !self.eat("}") {
            return Err(FORM);
        }
        match most {
            _ if least > REPEAT_MAX => Err("expected at most 255 repetitions"),
            Some(most) if most > REPEAT_MAX => Err("expected at most 255 repetitions"),
            Some(most) if most < least => Err("expected the smaller number of repetitions first"),
            _ => Ok(()),
        }
    }

    fn number(&mut self) -> Option<u32> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let count = self.rest.len().saturating_sub(rest.len());
        let digits = self.rest.get(..count).filter(|digits| !digits.is_empty())?;
        self.rest = rest;
        Some(digits.parse().unwrap_or(u32::MAX))
    }

    /// `bracket_expression`, behind its `[`: a `]` that comes first stands for itself.
    fn bracket(&mut self) -> Result<(), &'static str> {
        const END: &str = "expected \"]\" to end a bracket expression";
        self.eat("^");
        let mut first = true;
        loop {
            if !first && self.eat("]") {
                return Ok(());
            }
            first = false;
            let from = self.member()?.ok_or(END)?;
            if !self.rest.starts_with('-') || self.rest.starts_with("-]") {
                continue;
            }
            self.eat("-");
            match (from, self.member()?.ok_or(END)?) {
                (Member::One(from), Member::One(to)) if from > to => {
                    return Err("expected the smaller end of a range first");
                }
                (Member::Class, _) | (_, Member::Class) => {
                    return Err("expected characters at the ends of a range");
                }
                _ => {}
            }
        }
    }

    /// One character, or what `[:`, `[=` or `[.` opens; `None` at the end.
    fn member(&mut self) -> Result<Option<Member>, &'static str> {
        if self.eat("[:") {
            let (name, rest) =
                self.rest.split_once(":]").ok_or("expected \":]\" to end a character class")?;
            self.rest = rest;
            if CLASSES.contains(&name) {
                return Ok(Some(Member::Class));
            }
            return Err("expected a character class: alnum, alpha, blank, cntrl, digit, graph, \
                        lower, print, punct, space, upper or xdigit");
        }
        for (open, close) in [("[=", "=]"), ("[.", ".]")] {
            if !self.eat(open) {
                continue;
            }
            let element = self.next();
            if element.is_none() || !self.eat(close) {
                return Err("expected one character in \"[= =]\" or \"[. .]\"");
            }
            return Ok(element.map(if open == "[=" { |_| Member::Class } else { Member::One }));
        }
        Ok(self.next().map(Member::One))
    }
}

/// What a bracket expression holds.
enum Member {
    One(char),
    Class,
}

const fn repeated(before: &Before) -> Result<Before, &'static str> {
    match before {
        Before::Nothing => Err("expected something to repeat before a quantifier"),
        Before::Something => Ok(Before::Repeated),
        Before::Repeated => Err("expected one quantifier, found two"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn right(pattern: &str) {
        assert_eq!(check(pattern), Ok(()), "{pattern}");
    }

    #[track_caller]
    fn wrong(pattern: &str, want: &str) {
        let message = check(pattern).expect_err(pattern);
        assert!(message.contains(want), "{pattern}: {message}");
    }

    #[test]
    fn what_posix_knows() {
        for pattern in [
            "",
            "a",
            "me(\\+.*)?@company\\.com",
            "^[^[:lower:]]+$",
            "[]a]",
            "[^]a]",
            "[a-z-]",
            "[-a]",
            "[[:alpha:]_]",
            "[[=e=]]",
            "[[.-.]-0]",
            "a{0}",
            "a{2,}b{1,255}",
            "(a|b)*c",
            "a\\|b\\\\",
            "()",
            "a||b",
            "\u{e9}+",
            "[\\]",
            "a}",
            "]",
        ] {
            right(pattern);
        }
    }

    #[test]
    fn what_it_does_not() {
        wrong("(a", "to end a group");
        wrong("a)", "before \")\"");
        wrong("[a", "to end a bracket");
        wrong("[", "to end a bracket");
        wrong("[]", "to end a bracket");
        wrong("[[:alpha]", ":]");
        wrong("[[:word:]]", "class: alnum");
        wrong("[z-a]", "smaller end");
        wrong("[[:digit:]-z]", "ends of a range");
        wrong("[[=ab=]]", "one character");
        wrong("*a", "something to repeat");
        wrong("a|*", "something to repeat");
        wrong("(+)", "something to repeat");
        wrong("^*", "something to repeat");
        wrong("(?:a)", "plain groups");
        wrong("a+?", "one quantifier");
        wrong("a**", "one quantifier");
        wrong("a{", "{n}");
        wrong("a{x}", "{n}");
        wrong("a{,3}", "{n}");
        wrong("a{1", "{n}");
        wrong("a{3,2}", "smaller number");
        wrong("a{256}", "255");
        wrong("a{1,99999999999}", "255");
        wrong("a\\", "behind the last");
        wrong("\\1", "reference");
        wrong("\\bx", "word boundary");
        wrong("\\d+", "[[:digit:]]");
        wrong("\\x", "special character");
        wrong(&"(".repeat(1000), "50 groups");
    }
}
