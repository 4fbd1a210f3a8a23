//! Logins: who may come in, how often one may guess, and how many may sit at once.
//!
//! Unknown users, wrong passwords and too many guesses look the same to the peer (pitfall 55), and
//! trouble of ours never looks like any of them (pitfall 57). A slow hash is computed on the auth
//! lane only; a password that was right within the last minutes is known again without one, as long
//! as the stored hash is the same.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::hmac;
use ring::rand::SystemRandom;

use super::lru::Lru;
use super::upkeep::{Chores, Outdated};
use super::{Done, Lane, clock, password};
use crate::error::{Fault, Refusal};
use crate::job::{Job, Reply, Seat};
use crate::limits::{
    LOGIN_CACHE_ENTRIES_MAX, LOGIN_CACHE_SECONDS, LOGIN_FAILURE_ENTRIES_MAX, LOGIN_FAILURE_SECONDS,
    LOGIN_FAILURES_MAX,
};
use crate::model::{AccountId, Address, Secret};

/// What an [`Authenticator`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The password is right; the account has this address.
    Account(Address),
    /// No such user, or another password: never say which.
    Refused,
    /// Could not find out: the peer is told to try again, and nothing is counted against it.
    Unavailable,
}

/// Decides whether a user is who they say. Embedders may bring their own; the accounts themselves are
/// always the store's.
pub trait Authenticator: Send + Sync {
    /// Checks a password; may take its time, on a thread for slow work. `user` is as typed, the
    /// password is never empty.
    fn authenticate(&self, user: &str, password: &Secret, peer: Option<IpAddr>) -> Outcome;
}

/// Finds accounts by any of their addresses; the store, or what a test puts in its place.
pub(super) trait Directory: Send + Sync {
    /// The account with this address, with or without a `+detail`; `None` only if there certainly is
    /// none.
    fn find(&self, address: &Address) -> Result<Option<Entry>, Fault>;
}

/// What the directory knows of an account.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) account: AccountId,
    /// Its primary address.
    pub(super) primary: Address,
    /// The password of the address that was asked for, as stored.
    pub(super) hash: String,
}

/// A hash of the usual cost until a login has shown a better example. Nobody has this password, and
/// making one at each start would take longer than the start.
const NOBODY: &str = "{BLF-CRYPT}$2a$10$wA6irixXgQu1ns4DWuCJ/ep5jukRJdQIEFU4oJRXjG8LF.Q4x5ckO";

/// The stored passwords: what is asked if nobody brings an authenticator.
pub(super) struct StoredPasswords {
    directory: Arc<dyn Directory>,
    key: hmac::Key,
    /// Keyed hashes of what was right, each until when.
    right: Mutex<Lru<[u8; 32], Instant>>,
    /// A hash that was checked lately: what an unknown user costs (pitfall 55).
    usual: Mutex<String>,
    /// Where to leave hashes that want another cost.
    chores: Arc<Chores>,
}

impl StoredPasswords {
    /// Over the accounts of `directory`.
    pub(super) fn new(
        directory: Arc<dyn Directory>,
        chores: Arc<Chores>,
    ) -> Result<Self, password::PasswordError> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Self {
            directory,
            key: key.map_err(|_| password::PasswordError::NoRandomness)?,
            right: Mutex::new(Lru::new(LOGIN_CACHE_ENTRIES_MAX)),
            usual: Mutex::new(NOBODY.to_owned()),
            chores,
        })
    }

    fn find(&self, user: &str) -> Result<Option<Entry>, Fault> {
        let Some(address) = Address::new(user) else { return Ok(None) };
        self.directory.find(&address) // pitfall 56
    }

    /// The stored hash is part of it, so that a new password forgets the old at once.
    fn mark(&self, user: &str, password: &Secret, hash: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [user.as_bytes(), password.expose(), hash.as_bytes()] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut mark = [0; 32];
        mark.copy_from_slice(context.sign().as_ref());
        mark
    }

    fn is_remembered(&self, mark: &[u8; 32], now: Instant) -> bool {
        lock(&self.right).touch(mark).is_some_and(|until| *until > now)
    }

    fn remember(&self, mark: [u8; 32], now: Instant) {
        let until = now + Duration::from_secs(LOGIN_CACHE_SECONDS);
        lock(&self.right).put(mark, until, 1);
    }
}

