//! Nodes on one database, on PostgreSQL with `SORA_TEST_DATABASE=postgres`.
//!
//! What is committed by the store itself is published by nobody: as if the notice had been lost.

use mio::{Events, Poll, Token, Waker};

use super::*;
use crate::job::FlagSet;
use crate::model::{AccountId, Address, MailboxName};
use crate::store::tests::TemporaryDir;
use crate::store::tests::postgres::{TestDatabase, is_pooled, is_wanted};
use crate::store::{Facts, NewAccount, NewBody, NewMessage, Opening, Place};
use crate::work::{Letters, Mailbag};

const PATIENCE: Duration = Duration::from_secs(20);

/// A database with one account, which must be found clean at the end.
struct Cluster {
    store: Store,
    account: AccountId,
    inbox: MailboxKey,
    dir: TemporaryDir,
}

/// A node of which one session watches the inbox.
struct Node {
    changes: Arc<Changes>,
    store: Store,
    bag: Arc<Mailbag>,
    poll: Poll,
    nodes: Nodes,
    _dir: TemporaryDir,
}

/// `None` if this run has no PostgreSQL, or PgBouncer in front of it, behind which nobody is heard.
fn cluster() -> Option<Cluster> {
    if is_pooled() { None } else { any_cluster() }
}

/// `None` if this run has no PostgreSQL.
fn any_cluster() -> Option<Cluster> {
    if !is_wanted() {
        return None;
    }
    let dir = TemporaryDir::new();
    let store = Store::open_at(&dir.place(), Opening::Daemon).unwrap();
    let address = Address::new("me@example.org").unwrap();
    let new = NewAccount { address, password_hash: "{X}hash".to_owned() };
    let account = store.create_account(new).unwrap().unwrap();
    let inbox = store.mailbox(account, &MailboxName::inbox()).unwrap().key;
    Some(Cluster { store, account, inbox, dir })
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.store.check().unwrap(), Vec::<String>::new());
        }
    }
}

impl Cluster {
    /// One more message, of which no node is told.
    fn append(&self) -> Change {
        let body = b"A: b\r\n\r\nc\r\n".to_vec();
        let facts = Facts { header_bytes: 8, ..Facts::default() };
        let appended = self.store.append(NewMessage {
            account: self.account,
            mailbox: MailboxName::inbox(),
            flags: FlagSet::default(),
            internal_date: None,
            body: NewBody::Bytes(body),
            facts,
        });
        Change { mailbox: self.inbox, mod_seq: appended.unwrap().mod_seq }
    }

    fn say(&self, notice: &str) {
        self.store.notify(&[notice.to_owned()]).unwrap();
    }

    fn database(&self) -> &TestDatabase {
        self.dir.database()
    }

    fn node(&self, hearing: Hearing, beat: Duration) -> Node {
        let poll_interval = match hearing {
            Hearing::Listen => HOUR, // what is found is found by what is heard
            Hearing::Poll => SOON,
        };
        self.node_with(NodeSettings { hearing, poll_interval, beat })
    }

    fn node_with(&self, settings: NodeSettings) -> Node {
        let dir = TemporaryDir::embedded();
        let place = Place { data_dir: dir.path().to_owned(), ..self.dir.place() };
        let store = Store::open_at(&place, Opening::Daemon).unwrap();
        let outbox = Arc::<Outbox>::default();
        let changes = Arc::new(Changes::with_outbox(Arc::clone(&outbox)));
        let poll = Poll::new().unwrap();
        let bag = Mailbag::new(Arc::new(Waker::new(poll.registry(), Token(0)).unwrap()));
        changes.watch(self.inbox, &bag);
        let nodes = Nodes::start(&store, outbox, &changes, settings).unwrap();
        Node { changes, store, bag, poll, nodes, _dir: dir }
    }

    /// One that hears, and has looked.
    fn listening_node(&self, beat: Duration) -> Node {
        let mut node = self.node(Hearing::Listen, beat);
        node.wait_for(self.append());
        node
    }
}

/// So many notices are heard.
fn hear(line: &mut Line, count: u32) {
    (0..count).for_each(|_| assert!(line.next(PATIENCE).unwrap().is_some()));
}

impl Node {
    /// Waits until the session is told of `want`, or what came later.
    #[track_caller]
    fn wait_for(&mut self, want: Change) {
        let end = clock::now() + PATIENCE;
        let mut events = Events::with_capacity(1);
        loop {
            let mut letters = Letters::default();
            self.bag.empty_into(&mut letters);
            if letters.changes.get(&want.mailbox).is_some_and(|told| *told >= want.mod_seq) {
                return;
            }
            let left = end.saturating_duration_since(clock::now());
            assert!(!left.is_zero(), "nobody told of {want:?}");
            self.poll.poll(&mut events, Some(left)).unwrap();
        }
    }
}

