//! Tokens to commands, tests and arguments (RFC 5228 §8.2), whatever they are called.
//!
//! A mistake costs its own command only: the parser notes it, steps over the rest of the command
//! to its `;` or into its block, and goes on. Nothing grows beyond the bounds of [`super`]: the
//! first one passed ends the parse.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use super::lexer::{Kind, Lexer, Token};
use super::{ARGUMENTS_MAX, DEPTH_MAX, Error, LIST_ITEMS_MAX, NODES_MAX, Position};

/// A command or a test: a name, its arguments, the tests behind it and, for a command, its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// Where the name begins.
    pub at: Position,
    /// As it was written; its case means nothing (RFC 5228 §2.4).
    pub name: &'a str,
    /// In the order they were written.
    pub arguments: Vec<Argument<'a>>,
    /// The tests behind the arguments.
    pub tests: Vec<Self>,
    /// True where the tests stood in parentheses, even if there is only one.
    pub listed: bool,
    /// The commands between braces; `None` where `;` ended the command, and for tests.
    pub block: Option<Vec<Self>>,
    /// Where the next argument would have stood.
    pub end: Position,
    /// True where a mistake was noted in its arguments or tests already.
    pub broken: bool,
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

/// `start = commands` — RFC 5228 §8.2: what could be read, and every mistake in the order found.
pub fn parse(script: &str) -> (Vec<Node<'_>>, Vec<Error>) {
    let mut lexer = Lexer::new(script);
    let token = lexer.token();
    let mut parser = Parser { lexer, token, nodes: 0, arguments: 0 };
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

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    nodes: usize,
    arguments: usize,
}

/// The command is not to be read further; its mistake is noted.
struct Broken;

impl<'a> Parser<'a> {
    fn bump(&mut self) -> Token<'a> {
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

    fn refuse(&mut self, expected: &'static str) {
        self.lexer.error(self.token.at, expected);
    }

    /// A bound is passed: the rest of the script is not looked at.
    fn give_up(&mut self, expected: &'static str) -> Broken {
        self.refuse(expected);
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
                    self.refuse("a command");
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
            node.end = self.token.at;
            if self.eat(b';') {
                return Some(node);
            }
            if self.is(b'{') {
                node.block = Some(self.block(depth));
                return Some(node);
            }
            self.refuse("\";\" or a block");
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
            let _ = self.give_up("fewer levels of blocks and tests");
            return Vec::new();
        }
        self.bump();
        let commands = self.commands(depth.saturating_add(1));
        if !self.eat(b'}') {
            self.refuse("a command or \"}\"");
        }
        commands
    }

    fn node(&mut self, name: &'a str) -> Result<Node<'a>, Broken> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > NODES_MAX {
            return Err(self.give_up("fewer commands and tests"));
        }
        let at = self.bump().at;
        Ok(Node {
            at,
            name,
            arguments: Vec::new(),
            tests: Vec::new(),
            listed: false,
            block: None,
            end: at,
            broken: false,
        })
    }

    /// `arguments = *argument [ test / test-list ]` — RFC 5228 §8.2.
    fn arguments(&mut self, node: &mut Node<'a>, depth: usize) -> Result<(), Broken> {
        while let Some(argument) = self.argument()? {
            node.arguments.push(argument);
        }
        node.end = self.token.at;
        if let Kind::Identifier(name) = self.token.kind {
            node.tests.push(self.test(name, depth)?);
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
                self.refuse("\",\" or \")\"");
                return Err(Broken);
            }
        }
    }

    /// `test = identifier arguments` — RFC 5228 §8.2.
    fn test(&mut self, name: &'a str, depth: usize) -> Result<Node<'a>, Broken> {
        if depth >= DEPTH_MAX {
            return Err(self.give_up("fewer levels of blocks and tests"));
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
            return Err(self.give_up("fewer arguments"));
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
                return Err(self.give_up("fewer strings in this list"));
            }
            if !self.eat(b',') {
                self.refuse("\",\" or \"]\"");
                return Err(Broken);
            }
        }
    }
}

/// The script again, in one form: what it prints parses to the same nodes at other places.
impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        match &self.block {
            None => f.write_str(";\r\n"),
            Some(block) => {
                f.write_str(" {\r\n")?;
                block.iter().try_for_each(|command| command.fmt(f))?;
                f.write_str("}\r\n")
            }
        }
    }
}

impl Node<'_> {
    /// `identifier arguments` — RFC 5228 §8.2.
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for argument in &self.arguments {
            write!(f, " {argument}")?;
        }
        let (open, between, close) = if self.listed { (" (", ", ", ")") } else { (" ", " ", "") };
        for (index, test) in self.tests.iter().enumerate() {
            f.write_str(if index == 0 { open } else { between })?;
            test.head(f)?;
        }
        f.write_str(if self.tests.is_empty() { "" } else { close })
    }
}

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Tag(name) => write!(f, ":{name}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Text(text) => quoted(f, text),
            Value::List(items) => {
                for (index, (_, text)) in items.iter().enumerate() {
                    f.write_str(if index == 0 { "[" } else { ", " })?;
                    quoted(f, text)?;
                }
                f.write_str("]")
            }
        }
    }
}

/// `quoted-string = DQUOTE quoted-text DQUOTE` — RFC 5228 §8.1.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for run in text.split_inclusive(['"', '\\']) {
        let last = run.chars().next_back().filter(|last| matches!(last, '"' | '\\'));
        match last {
            Some(last) => {
                let plain = run.get(..run.len().saturating_sub(1)).unwrap_or_default();
                write!(f, "{plain}\\{last}")?;
            }
            None => f.write_str(run)?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::format;
    use std::string::String;

    use super::*;

    /// The script printed on one line, then its errors.
    #[track_caller]
    fn check(script: &str, want: &str) {
        let (commands, errors) = parse(script);
        let mut got = String::new();
        for command in &commands {
            let _ = write!(got, "{command}");
        }
        let mut got = got.replace("\r\n", " ");
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
    fn every_mistake_is_found_in_one_pass() {
        check(
            "keep }\nfileinto [];\nif true { redirect [\"a\" \"b\"]; ] stop; }\nkeep",
            "keep; fileinto; if true { redirect; stop; } keep; \
             ! line 1, column 6: expected \";\" or a block \
             ! line 2, column 11: expected a string \
             ! line 3, column 25: expected \",\" or \"]\" \
             ! line 3, column 31: expected a command \
             ! line 4, column 5: expected \";\" or a block",
        );
        check("if (true {}", "if (true) { } ! line 1, column 10: expected \",\" or \")\"");
        check(
            "if true { keep;",
            "if true { keep; } ! line 1, column 16: expected a command or \"}\"",
        );
    }

    #[test]
    fn bounds() {
        let (_, errors) = parse(&"a{".repeat(100_000));
        assert!(format!("{}", errors[0]).ends_with("expected fewer levels of blocks and tests"));
        let (_, errors) = parse(&"a ".repeat(100_000));
        assert!(format!("{}", errors[0]).ends_with("expected fewer levels of blocks and tests"));
        let (_, errors) = parse(&"a;".repeat(NODES_MAX + 1));
        assert!(format!("{}", errors[0]).ends_with("expected fewer commands and tests"));
        let (_, errors) = parse(&format!("a {};", "1 ".repeat(ARGUMENTS_MAX + 1)));
        assert!(format!("{}", errors[0]).ends_with("expected fewer arguments"));
        let list = format!("a [\"\"{}];", ",\"\"".repeat(LIST_ITEMS_MAX));
        assert!(format!("{}", parse(&list).1[0]).ends_with("expected fewer strings in this list"));
    }
}