impl StoredPasswords {
    /// The verdict, if it can be had in microseconds.
    fn recall(&self, user: &str, password: &Secret) -> Option<Verdict> {
        let entry = match self.find(user) {
            Ok(entry) => entry?,
            Err(fault) => return Some(Verdict::Failed(fault)),
        };
        let mark = self.mark(entry.primary.as_str(), password, &entry.hash);
        self.is_remembered(&mark, clock::now()).then_some(Verdict::Right(entry))
    }

    /// The verdict, at the price of a hash for everybody (pitfall 55).
    fn check(&self, user: &str, password: &Secret) -> Verdict {
        let entry = match self.find(user) {
            Ok(Some(entry)) => entry,
            Ok(None) => {
                let usual = lock(&self.usual).clone();
                let _always_refused = password::verify(&usual, password);
                return Verdict::Wrong;
            }
            Err(fault) => return Verdict::Failed(fault),
        };
        if password::is_known_form(&entry.hash) {
            lock(&self.usual).clone_from(&entry.hash);
        } else {
            log::error!("login: the stored password of {} cannot be read", entry.primary);
        }
        if !password::verify(&entry.hash, password) {
            return Verdict::Wrong;
        }
        let mark = self.mark(entry.primary.as_str(), password, &entry.hash);
        self.remember(mark, clock::now());
        if password::is_outdated(&entry.hash) {
            let (hash, password) = (entry.hash.clone(), password.clone());
            self.chores.renew(Outdated { account: entry.account, hash, password });
        }
        Verdict::Right(entry)
    }
}

/// What a keeper says.
enum Verdict {
    Right(Entry),
    Wrong,
    Failed(Fault),
}

/// Who looks at passwords.
pub(super) enum Keeper {
    /// Ourselves.
    Stored(Box<StoredPasswords>),
    /// The embedding program.
    Brought(Arc<dyn Authenticator>),
}

/// The door: everything about a login but the password itself.
pub(super) struct Logins {
    keeper: Keeper,
    directory: Arc<dyn Directory>,
    failures: Mutex<Lru<(String, Option<IpAddr>), Failures>>,
    seats: Arc<Seats>,
}

/// Wrong passwords lately.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    until: Instant,
}

/// One question at the door.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) user: String,
    pub(super) password: Secret,
    pub(super) peer: Option<IpAddr>,
    pub(super) act_as: String,
}

impl Logins {
    /// A door with its keeper, and so many seats for each account.
    pub(super) fn new(
        keeper: Keeper,
        directory: Arc<dyn Directory>,
        connections_per_account_max: u32,
    ) -> Self {
        let failures = Mutex::new(Lru::new(LOGIN_FAILURE_ENTRIES_MAX));
        let seats = Arc::new(Seats { taken: Mutex::default(), each: connections_per_account_max });
        Self { keeper, directory, failures, seats }
    }

    /// Runs [`Job::Login`], which starts on the query lane and goes on to auth if a hash is to be made.
    pub(super) fn run(&self, lane: Lane, attempt: Attempt) -> Done {
        let Attempt { user, password, peer, act_as } = &attempt;
        let who = canonical(user);
        let key = (who.clone(), peer.map(network_of));
        if self.is_limited(&key, clock::now()) {
            return refuse(user, *peer, "too many wrong passwords");
        }
        if password.expose().is_empty() || !(act_as.is_empty() || canonical(act_as) == who) {
            return refuse(user, *peer, "an empty password, or to act as another");
        }
        let Some(verdict) = self.verdict(lane, &attempt) else {
            return Done::Elsewhere(Lane::Auth, Box::new(attempt.into_job()));
        };
        match verdict {
            Verdict::Right(entry) => Done::Reply(self.admit(entry, &key)),
            Verdict::Wrong => {
                self.count_failure(key, clock::now());
                refuse(user, *peer, "wrong user or password")
            }
            Verdict::Failed(fault) => Done::Reply(Reply::Failed(fault)),
        }
    }

    /// What the keeper says; `None` if it has to think, for which this is not the lane.
    fn verdict(&self, lane: Lane, attempt: &Attempt) -> Option<Verdict> {
        let Attempt { user, password, peer, .. } = attempt;
        let authenticator = match &self.keeper {
            Keeper::Stored(stored) if lane == Lane::Auth => {
                return Some(stored.check(user, password));
            }
            Keeper::Stored(stored) => return stored.recall(user, password),
            Keeper::Brought(authenticator) => authenticator,
        };
        if lane != Lane::Auth {
            return None;
        }
        Some(match authenticator.authenticate(user, password, *peer) {
            Outcome::Account(address) => self.entry_of(&address),
            Outcome::Refused => Verdict::Wrong,
            Outcome::Unavailable => Verdict::Failed(Fault::Unavailable),
        })
    }

