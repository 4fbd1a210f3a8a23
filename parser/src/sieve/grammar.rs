//! Tokens to commands, tests and arguments (RFC 5228 §8.2), whatever they are called.
//!
//! A mistake costs its own command only: the parser notes it, steps over the rest of the command
//! to its `;` or into its block, and goes on. Nothing grows beyond the bounds of [`super`]: the
//! first one passed ends the parse. Blocks and tests recurse, [`DEPTH_MAX`] deep; what stands
//! behind each other, as `elsif` does, does not.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use super::error::{Errors, Position, shown};
use super::lexer::{Kind, Lexer, Token};
use super::{ARGUMENTS_MAX, DEPTH_MAX, LIST_ITEMS_MAX, NODES_MAX};

/// A command or a test: a name, its arguments, the tests behind it and, for a command, its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// Where the name begins.
    pub at: Position,
    /// As it was written; its case means nothing (RFC 5228 §8.1).
    pub name: &'a str,
    /// In the order they were written.
    pub arguments: Vec<Argument<'a>>,
    /// The tests behind the arguments.
    pub tests: Vec<Self>,
    /// True where the tests stood in parentheses, even if there is only one.
    pub listed: bool,
    /// The commands between braces; `None` where `;` ended the command, and for tests.
    pub block: Option<Vec<Self>>,
    /// Where another argument would have stood: behind the last one.
    pub end: Position,
    /// What stands there instead.
    pub next: Next<'a>,
    /// Where its `;` or block should stand, or what follows a test: behind all before that.
    pub closed: Position,
    /// True where a mistake was noted in its arguments or tests already.
    pub broken: bool,
}

/// What ended a node's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A mark, as `;`, with its place.
    Mark(Position, u8),
    /// The name of a test, with its place.
    Test(Position, &'a str),
    /// Nothing more, or nothing that may stand there.
    End(Position),
}

impl Next<'_> {
    /// Where it stands.
    pub const fn at(&self) -> Position {
        match self {
            Self::Mark(at, _) | Self::Test(at, _) | Self::End(at) => *at,
        }
    }

    /// As a message may say it.
    pub(super) fn shown(&self) -> Cow<'static, str> {
        match self {
            Self::Mark(_, mark) => format!("\"{}\"", char::from(*mark)).into(),
            Self::Test(_, name) => shown(name).into(),
            Self::End(_) => "the end of the script".into(),
        }
    }
}

/// `argument = string-list / number / tag` — RFC 5228 §8.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument<'a> {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub value: Value<'a>,
}

