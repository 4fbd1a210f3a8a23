//! Mail that flows while something breaks: senders that come again until they are answered, as MTAs do,
//! and readers that believe nothing they have not seen.
//!
//! What is true at any moment, whatever breaks: nobody is answered "never" (`5xx`), a body is whole or
//! not to be had, a UID that was told once means the same message for ever. [`Mail::end`] has the rest:
//! every letter is there, once, and so is every flag that was answered OK.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::connection::{Answer, Connection};
use crate::support::daemon::Addresses;
use crate::support::random::Random;

pub(super) const USERS: [&str; 2] = ["one@example.com", "two@example.com"];
pub(super) const PASSWORD: &str = "pw";

/// A letter is given up, and the test with it, after so long.
const LETTER_SECONDS_MAX: u64 = 120;
/// A test ends after so many letters of one sender, at the latest.
const LETTERS_MAX: u32 = 20_000;
/// What a test waits for comes within this time.
const EVENT_SECONDS_MAX: u64 = 120;
const PAUSE: Duration = Duration::from_millis(50);

/// Who sends, and what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Connections that deliver.
    pub(super) senders: u32,
    /// Connections that read.
    pub(super) readers: u32,
    /// Bytes of the large letters, one in eight; 0 for none.
    pub(super) large: usize,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Deliveries answered 250.
    pub(super) taken: u32,
    /// Answers that said "later", and connections that broke.
    pub(super) put_off: u32,
    /// Of them, those that said that there is no room.
    pub(super) no_room: u32,
    /// Bodies that were read whole.
    pub(super) read: u32,
    /// Commands of readers that were refused for now, and connections of theirs that broke.
    pub(super) not_read: u32,
}

/// Mail that flows until [`Mail::end`].
pub(super) struct Mail {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    bell: Condvar,
    stop: AtomicBool,
}

struct State {
    nodes: Vec<Addresses>,
    /// How often they became others: whoever is connected then goes elsewhere.
    moves: u32,
    counts: Counts,
    /// User and token of everything that was answered 250.
    taken: Vec<(usize, String)>,
    /// User and UID of what was flagged, and that was answered OK.
    flagged: BTreeSet<(usize, u32)>,
    /// User, UID and token as any reader saw them.
    seen: HashMap<(usize, u32), String>,
    wrong: Vec<String>,
}

impl Mail {
    /// Starts.
    pub(super) fn start(nodes: Vec<Addresses>, plan: Plan) -> Self {
        let state = State {
            nodes,
            moves: 0,
            counts: Counts::default(),
            taken: Vec::new(),
            flagged: BTreeSet::new(),
            seen: HashMap::new(),
            wrong: Vec::new(),
        };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), bell: Condvar::new(), stop: false.into() });
        let sender = |n| {
            let shared = Arc::clone(&shared);
            spawn(move || shared.send(n, plan))
        };
        let reader = |n| {
            let shared = Arc::clone(&shared);
            spawn(move || shared.read(n))
        };
        let threads = (0..plan.senders).map(sender).chain((0..plan.readers).map(reader)).collect();
        Self { shared, threads }
    }

    /// The nodes are others now.
    pub(super) fn set_nodes(&self, nodes: Vec<Addresses>) {
        let mut state = self.shared.state();
        (state.nodes, state.moves) = (nodes, state.moves + 1);
    }

    pub(super) fn counts(&self) -> Counts {
        self.shared.state().counts
    }

    /// Waits for something.
    #[track_caller]
    pub(super) fn until(&self, what: &str, is_so: impl Fn(&Counts) -> bool) {
        let end = Instant::now() + Duration::from_secs(EVENT_SECONDS_MAX);
        let mut state = self.shared.state();
        while !is_so(&state.counts) {
            assert!(state.wrong.is_empty(), "{:#?}", state.wrong);
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain for {what}: {:?}", state.counts);
            let waited = self.shared.bell.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for so many more deliveries, and for as many readings of somebody.
    #[track_caller]
    pub(super) fn flows(&self, more: u32) {
        let before = self.counts();
        self.until("mail", |now| {
            now.taken >= before.taken + more && now.read >= before.read + more
        });
    }

    /// Waits until so many more senders were put off.
    #[track_caller]
    pub(super) fn is_put_off(&self, more: u32) {
        let before = self.counts();
        self.until("refusals", |now| now.put_off >= before.put_off + more);
    }

    /// Lets every sender and reader come to its end, and compares what is there with what was answered.
    #[track_caller]
    pub(super) fn end(self) -> Counts {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("none of them panics");
        }
        let state = self.shared.state();
        assert!(state.wrong.is_empty(), "{:#?}", state.wrong);
        assert!(state.counts.taken > 0 && !state.nodes.is_empty());
        for (user, address) in USERS.iter().enumerate() {
            let there = everything(state.nodes[0].imap, address).expect("it can be read");
            let mut taken: Vec<&str> = state.taken_by(user).collect();
            let mut found: Vec<&str> = there.iter().map(|letter| &*letter.token).collect();
            taken.sort_unstable();
            found.sort_unstable();
            let (lost, doubled) = differences(&taken, &found);
            assert!(lost.is_empty(), "{address} lacks {lost:?}");
            assert!(doubled.is_empty(), "{address} has too much: {doubled:?}");
            for letter in &there {
                let seen = state.seen.get(&(user, letter.uid));
                assert!(seen.is_none_or(|token| *token == letter.token), "UID {}", letter.uid);
                let flag = state.flagged.contains(&(user, letter.uid));
                assert!(
                    !flag || letter.is_flagged,
                    "{address}: UID {} has lost a flag",
                    letter.uid
                );
            }
        }
        state.counts
    }
}