    /// The account that somebody else's authenticator let in.
    fn entry_of(&self, address: &Address) -> Verdict {
        match self.directory.find(address) {
            Ok(Some(entry)) => Verdict::Right(entry),
            Ok(None) => {
                log::warn!("login: {address} was let in, but has no account");
                Verdict::Wrong
            }
            Err(fault) => Verdict::Failed(fault),
        }
    }

    /// The password was right.
    fn admit(&self, entry: Entry, key: &(String, Option<IpAddr>)) -> Reply {
        lock(&self.failures).remove(key);
        let Some(seat) = self.seats.take(entry.account) else {
            log::info!("login: {} has too many connections", entry.primary);
            return Reply::Refused(Refusal::TooManyConnections);
        };
        log::info!("login: {} from {}", entry.primary, Shown(key.1));
        Reply::LoggedIn { account: entry.account, address: entry.primary, seat }
    }

    fn is_limited(&self, key: &(String, Option<IpAddr>), now: Instant) -> bool {
        let mut failures = lock(&self.failures);
        failures.touch(key).is_some_and(|seen| seen.until > now && seen.count >= LOGIN_FAILURES_MAX)
    }

    fn count_failure(&self, key: (String, Option<IpAddr>), now: Instant) {
        let mut failures = lock(&self.failures);
        let seen = failures.touch(&key).copied().filter(|seen| seen.until > now);
        let fresh = Failures { count: 0, until: now + Duration::from_secs(LOGIN_FAILURE_SECONDS) };
        let Failures { count, until } = seen.unwrap_or(fresh);
        failures.put(key, Failures { count: count.saturating_add(1), until }, 1);
    }
}

impl Attempt {
    fn into_job(self) -> Job {
        let Self { user, password, peer, act_as } = self;
        Job::Login { user, password, peer, act_as }
    }
}

fn refuse(user: &str, peer: Option<IpAddr>, why: &str) -> Done {
    let user: String = user.chars().take(100).flat_map(char::escape_debug).collect();
    log::info!("login: refused {user} from {}: {why}", Shown(peer));
    Done::Reply(Reply::Refused(Refusal::BadCredentials))
}

/// One user by all their spellings (pitfall 56).
fn canonical(user: &str) -> String {
    match Address::new(user) {
        Some(address) => address.split_detail().0.as_str().to_owned(),
        None => user.chars().take(crate::limits::ADDRESS_BYTES_MAX).collect(),
    }
}

/// Who has one address of a /64 has them all.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(peer) => {
            let [a, b, c, d, ..] = peer.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

/// A peer for the log.
struct Shown(Option<IpAddr>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(peer) => peer.to_canonical().fmt(f),
            None => f.write_str("a local socket"),
        }
    }
}

/// Connections by account.
#[derive(Debug)]
struct Seats {
    taken: Mutex<HashMap<AccountId, u32>>,
    each: u32,
}

impl Seats {
    fn take(self: &Arc<Self>, account: AccountId) -> Option<Seat> {
        let mut taken = lock(&self.taken);
        let seats = taken.entry(account).or_insert(0);
        if *seats >= self.each {
            return None;
        }
        *seats += 1;
        Some(Seat(Box::new(Taken { seats: Arc::clone(self), account })))
    }
}

