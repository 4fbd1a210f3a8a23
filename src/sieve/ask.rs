//! What a run cannot know by itself: it stops, asks, and goes on with the answer.

use std::sync::Arc;

use parser::sieve::tree::Location;

use super::Script;

/// Asked by a run that has stopped; the variant of [`Answer`] it wants stands beside each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Is the mailbox there, and may the user put mail into it (RFC 5490 §3.1)? [`Answer::Bool`]
    MailboxExists {
        /// In UTF-8.
        mailbox: String,
    },
    /// Which mailbox has this id, if the user may put mail into it (RFC 9042 §4 and §6)?
    /// [`Answer::Text`] with its name.
    MailboxById {
        /// Of RFC 8474.
        id: String,
    },
    /// Is there a mailbox for this use, or has this one the use, and may the user put mail into it
    /// (RFC 8579 §3)? [`Answer::Bool`]
    SpecialUseExists {
        /// `None`: any.
        mailbox: Option<String>,
        /// As `\Archive`.
        attribute: String,
    },
    /// Which mailbox has this use (RFC 8579 §4)? [`Answer::Text`] with its name.
    SpecialUseMailbox {
        /// As `\Archive`.
        attribute: String,
        /// To be named if it is one of several.
        preferred: String,
    },
    /// An annotation's value (RFC 5490 §3.3 and §4.1). [`Answer::Text`]
    Metadata {
        /// `None`: the server's.
        mailbox: Option<String>,
        /// As `/private/comment`.
        annotation: String,
    },
    /// Was this id seen before, by an earlier run that ended well (RFC 7352 §3)? [`Answer::Bool`]
    Duplicate {
        /// The list it is on; empty for the one without a name.
        handle: String,
        /// In any form; case counts.
        id: String,
    },
    /// A script (RFC 6609 §3.2). [`Answer::Script`]
    Script {
        /// Whose.
        location: Location,
        /// Its name.
        name: String,
    },
    /// Is there such a list, and can it be asked (RFC 6134 §2.7)? [`Answer::Bool`]
    ListExists {
        /// An absolute URI.
        list: String,
    },
    /// Is one of the values in one of the lists (RFC 6134 §2.2)? [`Answer::Text`] with the value as
    /// the list has it. A list that cannot be asked at all is [`Answer::Impossible`].
    InLists {
        /// Absolute URIs.
        lists: Vec<String>,
        /// From the message.
        values: Vec<String>,
    },
}

/// What a run goes on with.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Yes or no.
    Bool(bool),
    /// What was asked for, if it is there.
    Text(Option<String>),
    /// The script, if it is there; or what is wrong with it.
    Script(Result<Option<Arc<Script>>, String>),
    /// It cannot be known, and why: the run ends with this error, and the message is kept.
    Impossible(String),
}
