//! What the configuration says to scripts, for whoever tries one without a store and a delivery:
//! `sora-admin sieve test`.

use std::path::Path;

use super::SieveSettings;
use super::lists::Lists;
use crate::sieve::{Answer, Limits, Question, Verdict};
use crate::store::Failure;

/// A site, without its accounts.
#[derive(Debug)]
pub(crate) struct ScriptSite {
    settings: SieveSettings,
    lists: Lists,
}

impl ScriptSite {
    pub(in crate::work) fn new(settings: SieveSettings) -> Self {
        let lists = Lists::new(settings.lists.clone());
        Self { settings, lists }
    }

    /// How much a run may do.
    pub(crate) const fn limits(&self) -> Limits {
        self.settings.limits
    }

    /// Where `include :global` finds scripts.
    pub(crate) fn global(&self) -> Option<&Path> {
        self.settings.global.as_deref()
    }

    /// What the checkers of mail wrote into a message.
    pub(crate) fn verdicts(&self, message: &[u8]) -> [Option<Verdict<'static>>; 2] {
        self.settings.verdicts(message)
    }

    /// The answer to a question about external lists; `None` if it is about something else.
    pub(crate) fn answer(&self, question: &Question) -> Option<Result<Answer, Failure>> {
        match question {
            Question::ListExists { list } => Some(self.lists.exists(list)),
            Question::InLists { lists, values } => Some(self.lists.member(lists, values)),
            _ => None,
        }
    }
}
