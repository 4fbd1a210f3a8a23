//! The contract of `src/job.rs`, held against two stores at once: random jobs run on the model and on
//! the real store, and every reply must say the same (but for ids and mod-sequences, which each store
//! counts for itself). `CONTRACT_SEED=7` runs one seed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use sora::job::{Annotated, Body, FlagSet, Job, MailboxKey, Reply, StoreMode, Transfer, Wants};
use sora::limits;
use sora::mail::search::Query;
use sora::mail::{Message, Snapshot, UidRuns};
use sora::model::{
    AccountId, Address, Depth, EntryName, Flags, Keyword, Keywords, MailboxName, ModSeq, Secret,
    SpecialUse, Timestamp, Uid,
};
use sora::store::{NewAccount, Store};
use sora::work::password::{self, Scheme};
use sora::work::{Hooks, Letters, Mailbag, Settings, Work};

use crate::support::home::Home;
use crate::support::mail;
use crate::support::model::Model;
use crate::support::random::Random;

const USER: &str = "contract@example.com";
const SEEDS: u64 = 6;
const SEEDS_SOAKING: u64 = 300;
const JOBS: usize = 150;
const NAMES: [&str; 10] =
    ["INBOX", "INBOX", "Box", "Box", "a", "a/b", "a/b/c", "BOX", "inbox/child", "Trash"];

#[test]
fn the_model_and_the_store_agree() {
    let seed = std::env::var("CONTRACT_SEED").ok().and_then(|text| text.parse::<u64>().ok());
    let soaking = std::env::var_os("SORA_SOAK").is_some();
    let seeds = if soaking { SEEDS_SOAKING } else { SEEDS };
    for seed in seed.map_or(0..seeds, |seed| seed..seed + 1) {
        let mut random = Random::new(seed);
        let (mut model, mut real) = (Fake::new(), Real::new());
        let mut done = Vec::new();
        for _ in 0..JOBS {
            let asked = Asked::random(&mut random);
            let (wanted, got) = (asked.run(&mut model), asked.run(&mut real));
            done.push(format!("{asked:?}"));
            if got != wanted {
                let last = done[done.len().saturating_sub(15)..].join("\n");
                panic!("CONTRACT_SEED={seed}\n{last}\n{}", difference(&wanted, &got));
            }
        }
        real.stop();
    }
}

/// The first lines that differ.
fn difference(wanted: &str, got: &str) -> String {
    let end = "(nothing)";
    let mut lines = wanted.lines().chain([end]).zip(got.lines().chain([end]));
    let (wanted, got) = lines.find(|(wanted, got)| wanted != got).unwrap_or((wanted, got));
    let same = wanted.bytes().zip(got.bytes()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(80);
    let part = |text: &str| text.chars().skip(from).take(400).collect::<String>();
    format!("model: … {}\nstore: … {}", part(wanted), part(got))
}

/// Whatever answers jobs.
trait Answers {
    fn account(&self) -> AccountId;
    fn answer(&mut self, job: Job) -> Reply;

    fn open(&mut self, name: &MailboxName) -> Result<(MailboxKey, Arc<Snapshot>), String> {
        let account = self.account();
        match self.answer(Job::OpenMailbox { account, name: name.clone() }) {
            Reply::MailboxOpened { info, snapshot } => Ok((info.key, snapshot)),
            other => Err(format!("{other:?}")),
        }
    }
}

struct Fake(Model);

impl Fake {
    fn new() -> Self {
        Self(Model::new(&[USER], "pw"))
    }
}

impl Answers for Fake {
    fn account(&self) -> AccountId {
        AccountId(1)
    }
    fn answer(&mut self, job: Job) -> Reply {
        self.0.run(job)
    }
}

struct Real {
    work: Work,
    store: Store,
    account: AccountId,
    poll: mio::Poll,
    bag: Arc<Mailbag>,
    home: Home,
}

impl Real {
    fn new() -> Self {
        let home = Home::new("", "");
        let settings = Settings {
            data_dir: home.folder().join("data"),
            hostname: "mail.example.com".to_owned(),
            spool_bytes_max: 1 << 30,
            connections_per_account_max: 10,
            ..Settings::of(&sora::config::Config::default())
        };
        std::fs::create_dir_all(&settings.data_dir).expect("a folder");
        let store = home.store();
        let password_hash = password::hash(Scheme::Sha512, &Secret::new("pw")).expect("a hash");
        let address = Address::new(USER).expect("an address");
        let made = store.create_account(NewAccount { address, password_hash });
        let account = made.expect("an account").expect("the first of its name");
        let work = Work::start(&store, &settings, Hooks::default()).expect("threads");
        let poll = mio::Poll::new().expect("a poll");
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).expect("a waker");
        let bag = Mailbag::new(Arc::new(waker));
        Self { work, store, account, poll, bag, home }
    }

    fn stop(self) {
        assert!(self.work.shutdown(Duration::from_secs(10)), "its jobs end");
        let Self { store, home, .. } = self;
        assert_eq!(store.check().expect("a recount"), Vec::<String>::new());
        drop((store, home));
    }
}

