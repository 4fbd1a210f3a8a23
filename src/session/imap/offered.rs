//! What the grammar reads and this server does not offer: answered BAD before a handler sees it.
//!
//! The rule: CAPABILITY decides, and nothing else. Every form that an extension adds stands here
//! with the word that announces it. Whoever writes the behaviour adds the word to CAPABILITY, and
//! the form comes through; as long as the word is missing, handlers may take it that the form never
//! reaches them.

use parser::imap::{AppendItem, AppendOctets, Command, FetchModifier, List, SelectParam};

use super::capability::is_offered;

/// Words of which one must be in CAPABILITY; none for what the base protocol has.
type Announced = &'static [&'static str];

const BASE: Announced = &[];
const QRESYNC: Announced = &["QRESYNC"];

/// The word that is missing for `command`; `None` if we offer all of it.
pub(super) fn missing(command: &Command<'_>) -> Option<&'static str> {
    match command {
        Command::Select { params, .. } | Command::Examine { params, .. } => {
            any(*params, select_param)
        }
        Command::Fetch { modifiers, .. } => any(*modifiers, fetch_modifier),
        Command::Append { items, .. } => items.clone().find_map(|item| absent(append_item(item))),
        command => absent(whole(command)),
    }
}

/// What comes with literals is told apart in `append.rs`, before they do.
const fn append_item(item: AppendItem<'_>) -> Announced {
    match item {
        AppendItem::Octets(AppendOctets { part: true, .. }) | AppendItem::Url(_) => &["CATENATE"],
        AppendItem::Octets(AppendOctets { utf8: true, .. }) => &["UTF8=ACCEPT"],
        _ => BASE,
    }
}

/// Commands that an extension adds.
const fn whole(command: &Command<'_>) -> Announced {
    match command {
        Command::SetAcl { .. }
        | Command::DeleteAcl { .. }
        | Command::GetAcl(_)
        | Command::ListRights { .. }
        | Command::MyRights(_) => &["ACL"],
        Command::GetQuota(_) | Command::GetQuotaRoot(_) => &["QUOTA"],
        Command::SetQuota { .. } => &["QUOTASET"],
        Command::GetMetadata { .. } | Command::SetMetadata { .. } => {
            &["METADATA", "METADATA-SERVER"]
        }
        Command::Notify(_) => &["NOTIFY"],
        Command::Compress(_) => &["COMPRESS=DEFLATE"],
        Command::Unauthenticate => &["UNAUTHENTICATE"],
        Command::Language(_) => &["LANGUAGE"],
        Command::Comparator(_) => &["I18NLEVEL=2"],
        Command::UidBatches { .. } => &["UIDBATCHES"],
        Command::Replace { .. } => &["REPLACE"],
        _ => BASE,
    }
}

fn absent(announced: Announced) -> Option<&'static str> {
    let first = announced.first().copied()?;
    (!announced.iter().any(|word| is_offered(word))).then_some(first)
}

fn any<T>(list: List<'_, T>, announced: fn(T) -> Announced) -> Option<&'static str> {
    list.iter().find_map(|item| absent(announced(item)))
}

const fn select_param(param: SelectParam<'_>) -> Announced {
    match param {
        SelectParam::CondStore => BASE,
        SelectParam::QResync { .. } => QRESYNC,
    }
}

const fn fetch_modifier(modifier: FetchModifier) -> Announced {
    match modifier {
        FetchModifier::ChangedSince(_) => BASE,
        FetchModifier::Vanished => QRESYNC,
    }
}
