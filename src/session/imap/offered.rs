//! What the grammar reads and this server does not offer: answered BAD before a handler sees it.
//!
//! The rule: CAPABILITY decides, and nothing else. Every form that an extension adds stands here
//! with the word that announces it. Whoever writes the behaviour adds the word to CAPABILITY, and
//! the form comes through; as long as the word is missing, handlers may take it that the form never
//! reaches them.

use parser::imap::{
    AppendItem, AppendOctets, Command, FetchItem, FetchModifier, Item, List, ListReturn, SearchKey,
    SearchReturn, SelectParam, SortCriterion, SortKey, StatusItem,
};

use super::capability::is_offered;

/// Words of which one must be in CAPABILITY; none for what the base protocol has.
type Announced = &'static [&'static str];

const BASE: Announced = &[];
const FILTERS: Announced = &["FILTERS"];
const FUZZY: Announced = &["SEARCH=FUZZY"];
const OBJECT_ID: Announced = &["OBJECTID"];
const PARTIAL: Announced = &["PARTIAL"];
const QRESYNC: Announced = &["QRESYNC"];
const SAVE_DATE: Announced = &["SAVEDATE"];
const WITHIN: Announced = &["WITHIN"];

/// The word that is missing for `command`; `None` if we offer all of it.
pub(super) fn missing(command: &Command<'_>) -> Option<&'static str> {
    match command {
        Command::Select { params, .. } | Command::Examine { params, .. } => {
            any(*params, select_param)
        }
        Command::Status { items, .. } => any(*items, status_item),
        Command::List(list) => list.returns.into_iter().flatten().find_map(list_return),
        Command::Fetch { items, modifiers, .. } => {
            any(*items, fetch_item).or_else(|| any(*modifiers, fetch_modifier))
        }
        Command::Search { returns, keys, .. } => {
            optional(*returns, search_return).or_else(|| search_keys(*keys))
        }
        Command::ESearch { returns, keys, .. } => absent(&["MULTISEARCH"])
            .or_else(|| optional(*returns, search_return))
            .or_else(|| search_keys(*keys)),
        Command::Sort { returns, criteria, keys, .. } => absent(&["SORT"])
            .or_else(|| returns.and_then(|_| absent(&["ESORT", "CONTEXT=SORT"])))
            .or_else(|| optional(*returns, sort_return))
            .or_else(|| any(*criteria, sort_criterion))
            .or_else(|| search_keys(*keys)),
        Command::Thread { algorithm, keys, .. } => {
            absent(thread_algorithm(algorithm)).or_else(|| search_keys(*keys))
        }
        Command::CancelUpdate(_) => absent(&["CONTEXT=SEARCH", "CONTEXT=SORT"]),
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
        Command::Filter { .. } => &["FILTER=SIEVE"],
        _ => BASE,
    }
}

fn absent(announced: Announced) -> Option<&'static str> {
    let first = announced.first().copied()?;
    (!announced.iter().any(|word| is_offered(word))).then_some(first)
}

fn any<'a, T: Item<'a>>(list: List<'a, T>, announced: fn(T) -> Announced) -> Option<&'static str> {
    list.iter().find_map(|item| absent(announced(item)))
}

fn optional<'a, T: Item<'a>>(
    list: Option<List<'a, T>>,
    announced: fn(T) -> Announced,
) -> Option<&'static str> {
    list.and_then(|list| any(list, announced))
}

const fn select_param(param: SelectParam<'_>) -> Announced {
    match param {
        SelectParam::CondStore => BASE,
        SelectParam::QResync { .. } => QRESYNC,
    }
}

const fn status_item(item: StatusItem) -> Announced {
    match item {
        StatusItem::MailboxId => OBJECT_ID,
        StatusItem::DeletedStorage => &["QUOTA=RES-STORAGE"], // RFC 9208 §4.1.4
        StatusItem::Messages
        | StatusItem::UidNext
        | StatusItem::UidValidity
        | StatusItem::Unseen
        | StatusItem::Deleted
        | StatusItem::Size
        | StatusItem::Recent
        | StatusItem::HighestModSeq
        | StatusItem::AppendLimit => BASE,
    }
}