impl Answers for Real {
    fn account(&self) -> AccountId {
        self.account
    }
    fn answer(&mut self, job: Job) -> Reply {
        self.work.submit(Box::new(job), self.bag.to(1)).expect("the lane is free");
        let mut events = mio::Events::with_capacity(4);
        loop {
            let mut letters = Letters::default();
            self.bag.empty_into(&mut letters);
            if let Some((_, reply)) = letters.replies.pop() {
                return reply;
            }
            self.poll.poll(&mut events, Some(Duration::from_secs(20))).expect("a poll");
        }
    }
}

/// One thing to ask of both, in words that mean the same to both.
#[derive(Clone, Debug)]
enum Asked {
    Append(MailboxName, u32, FlagSet, i64),
    Store(MailboxName, UidRuns, StoreMode, FlagSet, Option<u32>),
    Expunge(MailboxName, Option<UidRuns>),
    Remove(MailboxName, UidRuns),
    Copy(MailboxName, UidRuns, MailboxName),
    Move(MailboxName, UidRuns, MailboxName),
    Fetch(MailboxName, UidRuns, bool),
    Search(MailboxName, Query),
    Create(MailboxName, Option<SpecialUse>),
    Delete(MailboxName),
    Rename(MailboxName, MailboxName),
    Subscribe(MailboxName, bool),
    List,
    Annotate(Option<MailboxName>, Vec<(EntryName, Option<Vec<u8>>)>),
    Annotations(Annotated, Vec<EntryName>, Depth),
    AnnotationChanges(i64),
    Open(MailboxName),
}

impl Asked {
    fn random(random: &mut Random) -> Self {
        let name =
            |random: &mut Random| MailboxName::new(random.pick::<&str>(&NAMES)).expect("a name");
        let (at, to) = (name(random), name(random));
        match random.below(23) {
            0..=4 => {
                let day = random.below(20_000) as i64;
                Self::Append(at, random.next() as u32, flags(random), day * 86_400)
            }
            5..=7 => {
                let mode = random.pick(&[StoreMode::Replace, StoreMode::Add, StoreMode::Remove]);
                let since = random.one_in(3).then(|| random.below(8) as u32);
                Self::Store(at, uids(random), *mode, flags(random), since)
            }
            8 if random.one_in(3) => Self::Remove(at, uids(random)),
            8 => Self::Expunge(at, random.one_in(2).then(|| uids(random))),
            9 => Self::Copy(at, uids(random), to),
            10 => Self::Move(at, uids(random), to),
            11..=12 => Self::Fetch(at, uids(random), random.one_in(2)),
            13 => Self::Search(at, query(random)),
            14 => {
                let special = [None, None, Some(SpecialUse::Trash), Some(SpecialUse::Junk)];
                Self::Create(at, *random.pick(&special))
            }
            15 => Self::Delete(at),
            16 if !at.is_inbox() || random.one_in(3) => Self::Rename(at, to),
            17 => Self::Subscribe(at, random.one_in(2)),
            18 => Self::List,
            19..=20 => {
                let of = (!random.one_in(4)).then_some(at);
                let entries = (0..random.below(4)).map(|_| (entry(random), value(random)));
                Self::Annotate(of, entries.collect())
            }
            21 => {
                let of = match random.below(3) {
                    0 => Annotated::Server,
                    1 => Annotated::Mailboxes,
                    _ => Annotated::Mailbox(at),
                };
                let depth = *random.pick(&[Depth::Itself, Depth::Children, Depth::All]);
                Self::Annotations(of, vec![entry(random), entry(random)], depth)
            }
            22 if random.one_in(2) => Self::AnnotationChanges(random.below(8) as i64),
            _ => Self::Open(at),
        }
    }

