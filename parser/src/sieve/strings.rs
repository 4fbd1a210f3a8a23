//! Strings of a script to those of the tree: encoded characters and variables resolved, by the
//! extensions required so far.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::capability::Capability as C;
use super::check::{Call, Checker};
use super::error::{Position, shown};
use super::grammar::{Argument, Value};
use super::text::{self, Part, is_identifier};
use super::tree::{Content, EnvironmentItem, Piece, Scope, Text, VariableId, Word, WordOf};

/// Stands where a mistake was noted.
fn nothing(at: Position) -> Text {
    Text { at, content: Content::Constant(Box::default()) }
}

impl Checker {
    /// A string as the interpreter is to take it.
    pub(super) fn text(&mut self, at: Position, string: &str) -> Text {
        let plain = !self.required.has(C::Variables) && !self.required.has(C::EncodedCharacter);
        if plain || memchr::memchr(b'$', string.as_bytes()).is_none() {
            return Text { at, content: Content::Constant(string.into()) };
        }
        match self.content(at, string) {
            Ok(content) => Text { at, content },
            Err(message) => {
                self.error(at, message);
                nothing(at)
            }
        }
    }

    fn content(&mut self, at: Position, string: &str) -> Result<Content, &'static str> {
        let mut octets = Cow::Borrowed(string.as_bytes());
        if self.required.has(C::EncodedCharacter) {
            let decoded = text::decode(string)?;
            if decoded != *octets {
                self.used.insert(C::EncodedCharacter);
                octets = Cow::Owned(decoded);
            }
        }
        if !self.required.has(C::Variables) {
            return Ok(constant(octets.into_owned()));
        }
        let parts = text::split(&octets)?;
        if parts.iter().all(|part| matches!(part, Part::Literal(_))) {
            return Ok(constant(octets.into_owned()));
        }
        self.used.insert(C::Variables);
        Ok(Content::Pieces(parts.into_iter().map(|part| self.piece(at, part)).collect()))
    }

    fn piece(&mut self, at: Position, part: Part) -> Piece {
        match part {
            Part::Literal(octets) => match constant(octets) {
                Content::Constant(text) => Piece::Literal(text),
                Content::Octets(octets) => Piece::Octets(octets),
                Content::Pieces(_) => Piece::Literal(Box::default()),
            },
            Part::Match(number) => Piece::Match(number),
            Part::Variable(name) => match name.split_once('.') {
                None => Piece::Variable(self.variable(at, None, &name)),
                Some((namespace, rest)) => self.member(at, namespace, rest),
            },
        }
    }

    /// RFC 5229 §3: a namespace without the `require` of its extension is an error.
    fn member(&mut self, at: Position, namespace: &str, name: &str) -> Piece {
        match namespace {
            // vnd.dovecot.environment §4.
            "env" if self.required.has(C::DovecotEnvironment) => {
                self.used.insert(C::DovecotEnvironment);
                Piece::Environment(self.item(name))
            }
            // RFC 6609 §3.4.2: it has no namespaces inside.
            "global" if self.required.has(C::Include) && is_identifier(name) => {
                self.used.insert(C::Include);
                Piece::Variable(self.variable(at, Some(Scope::Global), name))
            }
            "global" if self.required.has(C::Include) => {
                self.error(at, format!("expected a variable name, found {}", shown(name)));
                Piece::Match(0)
            }
            _ => {
                let found = shown(&format!("${{{namespace}.{name}}}"));
                self.error(
                    at,
                    format!("expected a namespace of a required extension, found {found}"),
                );
                match namespace {
                    "global" => self.errors.hint("\"global\" is a namespace of \"include\""),
                    "env" => {
                        self.errors.hint("\"env\" is a namespace of \"vnd.dovecot.environment\"")
                    }
                    _ => {}
                }
                Piece::Match(0)
            }
        }
    }

    /// An environment item's name, by the extensions required.
    pub(super) fn item(&self, name: &str) -> EnvironmentItem {
        let other = || EnvironmentItem::Other(name.into());
        match EnvironmentItem::word(name).unwrap_or_else(other) {
            // Those are of vnd.dovecot.environment §3, unknown without it.
            EnvironmentItem::DefaultMailbox
            | EnvironmentItem::Username
            | EnvironmentItem::Config(_)
                if !self.required.has(C::DovecotEnvironment) =>
            {
                other()
            }
            item => item,
        }
    }

    /// The variable of this name, in lower case; without a scope, by what `global` declared.
    pub(super) fn variable(
        &mut self,
        at: Position,
        scope: Option<Scope>,
        name: &str,
    ) -> VariableId {
        let id = match scope {
            Some(scope) => self.variables.id(scope, name),
            None => self.variables.plain(name),
        };
        id.unwrap_or_else(|| {
            self.error(at, format!("expected at most {} variables", super::VARIABLES_MAX));
            VariableId(0)
        })
    }

    /// `variable-name` of one that is to be set (RFC 5229 §4): a constant, no match variable.
    pub(super) fn variable_to_set(
        &mut self,
        argument: Option<&Argument<'_>>,
    ) -> Option<VariableId> {
        let text = self.one(argument?)?;
        let name = self.constant(&text)?.to_ascii_lowercase();
        // The one namespace that may be set (RFC 6609 §3.4.2).
        if let Some(plain) = name.strip_prefix("global.").filter(|_| self.required.has(C::Include))
            && is_identifier(plain)
        {
            self.used.insert(C::Include);
            return Some(self.variable(text.at, Some(Scope::Global), plain));
        }
        if !is_identifier(&name) {
            self.error(text.at, format!("expected a variable name, found {}", shown(&name)));
            if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
                self.errors.hint("match variables cannot be set");
            }
            return None;
        }
        self.variables.set(&name);
        Some(self.variable(text.at, None, &name))
    }

    /// All strings of an argument.
    pub(super) fn strings(&mut self, argument: &Argument<'_>) -> Vec<Text> {
        match &argument.value {
            Value::Text(string) => alloc::vec![self.text(argument.at, string)],
            Value::List(items) => items.iter().map(|(at, item)| self.text(*at, item)).collect(),
            Value::Number(_) | Value::Tag(_) => Vec::new(),
        }
    }

    fn one(&mut self, argument: &Argument<'_>) -> Option<Text> {
        match &argument.value {
            Value::Text(string) => Some(self.text(argument.at, string)),
            _ => None,
        }
    }

    pub(super) fn tag_text(&mut self, call: &Call<'_, '_>, name: &str) -> Option<Box<Text>> {
        self.one(call.tag_value(name)?).map(Box::new)
    }

    pub(super) fn tag_list(&mut self, call: &Call<'_, '_>, name: &str) -> Option<Vec<Text>> {
        call.tag_value(name).map(|argument| self.strings(argument))
    }

    /// The string in a slot that is there.
    pub(super) fn slot_text(&mut self, call: &Call<'_, '_>, index: usize) -> Text {
        self.slot_maybe(call, index).unwrap_or_else(|| nothing(call.at))
    }

    pub(super) fn slot_maybe(&mut self, call: &Call<'_, '_>, index: usize) -> Option<Text> {
        call.slot(index).and_then(|argument| self.one(argument))
    }

    pub(super) fn slot_list(&mut self, call: &Call<'_, '_>, index: usize) -> Vec<Text> {
        call.slot(index).map(|argument| self.strings(argument)).unwrap_or_default()
    }

    /// A string that no variable may take part in.
    pub(super) fn constant(&mut self, text: &Text) -> Option<String> {
        let constant = text.constant().map(String::from);
        if constant.is_none() {
            self.error(text.at, "expected a string without variables");
        }
        constant
    }

    /// A word of a fixed set, known unless a variable takes part in it.
    pub(super) fn word<T: WordOf>(&mut self, text: Text) -> Word<T> {
        if !text.is_constant() {
            return Word::Computed(Box::new(text));
        }
        match text.constant().and_then(T::word) {
            Some(word) => Word::Known(word),
            None => {
                self.form(&text, T::EXPECTED);
                Word::Computed(Box::new(text))
            }
        }
    }

    pub(super) fn tag_word<T: WordOf>(
        &mut self,
        call: &Call<'_, '_>,
        name: &str,
    ) -> Option<Word<T>> {
        self.tag_text(call, name).map(|text| self.word(*text))
    }

    /// A constant is not of the form it must have.
    pub(super) fn form(&mut self, text: &Text, expected: &str) {
        let found = match &text.content {
            Content::Constant(text) => shown(text),
            _ => "octets that are no UTF-8".into(),
        };
        self.error(text.at, format!("expected {expected}, found {found}"));
    }

    /// A string must have this form, as far as it is constant.
    pub(super) fn must_be(&mut self, text: &Text, right: impl Fn(&str) -> bool, expected: &str) {
        if text.is_constant() && !text.constant().is_some_and(right) {
            self.form(text, expected);
        }
    }
}

fn constant(octets: Vec<u8>) -> Content {
    match String::from_utf8(octets) {
        Ok(text) => Content::Constant(text.into()),
        Err(error) => Content::Octets(error.into_bytes().into()),
    }
}