/// What only `taken` has, and what `found` has beside it; both in order.
fn differences(taken: &[&str], found: &[&str]) -> (Vec<String>, Vec<String>) {
    let count = |list: &[&str]| {
        let mut counts = HashMap::new();
        list.iter().for_each(|token| *counts.entry((*token).to_owned()).or_insert(0) += 1);
        counts
    };
    let (taken, found) = (count(taken), count(found));
    let more = |than: &HashMap<String, i32>, of: &HashMap<String, i32>| -> Vec<String> {
        let more = of.iter().filter(|(token, n)| than.get(*token).is_none_or(|m| m < n));
        more.map(|(token, n)| format!("{token} ({n})")).collect()
    };
    (more(&found, &taken), more(&taken, &found))
}

fn spawn(run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    #[expect(clippy::disallowed_methods, reason = "several clients at once")]
    std::thread::spawn(run)
}

impl State {
    fn taken_by(&self, user: usize) -> impl Iterator<Item = &str> {
        self.taken.iter().filter(move |it| it.0 == user).map(|it| &*it.1)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.bell.notify_all();
    }

    fn wrong(&self, what: String) {
        self.note(|state| state.wrong.push(what));
        self.stop.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The nodes by turns.
    fn node(&self, turn: &mut usize) -> Addresses {
        *turn += 1;
        let state = self.state();
        state.nodes[*turn % state.nodes.len()]
    }

    fn moves(&self) -> u32 {
        self.state().moves
    }
}

// Senders.

/// A letter on its way: who has not answered 250 for it yet.
struct Letter {
    token: String,
    bytes: Vec<u8>,
    left: Vec<usize>,
}

/// What all letters end with.
const LAST_LINE: &str = "that is all\r\n";

impl Letter {
    fn new(sender: u32, n: u32, large: usize) -> Self {
        let token = format!("letter-{sender}-{n}");
        // What makes a second try recognisable (pitfall 6).
        let received = "Received: by mx.example.org (Postfix); Mon, 1 Jan 2024 10:00:00 +0000\r\n";
        let line = format!("this is {token}\r\n");
        let bytes = if large > 0 && n % 8 == 5 { large } else { 200 + (n as usize % 40) * 100 };
        let body = line.repeat(bytes / line.len() + 1);
        let bytes = format!("{received}X-Token: {token}\r\nSubject: {n}\r\n\r\n{body}{LAST_LINE}");
        let left = if n.is_multiple_of(3) { vec![0, 1] } else { vec![(n % 2) as usize] };
        Self { token, bytes: bytes.into_bytes(), left }
    }
}

impl Shared {
    /// The life of a sender: one letter after the other, each until all have answered for it.
    fn send(&self, sender: u32, plan: Plan) {
        let mut turn = sender as usize;
        let (mut lmtp, mut moves) = (None, 0);
        for n in 0..LETTERS_MAX {
            if self.is_over() {
                return;
            }
            if std::mem::replace(&mut moves, self.moves()) != moves {
                (lmtp, turn) = (None, sender as usize);
            }
            let mut letter = Letter::new(sender, n, plan.large);
            let end = Instant::now() + Duration::from_secs(LETTER_SECONDS_MAX);
            loop {
                if Instant::now() > end {
                    return self.wrong(format!("{} is answered by nobody", letter.token));
                }
                if self.try_to_send(&mut lmtp, &mut letter, &mut turn).is_err() {
                    lmtp = None;
                    self.note(|state| state.counts.put_off += 1);
                }
                if letter.left.is_empty() {
                    break;
                }
                if !self.state().wrong.is_empty() {
                    return;
                }
                std::thread::park_timeout(PAUSE);
            }
        }
    }