    /// Runs it and says what came of it, without what the two may count differently.
    fn run(&self, store: &mut impl Answers) -> String {
        let account = store.account();
        let job = match self {
            Self::Append(name, n, flags, seconds) => Job::Append {
                account,
                name: name.clone(),
                flags: flags.clone(),
                internal_date: Some(Timestamp::from_seconds(*seconds)),
                body: Body::Memory(mail::message(*n).into_iter().take(5_000).collect()),
            },
            Self::Create(name, special_use) => {
                Job::CreateMailbox { account, name: name.clone(), special_use: *special_use }
            }
            Self::Delete(name) => Job::DeleteMailbox { account, name: name.clone() },
            Self::Rename(from, to) => {
                Job::RenameMailbox { account, from: from.clone(), to: to.clone() }
            }
            Self::Subscribe(name, true) => Job::Subscribe { account, name: name.clone() },
            Self::Subscribe(name, false) => Job::Unsubscribe { account, name: name.clone() },
            Self::List => Job::ListMailboxes { account },
            Self::Annotate(of, entries) => {
                Job::SetMetadata { account, of: of.clone(), entries: entries.clone() }
            }
            Self::Annotations(of, names, depth) => {
                Job::GetMetadata { account, of: of.clone(), names: names.clone(), depth: *depth }
            }
            Self::AnnotationChanges(since) => {
                Job::MetadataChanges { account, since: ModSeq(*since) }
            }
            Self::Store(name, ..)
            | Self::Expunge(name, _)
            | Self::Remove(name, _)
            | Self::Copy(name, ..)
            | Self::Move(name, ..)
            | Self::Fetch(name, ..)
            | Self::Search(name, _)
            | Self::Open(name) => match store.open(name) {
                Ok((key, snapshot)) => return self.run_in(store, key, &snapshot),
                Err(why) => return why,
            },
        };
        said(&store.answer(job))
    }

    fn run_in(&self, store: &mut impl Answers, mailbox: MailboxKey, now: &Snapshot) -> String {
        let transfer = |uids: &UidRuns, to: &MailboxName| Transfer {
            from: mailbox,
            uids: uids.clone(),
            to: to.clone(),
        };
        let job = match self {
            Self::Store(_, uids, mode, flags, since) => {
                // The mod-sequence of one message, in this store's own numbers.
                let unchanged_since =
                    since.map(|uid| now.get(Uid(uid)).map_or(ModSeq(0), |message| message.mod_seq));
                let (uids, flags) = (uids.clone(), flags.clone());
                Job::Store { mailbox, uids, mode: *mode, flags, unchanged_since }
            }
            Self::Expunge(_, uids) => Job::Expunge { mailbox, uids: uids.clone() },
            Self::Remove(_, uids) => Job::Remove { mailbox, uids: uids.clone() },
            Self::Copy(_, uids, to) => Job::Copy(transfer(uids, to)),
            Self::Move(_, uids, to) => Job::Move(transfer(uids, to)),
            Self::Fetch(_, uids, mark_seen) => return fetch(store, mailbox, uids, *mark_seen),
            Self::Search(_, query) => return search(store, mailbox, query, now),
            _ => return snapshot(now),
        };
        said(&store.answer(job))
    }
}

/// Every batch of a FETCH.
fn fetch(store: &mut impl Answers, mailbox: MailboxKey, uids: &UidRuns, mark_seen: bool) -> String {
    let wants = Wants { envelope: true, map: true, header: true, body: true };
    let (mut text, mut uids) = (String::new(), uids.clone());
    loop {
        let reply = store.answer(Job::Fetch { mailbox, uids: uids.clone(), wants, mark_seen });
        let Reply::Messages { messages, next, .. } = reply else { return format!("{reply:?}") };
        for fetched in messages {
            let shown = message(&fetched.message, &fetched.keywords);
            let parts = [fetched.envelope, fetched.map, fetched.header, fetched.body];
            let parts = parts.map(|part| part.map(|bytes| bytes.escape_ascii().to_string()));
            let _infallible = writeln!(text, "{shown} {parts:?}");
        }
        let Some(next) = next else { return text };
        uids = uids.intersection(&UidRuns::range(next, Uid(u32::MAX)));
    }
}

/// Every slice of a SEARCH.
fn search(store: &mut impl Answers, mailbox: MailboxKey, query: &Query, now: &Snapshot) -> String {
    let (query, among) = (Arc::new(query.clone()), Arc::clone(now.uids()));
    let (mut found, mut from) = (UidRuns::new(), Uid(1));
    loop {
        let (query, among) = (Arc::clone(&query), Arc::clone(&among));
        let reply = store.answer(Job::Search { mailbox, query, among, from });
        let Reply::Found { uids, next, .. } = reply else { return format!("{reply:?}") };
        found = found.union(&uids);
        let Some(next) = next else { return format!("found {found:?}") };
        from = next;
    }
}