fn list_return(option: ListReturn<'_>) -> Option<&'static str> {
    match option {
        ListReturn::Subscribed | ListReturn::Children | ListReturn::SpecialUse => None,
        ListReturn::Status(items) => any(items, status_item),
        ListReturn::MyRights => absent(&["LIST-MYRIGHTS"]),
        ListReturn::Metadata(_) => absent(&["LIST-METADATA"]),
    }
}

const fn fetch_item(item: FetchItem<'_>) -> Announced {
    match item {
        FetchItem::Preview { .. } => &["PREVIEW"],
        FetchItem::EmailId | FetchItem::ThreadId => OBJECT_ID,
        FetchItem::SaveDate => SAVE_DATE,
        FetchItem::Uid
        | FetchItem::Flags
        | FetchItem::InternalDate
        | FetchItem::Rfc822Size
        | FetchItem::ModSeq
        | FetchItem::Envelope
        | FetchItem::Body
        | FetchItem::BodyStructure
        | FetchItem::Rfc822
        | FetchItem::Rfc822Header
        | FetchItem::Rfc822Text
        | FetchItem::BodySection { .. }
        | FetchItem::Binary { .. }
        | FetchItem::BinarySize(_) => BASE,
    }
}

const fn fetch_modifier(modifier: FetchModifier) -> Announced {
    match modifier {
        FetchModifier::ChangedSince(_) => BASE,
        FetchModifier::Vanished => QRESYNC,
        FetchModifier::Partial(_) => PARTIAL,
    }
}

const fn search_return(option: SearchReturn<'_>) -> Announced {
    match option {
        SearchReturn::Min
        | SearchReturn::Max
        | SearchReturn::All
        | SearchReturn::Count
        | SearchReturn::Save => BASE,
        SearchReturn::Partial(_) => &["PARTIAL", "CONTEXT=SEARCH"],
        SearchReturn::Context | SearchReturn::Update(None) => &["CONTEXT=SEARCH"],
        SearchReturn::Update(Some(_)) => &["NOTIFY"], // RFC 5465 §7
        SearchReturn::Relevancy => FUZZY,
    }
}

const fn sort_return(option: SearchReturn<'_>) -> Announced {
    match option {
        SearchReturn::Partial(_) | SearchReturn::Context | SearchReturn::Update(None) => {
            &["CONTEXT=SORT"]
        }
        option => search_return(option),
    }
}

const fn sort_criterion(criterion: SortCriterion) -> Announced {
    match criterion.key {
        SortKey::DisplayFrom | SortKey::DisplayTo => &["SORT=DISPLAY"],
        SortKey::Relevancy => FUZZY,
        SortKey::Arrival
        | SortKey::Cc
        | SortKey::Date
        | SortKey::From
        | SortKey::Size
        | SortKey::Subject
        | SortKey::To => BASE,
    }
}

/// An algorithm that nobody announces is one that we do not offer either.
fn thread_algorithm(name: &str) -> Announced {
    let is = |known| name.eq_ignore_ascii_case(known);
    match () {
        () if is("ORDEREDSUBJECT") => &["THREAD=ORDEREDSUBJECT"],
        () if is("REFERENCES") => &["THREAD=REFERENCES"],
        () if is("REFS") => &["THREAD=REFS"],
        () => &["That THREAD algorithm"],
    }
}

fn search_keys(keys: List<'_, SearchKey<'_>>) -> Option<&'static str> {
    keys.iter().find_map(search_key)
}

/// Keys inside others follow them in their list.
fn search_key(key: SearchKey<'_>) -> Option<&'static str> {
    match key {
        SearchKey::Fuzzy => absent(FUZZY),
        SearchKey::Older(_) | SearchKey::Younger(_) => absent(WITHIN),
        SearchKey::SavedBefore(_)
        | SearchKey::SavedOn(_)
        | SearchKey::SavedSince(_)
        | SearchKey::SaveDateSupported => absent(SAVE_DATE),
        SearchKey::EmailId(_) | SearchKey::ThreadId(_) => absent(OBJECT_ID),
        SearchKey::Filter(_) => absent(FILTERS),
        SearchKey::All
        | SearchKey::Has(_)
        | SearchKey::Lacks(_)
        | SearchKey::Keyword(_)
        | SearchKey::Unkeyword(_)
        | SearchKey::Recent
        | SearchKey::New
        | SearchKey::Old
        | SearchKey::Header { .. }
        | SearchKey::Body(_)
        | SearchKey::Text(_)
        | SearchKey::Before(_)
        | SearchKey::On(_)
        | SearchKey::Since(_)
        | SearchKey::SentBefore(_)
        | SearchKey::SentOn(_)
        | SearchKey::SentSince(_)
        | SearchKey::Larger(_)
        | SearchKey::Smaller(_)
        | SearchKey::Seq(_)
        | SearchKey::Uid(_)
        | SearchKey::ModSeq(_)
        | SearchKey::Not
        | SearchKey::Or
        | SearchKey::Open
        | SearchKey::Close => None,
    }
}