    /// One try, for those who are left.
    fn try_to_send(
        &self,
        lmtp: &mut Option<Connection>,
        letter: &mut Letter,
        turn: &mut usize,
    ) -> io::Result<()> {
        let lmtp = match lmtp {
            Some(lmtp) => lmtp,
            None => lmtp.insert(Connection::lmtp(self.node(turn).lmtp)?),
        };
        let reply = lmtp.ask("MAIL FROM:<sender@example.org>")?;
        if !self.is_taken(letter, &reply) {
            return Ok(());
        }
        let mut accepted = Vec::new();
        for user in letter.left.clone() {
            let reply = lmtp.ask(&format!("RCPT TO:<{}>", USERS[user]))?;
            if self.is_taken(letter, &reply) {
                accepted.push(user);
            }
        }
        if accepted.is_empty() {
            return lmtp.ask("RSET").map(drop);
        }
        let reply = lmtp.ask("DATA")?;
        if !reply.starts_with("354") {
            self.is_taken(letter, &reply);
            return lmtp.ask("RSET").map(drop);
        }
        lmtp.send(&[&letter.bytes[..], b".\r\n"].concat())?;
        for user in accepted {
            let reply = lmtp.reply()?;
            if self.is_taken(letter, &reply) {
                letter.left.retain(|left| *left != user);
                let token = letter.token.clone();
                self.note(|state| {
                    state.counts.taken += 1;
                    state.taken.push((user, token));
                });
            }
        }
        Ok(())
    }

    /// True for "yes", false for "later"; "never" is wrong.
    fn is_taken(&self, letter: &Letter, reply: &str) -> bool {
        match reply.as_bytes().first() {
            Some(b'2') => true,
            Some(b'4') => {
                self.note(|state| {
                    state.counts.put_off += 1;
                    state.counts.no_room += u32::from(reply.starts_with("452"));
                });
                false
            }
            _ => {
                self.wrong(format!("{}: {reply}", letter.token));
                false
            }
        }
    }
}

// Readers.

/// A message as a reader sees it.
struct Seen {
    uid: u32,
    token: String,
    is_flagged: bool,
}

/// From `* 5 FETCH (UID 7 FLAGS (…) BODY[] {…}…)`; `Ok(None)` for a response without a body.
fn seen(response: &[u8]) -> Result<Option<Seen>, String> {
    let end = response.windows(2).position(|two| two == b"\r\n").unwrap_or(response.len());
    let head = String::from_utf8_lossy(&response[..end]).into_owned();
    if !head.contains("BODY[]") {
        return Ok(None);
    }
    let word = |after: &str| {
        let rest = head.split_once(after)?.1;
        rest.split([' ', ')']).next()?.parse::<u32>().ok()
    };
    let Some(uid) = word("UID ") else { return Err(format!("no UID in {head}")) };
    let is_flagged = head.contains("\\Flagged");
    let body = response.get(end + 2..response.len().saturating_sub(1)).unwrap_or_default();
    let top = String::from_utf8_lossy(&body[..body.len().min(1_500)]).into_owned();
    let token = top.split_once("X-Token: ").and_then(|(_, rest)| rest.split("\r\n").next());
    match token {
        Some(token) if body.ends_with(LAST_LINE.as_bytes()) => {
            Ok(Some(Seen { uid, token: token.to_owned(), is_flagged }))
        }
        _ => Err(format!("UID {uid} is not whole: {head} and {} bytes", body.len())),
    }
}

/// How many messages a reader asks for at once.
const AT_ONCE: u32 = 20;

impl Shared {
    /// The life of a reader: what is new, and what is old, in turns.
    fn read(&self, reader: u32) {
        let user = reader as usize % USERS.len();
        let mut random = Random::new(u64::from(reader));
        let mut turn = reader as usize;
        let (mut imap, mut moves, mut last) = (None, 0, 0);
        while !self.is_over() {
            if std::mem::replace(&mut moves, self.moves()) != moves {
                imap = None;
            }
            match self.try_to_read(&mut imap, user, &mut last, &mut random, &mut turn) {
                Ok(true) => {}
                Ok(false) => std::thread::park_timeout(PAUSE),
                Err(_) => {
                    imap = None;
                    self.note(|state| state.counts.not_read += 1);
                    std::thread::park_timeout(PAUSE);
                }
            }
        }
    }