fn said(reply: &Reply) -> String {
    match reply {
        Reply::Mailboxes { mailboxes, subscriptions } => {
            let rows = mailboxes.iter().map(|row| {
                format!(
                    "{} {:?} {} next {} {} messages {} unseen {} deleted {} bytes\n",
                    row.name,
                    row.special_use,
                    row.subscribed,
                    row.uid_next,
                    row.messages,
                    row.unseen,
                    row.deleted,
                    row.bytes
                )
            });
            rows.collect::<BTreeSet<_>>().into_iter().collect::<String>()
                + &format!("{subscriptions:?}")
        }
        Reply::Stored { modified, changed, snapshot: after, .. } => {
            format!("modified {modified:?} changed {changed:?}\n{}", snapshot(after))
        }
        Reply::Expunged { uids, snapshot: after } => format!("gone {uids:?}\n{}", snapshot(after)),
        Reply::Copied { from, to, snapshot: after, .. } => {
            format!("{from:?} to {to:?}\n{}", snapshot(after))
        }
        Reply::Appended { uid, .. } => format!("appended {uid}"),
        other => format!("{other:?}"),
    }
}

fn snapshot(snapshot: &Snapshot) -> String {
    let keywords = &snapshot.head.keywords;
    let lines = snapshot.iter().map(|one| message(&one, keywords) + "\n");
    format!("next {}\n{}", snapshot.head.uid_next, lines.collect::<String>())
}

fn message(message: &Message, keywords: &Keywords) -> String {
    let names = keywords.names_in(message.keywords).map(|name| name.as_str().to_lowercase());
    let names: BTreeSet<String> = names.collect();
    let Message { uid, flags, internal_seconds, size, .. } = message;
    format!("{uid} {flags:?} {names:?} {internal_seconds} {size}")
}

fn uids(random: &mut Random) -> UidRuns {
    let mut uids = UidRuns::new();
    for uid in 1..12 {
        if random.one_in(3) {
            uids.push(Uid(uid));
        }
    }
    uids
}

fn flags(random: &mut Random) -> FlagSet {
    let flags = Flags(random.next() as u8 & Flags::ALL.0);
    let names = ["$One", "$one", "Two", "three"].iter().filter(|_| random.one_in(4));
    let mut keywords: Vec<Keyword> = Vec::new();
    for keyword in names.filter_map(|name| Keyword::new(name)) {
        if !keywords.contains(&keyword) {
            keywords.push(keyword);
        }
    }
    FlagSet { flags, keywords }
}

fn entry(random: &mut Random) -> EntryName {
    let names = [
        "/shared",
        "/private",
        "/shared/comment",
        "/Shared/Comment",
        "/private/a",
        "/private/a/b",
        "/private/a/b/c",
        "/private/specialuse",
        "/shared/admin",
    ];
    EntryName::new(random.pick::<&str>(&names)).expect("a name")
}

fn value(random: &mut Random) -> Option<Vec<u8>> {
    let values = ["", "x", "\\Junk", "\\trash", "two\r\nlines\0"];
    match random.below(10) {
        0..=3 => None,
        4 => Some(vec![b'x'; limits::METADATA_VALUE_BYTES_MAX + random.below(2)]),
        _ => Some(random.pick::<&str>(&values).as_bytes().to_vec()),
    }
}

fn query(random: &mut Random) -> Query {
    let one = |random: &mut Random| match random.below(9) {
        0 => Query::All,
        1 => Query::Flags(Flags::SEEN),
        2 => Query::Keyword(Keyword::new("$ONE").expect("a keyword")),
        3 => Query::Uids(uids(random)),
        4 => Query::Larger(random.below(4_000) as u64),
        5 => Query::Smaller(random.below(4_000) as u64),
        6 => Query::InternalBefore(random.below(20_000) as i32),
        7 => Query::InternalSince(random.below(20_000) as i32),
        _ => Query::Nothing,
    };
    match random.below(4) {
        0 => Query::Not(Box::new(one(random))),
        1 => Query::And(vec![one(random), one(random)]),
        2 => Query::Or(vec![one(random), one(random)]),
        _ => one(random),
    }
}
