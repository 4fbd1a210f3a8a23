//! The typed tree of a script: what an interpreter runs.
//!
//! It owns its text and holds no borrow of the script, so it can be kept in an `Arc` for as long
//! as the script does not change; a tree of many small rules takes some six times their text.
//! What is seldom there is boxed. All that can be known before a message comes is known here: names are
//! enums, variables are numbers, comparators and match types are resolved. Only strings in which
//! a variable takes part have to be looked at again, as a [`Word`] where a word of a fixed set
//! must come of it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::capability::Capabilities;
use super::error::{Error, Position};

mod command;
mod test;
mod word;

pub use command::{
    Branch, ByTime, Command, Convert, DeliverBy, Filing, FlagChange, Location, Modifier, Notify,
    Recipient, Redirect, Vacation,
};
pub use test::{
    AddressPart, BodyTransform, Comparator, Compare, Index, Match, MatchType, Mime, MimeOf,
    Relation, Test, Zone,
};
pub use word::{
    ByMode, DatePart, DsnNotify, DsnReturn, EnvelopePart, EnvironmentItem, Importance, UtcOffset,
    Word, WordOf,
};

/// A script without mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// In order.
    pub commands: Box<[At<Command>]>,
    /// What [`VariableId`]s stand for.
    pub variables: Box<[Variable]>,
    /// What the script requires, and what its `ihave` tests found.
    pub required: Capabilities,
    /// Those of them that something in the script cannot do without.
    pub used: Capabilities,
    /// What is allowed but can hardly be meant, in the order of the places.
    pub warnings: Vec<Error>,
}

/// Something and where its name begins.
#[derive(Clone, PartialEq, Eq)]
pub struct At<T> {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub item: T,
}

impl<T: fmt::Debug> fmt::Debug for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.at, self.item)
    }
}

/// A string, with escapes, dots and encoded characters resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where it begins.
    pub at: Position,
    /// What it says.
    pub content: Content,
}

/// What a string says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The same for every message.
    Constant(Box<str>),
    /// The same for every message, but no UTF-8: `${hex:…}` can write any octets (RFC 5228
    /// §2.4.2.4).
    Octets(Box<[u8]>),
    /// One after the other; a variable is among them.
    Pieces(Box<[Piece]>),
}

/// A part of a string in which a variable takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Taken as it is.
    Literal(Box<str>),
    /// Taken as it is, and no UTF-8.
    Octets(Box<[u8]>),
    /// `${name}` (RFC 5229 §3).
    Variable(VariableId),
    /// `${1}`: what a wildcard matched; 0 is all of it (RFC 5229 §3.2).
    Match(u8),
    /// `${env.name}` (vnd.dovecot.environment §4).
    Environment(EnvironmentItem),
}

impl Text {
    /// The string, unless a variable takes part in it or it is no UTF-8.
    pub fn constant(&self) -> Option<&str> {
        match &self.content {
            Content::Constant(text) => Some(text),
            _ => None,
        }
    }

    /// Does no variable take part in it?
    pub const fn is_constant(&self) -> bool {
        !matches!(self.content, Content::Pieces(_))
    }
}

/// A variable of [`Script::variables`], by its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VariableId(pub u32);

/// A variable that the script sets or reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// In lower case (RFC 5229 §3), without its namespace.
    pub name: Box<str>,
    /// Who else sees it.
    pub scope: Scope,
}

/// Who sees a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// This script only.
    Local,
    /// All scripts that call it global, be it by `global "name"` or as `${global.name}`
    /// (RFC 6609 §3.4).
    Global,
}