    /// True if it goes on at once.
    fn try_to_read(
        &self,
        imap: &mut Option<Connection>,
        user: usize,
        last: &mut u32,
        random: &mut Random,
        turn: &mut usize,
    ) -> io::Result<bool> {
        let imap = match imap {
            Some(imap) => imap,
            None => {
                let mut new = Connection::imap(self.node(turn).imap, USERS[user], PASSWORD)?;
                new.must("SELECT INBOX")?;
                imap.insert(new)
            }
        };
        let old = *last > 0 && random.one_in(3);
        let first = if old { 1 + random.below(*last as usize) as u32 } else { *last + 1 };
        let set = format!("{first}:{}", first + AT_ONCE - 1);
        let answer = imap.command(&format!("UID FETCH {set} (UID FLAGS BODY.PEEK[])"))?;
        let is_whole = self.may_be(&answer.tagged);
        let mut told = 0;
        for response in &answer.untagged {
            match seen(response) {
                Ok(None) => {}
                Ok(Some(seen)) => {
                    told += 1;
                    *last = seen.uid.max(*last);
                    self.saw(user, seen);
                }
                Err(why) => self.wrong(format!("{}: {why}", USERS[user])),
            }
        }
        if !is_whole {
            // What cannot be had for now is passed over, as a person would.
            *last += u32::from(told == 0 && !old);
            return Ok(told > 0);
        }
        if told > 0 && random.one_in(2) {
            let uid = 1 + random.below(*last as usize) as u32;
            let answer = imap.command(&format!("UID STORE {uid} +FLAGS.SILENT (\\Flagged)"))?;
            if self.may_be(&answer.tagged) && answer.is_ok() {
                self.note(|state| state.flagged.extend([(user, uid)]));
            }
        }
        imap.must("NOOP")?;
        Ok(told > 0)
    }

    /// OK, or no for now.
    fn may_be(&self, tagged: &str) -> bool {
        if tagged.starts_with("OK") {
            return true;
        }
        let for_now = ["NO [UNAVAILABLE]", "NO [LIMIT]", "NO [OVERQUOTA]", "NO [INUSE]"];
        if !for_now.iter().any(|start| tagged.starts_with(start)) {
            self.wrong(format!("a reader hears {tagged}"));
        }
        self.note(|state| state.counts.not_read += 1);
        false
    }

    fn saw(&self, user: usize, seen: Seen) {
        let mut wrong = None;
        self.note(|state| {
            state.counts.read += 1;
            let was = state.seen.insert((user, seen.uid), seen.token.clone());
            if was.as_ref().is_some_and(|was| *was != seen.token) {
                wrong = Some(format!("UID {} was {was:?} and is {}", seen.uid, seen.token));
            }
        });
        wrong.into_iter().for_each(|what| self.wrong(what));
    }
}

/// All that a user has.
fn everything(imap: SocketAddr, user: &str) -> io::Result<Vec<Seen>> {
    let mut imap = Connection::imap(imap, user, PASSWORD)?;
    imap.must("SELECT INBOX")?;
    let fetch = "UID FETCH 1:* (UID FLAGS BODY.PEEK[])";
    // A bucket that was away is left alone for a while.
    let end = Instant::now() + Duration::from_secs(LETTER_SECONDS_MAX);
    let mut answers = std::iter::repeat_with(|| imap.command(fetch));
    let is_for_now = |answer: &io::Result<Answer>| {
        let no = |answer: &Answer| answer.tagged.starts_with("NO [UNAVAILABLE]");
        let is = answer.as_ref().is_ok_and(no) && Instant::now() < end;
        if is {
            std::thread::park_timeout(PAUSE);
        }
        is
    };
    let answer = answers.find(|answer| !is_for_now(answer));
    let answer = answer.ok_or(io::ErrorKind::TimedOut)??;
    if !answer.is_ok() {
        return Err(io::Error::other(answer.tagged));
    }
    let all = answer.untagged.iter().filter_map(|response| seen(response).transpose());
    let all: Vec<Seen> = all.collect::<Result<_, _>>().map_err(io::Error::other)?;
    assert!(all.windows(2).all(|two| two[0].uid < two[1].uid), "UIDs ascend");
    Ok(all)
}