/// One seat; dropped, it is free again.
#[derive(Debug)]
struct Taken {
    seats: Arc<Seats>,
    account: AccountId,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = lock(&self.seats.taken);
        let Some(seats) = taken.get_mut(&self.account) else { return };
        *seats -= 1;
        if *seats == 0 {
            taken.remove(&self.account);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One account, `bob@example.org`, until it is broken.
    #[derive(Debug)]
    struct Fake(Mutex<Result<String, Fault>>);

    impl Directory for Fake {
        fn find(&self, address: &Address) -> Result<Option<Entry>, Fault> {
            let hash = lock(&self.0).clone()?;
            let primary = address.split_detail().0;
            let bob = primary.as_str() == "bob@example.org";
            Ok(bob.then_some(Entry { account: AccountId(7), primary, hash }))
        }
    }

    struct Door {
        fake: Arc<Fake>,
        logins: Logins,
    }

    fn hash_of(password: &str) -> String {
        password::hash(password::Scheme::Sha512, &Secret::new(password)).unwrap()
    }

    fn door(seats: u32) -> Door {
        let fake = Arc::new(Fake(Mutex::new(Ok(hash_of("secret")))));
        let stored = StoredPasswords::new(fake.clone(), Arc::default()).unwrap();
        lock(&stored.usual).clone_from(&hash_of("nobody"));
        let logins = Logins::new(Keeper::Stored(Box::new(stored)), fake.clone(), seats);
        Door { fake, logins }
    }

    impl Door {
        /// The reply, and on which lane it was found.
        fn try_as(&self, act_as: &str, user: &str, password: &str) -> (Lane, Reply) {
            let attempt = Attempt {
                user: user.into(),
                password: Secret::new(password),
                peer: Some([192, 0, 2, 1].into()),
                act_as: act_as.into(),
            };
            let job = match self.logins.run(Lane::Query, attempt) {
                Done::Reply(reply) => return (Lane::Query, reply),
                Done::Elsewhere(Lane::Auth, job) => *job,
                Done::Elsewhere(lane, job) => panic!("{lane:?} {job:?}"),
            };
            let Job::Login { user, password, peer, act_as } = job else { panic!("{job:?}") };
            match self.logins.run(Lane::Auth, Attempt { user, password, peer, act_as }) {
                Done::Reply(reply) => (Lane::Auth, reply),
                Done::Elsewhere(..) => panic!("a login goes round in circles"),
            }
        }

        #[track_caller]
        fn check(&self, user: &str, password: &str, want: &str) {
            let (lane, reply) = self.try_as("", user, password);
            let told = match reply {
                Reply::LoggedIn { account, address, .. } => format!("{account} {address}"),
                Reply::Refused(refusal) => format!("{refusal:?}"),
                Reply::Failed(fault) => format!("{fault:?}"),
                other => panic!("{other:?}"),
            };
            assert_eq!(format!("{lane:?} {told}"), want, "{user} {password}");
        }
    }

    /// What an unknown user is checked against must cost what a stored password costs.
    #[test]
    fn nobody_has_a_hash_of_the_usual_cost() {
        assert!(password::verify(NOBODY, &Secret::new("nobody")));
        assert!(NOBODY.contains(&format!("${}$", password::BCRYPT_COST)));
    }

    #[test] // pitfalls 54, 55, 56
    fn right_and_wrong() {
        let door = door(10);
        door.check("bob@example.org", "secret", "Auth 7 bob@example.org");
        door.check("bob@example.org", "secret", "Query 7 bob@example.org"); // remembered
        door.check(" Bob+x@Example.ORG", "secret", "Query 7 bob@example.org");
        door.check("bob@example.org", "Secret", "Auth BadCredentials");
        door.check("eve@example.org", "secret", "Auth BadCredentials"); // at the price of a hash
        door.check("bob", "secret", "Auth BadCredentials");
        door.check("bob@example.org", "", "Query BadCredentials");
    }

    #[test]
    fn a_new_password_forgets_the_old_at_once() {
        let door = door(10);
        door.check("bob@example.org", "secret", "Auth 7 bob@example.org");
        *lock(&door.fake.0) = Ok(hash_of("new"));
        door.check("bob@example.org", "secret", "Auth BadCredentials");
        door.check("bob@example.org", "new", "Auth 7 bob@example.org");
    }

    #[test]
    fn a_right_password_is_remembered_for_a_while_only() {
        let stored = StoredPasswords::new(door(1).fake, Arc::default()).unwrap();
        let (mark, now) = (stored.mark("bob", &Secret::new("x"), "hash"), clock::now());
        stored.remember(mark, now);
        let later = |seconds| now + Duration::from_secs(seconds);
        assert!(stored.is_remembered(&mark, later(LOGIN_CACHE_SECONDS - 1)));
        assert!(!stored.is_remembered(&mark, later(LOGIN_CACHE_SECONDS)));
        // No two triples run together.
        assert_ne!(mark, stored.mark("bo", &Secret::new("bx"), "hash"));
    }

    #[test]
    fn a_bcrypt_hash_of_another_cost_is_left_to_be_renewed() {
        let check = |hash: &str, password: &str, want: bool| {
            let (fake, chores) = (Fake(Mutex::new(Ok(hash.to_owned()))), Arc::default());
            let stored = StoredPasswords::new(Arc::new(fake), Arc::clone(&chores)).unwrap();
            let _verdict = stored.check("bob@example.org", &Secret::new(password));
            let left = chores.outdated().map(|left| (left.account, left.hash));
            assert_eq!(left, want.then(|| (AccountId(7), hash.to_owned())), "{hash} {password}");
        };
        let of_cost_4 = bcrypt::hash("secret", 4).unwrap();
        check(&of_cost_4, "secret", true);
        check(&format!("{{BLF-CRYPT}}{of_cost_4}"), "secret", true);
        check(&of_cost_4, "guess", false);
        check(NOBODY, "nobody", false);
        check(&hash_of("secret"), "secret", false);
    }

    /// Lets everybody in as bob, but for `eve`, and is not well when asked about `ill`.
    struct Friend;

    impl Authenticator for Friend {
        fn authenticate(&self, user: &str, _password: &Secret, _peer: Option<IpAddr>) -> Outcome {
            match user {
                "eve" => Outcome::Refused,
                "ill" => Outcome::Unavailable,
                user => Outcome::Account(Address::new(user.trim_end_matches('!')).unwrap()),
            }
        }
    }

    #[test]
    fn an_embedder_may_keep_the_door() {
        let fake = door(1).fake;
        let logins = Logins::new(Keeper::Brought(Arc::new(Friend)), fake.clone(), 10);
        let door = Door { fake, logins };
        door.check("bob@example.org!", "x", "Auth 7 bob@example.org");
        door.check("eve", "x", "Auth BadCredentials");
        door.check("ill", "x", "Auth Unavailable");
        door.check("carol@example.org", "x", "Auth BadCredentials"); // has no account
        door.check("bob@example.org!", "", "Query BadCredentials");
    }

    #[test] // pitfall 57
    fn trouble_of_ours_is_not_a_wrong_password() {
        let door = door(10);
        *lock(&door.fake.0) = Err(Fault::Unavailable);
        for _ in 0..=LOGIN_FAILURES_MAX {
            door.check("bob@example.org", "secret", "Query Unavailable");
        }
        *lock(&door.fake.0) = Ok(hash_of("secret"));
        door.check("bob@example.org", "secret", "Auth 7 bob@example.org"); // nothing was counted
    }

    #[test] // pitfalls 55, 56
    fn too_many_guesses_look_like_wrong_ones() {
        let door = door(10);
        for guess in 1..LOGIN_FAILURES_MAX {
            let user = if guess % 2 == 0 { "bob@example.org" } else { "BOB+x@example.org" };
            door.check(user, "guess", "Auth BadCredentials");
        }
        door.check("bob@example.org", "secret", "Auth 7 bob@example.org"); // which forgives them
        for _ in 0..LOGIN_FAILURES_MAX {
            door.check("bob@example.org", "guess", "Auth BadCredentials");
        }
        door.check("bob@example.org", "secret", "Query BadCredentials");
        let key = ("bob@example.org".to_owned(), Some([192, 0, 2, 1].into()));
        let later = clock::now() + Duration::from_secs(LOGIN_FAILURE_SECONDS + 1);
        assert!(!door.logins.is_limited(&key, later));
        let elsewhere = ("bob@example.org".to_owned(), Some([192, 0, 2, 2].into()));
        assert!(!door.logins.is_limited(&elsewhere, clock::now()));
    }

    #[test] // RFC 4616 §2
    fn nobody_acts_as_another() {
        let door = door(10);
        let (_, own) = door.try_as("BOB@example.org", "bob@example.org", "secret");
        assert!(matches!(own, Reply::LoggedIn { .. }), "{own:?}");
        let (_, other) = door.try_as("eve@example.org", "bob@example.org", "secret");
        assert!(matches!(other, Reply::Refused(Refusal::BadCredentials)), "{other:?}");
    }

    #[test] // pitfall 133
    fn seats_are_counted_and_given_back() {
        let door = door(2);
        let one = door.try_as("", "bob@example.org", "secret").1;
        let _two = door.try_as("", "bob@example.org", "secret").1;
        door.check("bob@example.org", "secret", "Query TooManyConnections");
        drop(one);
        door.check("bob@example.org", "secret", "Query 7 bob@example.org");
        drop(_two);
        assert!(lock(&door.logins.seats.taken).is_empty());
    }

    #[test]
    fn a_whole_network_guesses_together() {
        let of = |peer: &str| network_of(peer.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