/// No beat, silence or deafness comes in between.
const HOUR: Duration = Duration::from_secs(3_600);
const SOON: Duration = Duration::from_millis(100);

#[test]
fn what_one_node_says_the_others_hear() {
    let Some(cluster) = cluster() else { return };
    let one = cluster.node(Hearing::Listen, HOUR);
    let mut two = cluster.listening_node(HOUR);
    let mut three = cluster.node(Hearing::Poll, HOUR);
    for _ in 0..10 {
        let told = cluster.append();
        one.changes.publish(told);
        two.wait_for(told);
        three.wait_for(told);
    }
    // A mailbox that nobody watches is told as well, and heard by who begins to.
    let other = MailboxKey { mailbox: crate::model::MailboxId(77), ..cluster.inbox };
    one.changes.publish(Change { mailbox: other, mod_seq: ModSeq(5) });
    let told = cluster.append();
    one.changes.publish(told);
    two.wait_for(told);
    assert_eq!(two.changes.watch(other, &two.bag).unwrap().mod_seq, ModSeq(5));
}

#[test]
fn sora_admin_is_heard() {
    let Some(cluster) = cluster() else { return };
    let mut node = cluster.listening_node(HOUR);
    let told = cluster.append();
    tell(&cluster.store, &[told]);
    node.wait_for(told);
}

#[test]
fn a_lost_notice_is_noticed_by_the_next() {
    let Some(cluster) = cluster() else { return };
    let mut node = cluster.listening_node(HOUR);
    cluster.say("1 ghost 1");
    let lost = cluster.append();
    cluster.say("1 ghost 3");
    node.wait_for(lost);
    let lost = cluster.append();
    cluster.say("2 ghost 4 something new");
    node.wait_for(lost);
}

#[test]
fn what_a_dead_node_did_not_say_is_found() {
    let Some(cluster) = cluster() else { return };
    let mut line = cluster.store.listen().unwrap();
    let mut node = cluster.listening_node(Duration::from_millis(200));
    hear(&mut line, 6); // it has looked for the second time
    cluster.say("1 ghost 1");
    let unsaid = cluster.append(); // and dies
    node.wait_for(unsaid);
}

#[test]
fn a_connection_that_is_cut_is_made_again() {
    let Some(cluster) = cluster() else { return };
    let mut node = cluster.listening_node(HOUR);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'sora: listening'";
    for _ in 0..3 {
        let cut = cluster.database().connect().query(cut, &[]).unwrap();
        assert_eq!(cut.len(), 1);
        let lost = cluster.append();
        node.wait_for(lost);
    }
}

#[test]
fn who_cannot_be_told_looks() {
    let Some(cluster) = any_cluster() else { return };
    let mut node = cluster.node(Hearing::Poll, HOUR);
    for _ in 0..3 {
        let untold = cluster.append();
        node.wait_for(untold);
    }
    let gone = cluster.store.delete_account(cluster.account).unwrap();
    node.wait_for(*gone.iter().find(|change| change.mailbox == cluster.inbox).unwrap());
}

/// As through PgBouncer in transaction mode, though nobody set it.
#[test]
fn who_listens_and_hears_nothing_looks() {
    let Some(cluster) = any_cluster().filter(|_| is_pooled()) else { return };
    let (hearing, beat) = (Hearing::Listen, Duration::from_millis(300));
    let mut node = cluster.node_with(NodeSettings { hearing, poll_interval: SOON, beat });
    for _ in 0..10 {
        let untold = cluster.append();
        node.wait_for(untold);
    }
}

#[test]
fn a_node_at_rest_reads_nothing() {
    let Some(cluster) = cluster() else { return };
    let mut line = cluster.store.listen().unwrap();
    let node = cluster.listening_node(Duration::from_secs(1));
    hear(&mut line, 4);
    let before = node.store.statements();
    hear(&mut line, 3);
    let sent = node.store.statements() - before;
    assert!((2..=4).contains(&sent), "{sent} statements in three beats");
}

#[test]
fn the_last_words_are_said() {
    let Some(cluster) = cluster() else { return };
    let mut line = cluster.store.listen().unwrap();
    let node = cluster.listening_node(HOUR);
    let told = Change { mailbox: cluster.inbox, mod_seq: ModSeq(9) };
    node.changes.publish(told);
    drop(node.nodes);
    let mut said = Vec::new();
    while !said.last().is_some_and(|last: &String| last.ends_with(" bye")) {
        said.push(line.next(PATIENCE).unwrap().expect("a goodbye"));
    }
    let word = format!(" {}.1.9", cluster.account.0);
    assert!(said.iter().any(|notice| notice.ends_with(&word)), "{said:?}");
}