/// What an argument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The name behind the colon.
    Tag(&'a str),
    /// With its quantifier multiplied in.
    Number(u64),
    /// One string without brackets.
    Text(Cow<'a, str>),
    /// Strings between brackets, each with its place.
    List(Vec<(Position, Cow<'a, str>)>),
}

impl Value<'_> {
    /// As a message may say it.
    pub(super) fn shown(&self) -> Cow<'static, str> {
        match self {
            Self::Tag(name) => shown(&format!(":{name}")).into(),
            Self::Number(number) => format!("the number {number}").into(),
            Self::Text(text) => format!("the string {}", shown(text)).into(),
            Self::List(_) => "a list of strings".into(),
        }
    }
}

/// `start = commands` — RFC 5228 §8.2: what could be read, and every mistake in the order found.
pub(super) fn read(script: &str) -> (Vec<Node<'_>>, Errors) {
    let mut lexer = Lexer::new(script);
    let token = lexer.token();
    let mut parser = Parser { lexer, behind: token.at, token, nodes: 0, arguments: 0 };
    let mut commands = Vec::new();
    loop {
        commands.append(&mut parser.commands(0));
        match parser.token.kind {
            Kind::End => return (commands, parser.lexer.errors),
            _ => parser.refuse("a command"),
        }
        parser.bump();
    }
}

/// As the checker sees a script: its commands as written, and what is no grammar.
pub fn parse(script: &str) -> (Vec<Node<'_>>, Vec<super::Error>) {
    let (commands, errors) = read(script);
    (commands, errors.list)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    /// Where the token before ended.
    behind: Position,
    nodes: usize,
    arguments: usize,
}

/// The command is not to be read further; its mistake is noted.
struct Broken;

impl<'a> Parser<'a> {
    fn bump(&mut self) -> Token<'a> {
        self.behind = self.token.end;
        let next = self.lexer.token();
        core::mem::replace(&mut self.token, next)
    }

    fn is(&self, mark: u8) -> bool {
        self.token.kind == Kind::Mark(mark)
    }

    fn eat(&mut self, mark: u8) -> bool {
        let found = self.is(mark);
        if found {
            self.bump();
        }
        found
    }

    /// The token at hand is none of what is `expected`; said once for a place, as the lexer may
    /// have said it already.
    fn refuse(&mut self, expected: &str) {
        self.refuse_at(self.token.at, expected);
    }

    /// The same for what should have followed the token before, on whose line it is looked for.
    fn refuse_behind(&mut self, expected: &str) {
        self.refuse_at(self.behind, expected);
    }

    fn refuse_at(&mut self, at: Position, expected: &str) {
        // What was cut off ends early; that is known already.
        let cut = self.lexer.cut && self.token.kind == Kind::End;
        if !cut && self.lexer.errors.list.last().is_none_or(|last| last.at < at) {
            let found = self.token.kind.shown();
            self.lexer.errors.add(at, format!("expected {expected}, found {found}"));
        }
    }

    /// A bound is passed: the rest of the script is not looked at.
    fn give_up(&mut self, bound: usize, what: &str) -> Broken {
        let message = format!("expected at most {bound} {what}");
        self.lexer.errors.add(self.token.at, message);
        self.token.kind = Kind::End;
        self.lexer.finish();
        Broken
    }

    /// `commands = *command` — RFC 5228 §8.2. Stops before `}` and at the end.
    fn commands(&mut self, depth: usize) -> Vec<Node<'a>> {
        let mut commands = Vec::new();
        loop {
            match self.token.kind {
                Kind::End | Kind::Mark(b'}') => return commands,
                Kind::Identifier(name) => commands.extend(self.command(name, depth)),
                _ => {
                    let behind =
                        commands.last().is_some_and(|node: &Node<'_>| node.block.is_some());
                    self.refuse("a command");
                    if behind && self.is(b';') {
                        self.lexer.errors.hint("none behind a block");
                    }
                    commands.append(&mut self.stray(depth));
                }
            }
        }
    }

    /// Steps over what begins no command, to what may; a block among it is read.
    fn stray(&mut self, depth: usize) -> Vec<Node<'a>> {
        loop {
            match self.token.kind {
                Kind::Mark(b'{') => return self.block(depth),
                Kind::Identifier(_) | Kind::End | Kind::Mark(b'}') => return Vec::new(),
                _ => drop(self.bump()),
            }
        }
    }

    /// `command = identifier arguments (";" / block)` — RFC 5228 §8.2.
    fn command(&mut self, name: &'a str, depth: usize) -> Option<Node<'a>> {
        let mut node = self.node(name).ok()?;
        if self.arguments(&mut node, depth).is_ok() {
            node.closed = self.behind;
            if self.eat(b';') {
                return Some(node);
            }
            if self.is(b'{') {
                node.block = Some(self.block(depth));
                return Some(node);
            }
            let control =
                ["if", "elsif", "else"].iter().any(|word| name.eq_ignore_ascii_case(word));
            self.refuse_behind(if control { "a block" } else { "\";\"" });
        }
        node.broken = true;
        node.block = self.recover(depth);
        Some(node)
    }

    /// Steps over the rest of a command: to its `;`, through its block, or to what ends its parent.
    fn recover(&mut self, depth: usize) -> Option<Vec<Node<'a>>> {
        loop {
            match self.token.kind {
                Kind::Mark(b'{') => return Some(self.block(depth)),
                Kind::End | Kind::Mark(b'}') => return None,
                _ => {
                    if self.bump().kind == Kind::Mark(b';') {
                        return None;
                    }
                }
            }
        }
    }

    /// `block = "{" commands "}"` — RFC 5228 §8.2.
    fn block(&mut self, depth: usize) -> Vec<Node<'a>> {
        if depth >= DEPTH_MAX {
            let _ = self.give_up(DEPTH_MAX, "levels of blocks and tests");
            return Vec::new();
        }
        let opened = self.bump().at;
        let commands = self.commands(depth.saturating_add(1));
        if !self.eat(b'}') {
            let before = self.lexer.errors.count();
            self.refuse("a command or \"}\"");
            if self.lexer.errors.count() == before {
                return commands;
            }
            self.lexer
                .errors
                .hint(format!("the block opened in line {} is not closed", opened.line));
        }
        commands
    }

    fn node(&mut self, name: &'a str) -> Result<Node<'a>, Broken> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > NODES_MAX {
            return Err(self.give_up(NODES_MAX, "commands and tests"));
        }
        let at = self.bump().at;
        Ok(Node {
            at,
            name,
            arguments: Vec::new(),
            tests: Vec::new(),
            listed: false,
            block: None,
            end: self.behind,
            next: Next::End(at),
            closed: at,
            broken: false,
        })
    }

    /// `arguments = *argument [ test / test-list ]` — RFC 5228 §8.2.
    fn arguments(&mut self, node: &mut Node<'a>, depth: usize) -> Result<(), Broken> {
        while let Some(argument) = self.argument()? {
            node.arguments.push(argument);
        }
        node.end = self.behind;
        let at = self.token.at;
        node.next = match self.token.kind {
            Kind::Identifier(name) => Next::Test(at, name),
            Kind::Mark(mark) => Next::Mark(at, mark),
            _ => Next::End(at),
        };
        if let Kind::Identifier(name) = self.token.kind {
            node.tests = alloc::vec![self.test(name, depth)?];
            return Ok(());
        }
        if !self.eat(b'(') {
            return Ok(());
        }
        node.listed = true;
        self.test_list(node, depth)
    }

    /// `test-list = "(" test *("," test) ")"` — RFC 5228 §8.2.
    fn test_list(&mut self, node: &mut Node<'a>, depth: usize) -> Result<(), Broken> {
        loop {
            let Kind::Identifier(name) = self.token.kind else {
                self.refuse("a test");
                return Err(Broken);
            };
            node.tests.push(self.test(name, depth)?);
            if self.eat(b')') {
                return Ok(());
            }
            if !self.eat(b',') {
                self.refuse_behind("\",\" or \")\"");
                return Err(Broken);
            }
        }
    }

    /// `test = identifier arguments` — RFC 5228 §8.2.
    fn test(&mut self, name: &'a str, depth: usize) -> Result<Node<'a>, Broken> {
        if depth >= DEPTH_MAX {
            return Err(self.give_up(DEPTH_MAX, "levels of blocks and tests"));
        }
        let mut node = self.node(name)?;
        self.arguments(&mut node, depth.saturating_add(1))?;
        Ok(node)
    }

    /// `argument = string-list / number / tag` — RFC 5228 §8.2. `None`: no argument is next.
    fn argument(&mut self) -> Result<Option<Argument<'a>>, Broken> {
        let at = self.token.at;
        let value = match &self.token.kind {
            Kind::Tag(name) => Value::Tag(name),
            Kind::Number(number) => Value::Number(*number),
            Kind::Text(_) => return Ok(Some(Argument { at, value: Value::Text(self.string()?) })),
            Kind::Mark(b'[') => return Ok(Some(Argument { at, value: self.string_list()? })),
            _ => return Ok(None),
        };
        self.count()?;
        self.bump();
        Ok(Some(Argument { at, value }))
    }

    /// One more string, number or tag.
    fn count(&mut self) -> Result<(), Broken> {
        self.arguments = self.arguments.saturating_add(1);
        if self.arguments > ARGUMENTS_MAX {
            return Err(self.give_up(ARGUMENTS_MAX, "strings, numbers and tags"));
        }
        Ok(())
    }

    /// `string = quoted-string / multi-line` — RFC 5228 §8.2.
    fn string(&mut self) -> Result<Cow<'a, str>, Broken> {
        if !matches!(self.token.kind, Kind::Text(_)) {
            self.refuse("a string");
            return Err(Broken);
        }
        self.count()?;
        let Kind::Text(text) = self.bump().kind else { return Err(Broken) };
        Ok(text)
    }

    /// `string-list = "[" string *("," string) "]" / string` — RFC 5228 §8.2.
    fn string_list(&mut self) -> Result<Value<'a>, Broken> {
        self.bump();
        let mut items = Vec::new();
        loop {
            items.push((self.token.at, self.string()?));
            if self.eat(b']') {
                return Ok(Value::List(items));
            }
            if items.len() >= LIST_ITEMS_MAX {
                return Err(self.give_up(LIST_ITEMS_MAX, "strings in one list"));
            }
            if !self.eat(b',') {
                self.refuse_behind("\",\" or \"]\"");
                return Err(Broken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::format;

    use super::*;

    /// The script printed on one line, then its errors.
    #[track_caller]
    fn check(script: &str, want: &str) {
        let (commands, errors) = parse(script);
        let mut got = crate::fuzzing::print(&commands).replace("\r\n", " ");
        for error in &errors {
            let _ = write!(got, "! {error} ");
        }
        assert_eq!(got.trim_end(), want, "{script:?}");
    }

    #[test]
    fn commands() {
        check("", "");
        check("keep;stop ;", "keep; stop;");
        check("If not true{keep;}else{}", "If not true { keep; } else { }");
        check("if anyof(true,not(false)){}", "if anyof (true, not (false)) { }");
        check("a :b 1K \"x\" [\"y\", \"\\\"\\\\\"];", r#"a :b 1024 "x" ["y", "\"\\"];"#);
        check("a text:\nb\n.\n;", "a \"b\n\";");
    }

    #[test]
    fn a_mistake_costs_its_own_command_only() {
        check(
            "keep }\nfileinto [];\nif true { redirect [\"a\" \"b\"]; ] stop; }\nkeep",
            "keep; fileinto; if true { redirect; stop; } keep; \
             ! line 1, column 5: expected \";\", found \"}\" \
             ! line 1, column 6: expected a command, found \"}\" \
             ! line 2, column 11: expected a string, found \"]\" \
             ! line 3, column 24: expected \",\" or \"]\", found the string \"b\" \
             ! line 3, column 31: expected a command, found \"]\" \
             ! line 4, column 5: expected \";\", found the end of the script",
        );
    }

    #[test]
    fn bounds() {
        let last = |script: &str| parse(script).1.pop().map(|error| error.message).unwrap();
        assert_eq!(last(&"a{".repeat(100_000)), "expected at most 64 levels of blocks and tests");
        assert_eq!(last(&"a ".repeat(100_000)), "expected at most 64 levels of blocks and tests");
        assert_eq!(last(&"a;".repeat(NODES_MAX + 1)), "expected at most 32768 commands and tests");
        let many = format!("a {};", "1 ".repeat(ARGUMENTS_MAX + 1));
        assert_eq!(last(&many), "expected at most 65536 strings, numbers and tags");
        let list = format!("a [\"\"{}];", ",\"\"".repeat(LIST_ITEMS_MAX));
        assert_eq!(last(&list), "expected at most 16384 strings in one list");
    }
}
