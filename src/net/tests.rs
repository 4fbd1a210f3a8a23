//! The loops over real sockets, driving the echo session.

mod clock;
mod proxy;
mod tls;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::job::{Change, Job, MailboxKey, Reply};
use crate::model::{AccountId, MailboxId, ModSeq};
use crate::work::{Changes, Done, Lane, Run};

/// Answers `job 0` at once; `job 1` when the test says so; `job 2` after its own change.
struct Fake {
    changes: Arc<Changes>,
    started: Mutex<Sender<()>>,
    gate: Mutex<Receiver<()>>,
}

impl Run for Fake {
    fn run(&self, _lane: Lane, job: Box<Job>) -> Done {
        match *job {
            Job::ListMailboxes { account: AccountId(1) } => {
                self.started.lock().unwrap().send(()).unwrap();
                let _closed = self.gate.lock().unwrap().recv();
            }
            Job::ListMailboxes { account: AccountId(2) } => {
                self.changes.publish(change(7, 1));
                self.changes.publish(change(7, 2));
            }
            _ => {}
        }
        Done::Reply(Reply::Done)
    }
}

fn change(mailbox: i64, mod_seq: i64) -> Change {
    let mailbox = MailboxKey { account: AccountId(1), mailbox: MailboxId(mailbox) };
    Change { mailbox, mod_seq: ModSeq(mod_seq) }
}

/// A server of echo sessions.
struct Server {
    loops: Loops,
    work: Arc<Work>,
    changes: Arc<Changes>,
    /// A `job 1` has started.
    started: Receiver<()>,
    /// Lets one `job 1` end.
    gate: Sender<()>,
}

fn plan(listeners: Vec<ListenPlan>) -> Plan {
    Plan { listeners, loops: 2, connections_max: 1_000, connections_by_address_max: 10 }
}

fn echo_at(listen: Listen) -> ListenPlan {
    ListenPlan {
        service: Service::Echo,
        settings: SharedSettings::default(),
        socket: Socket::Open(listen),
        tls: None,
        is_implicit: false,
        proxies: Networks::default(),
    }
}

fn serve(plan: Plan) -> Server {
    let changes = Arc::new(Changes::default());
    let (started_sender, started) = channel();
    let (gate, gate_receiver) = channel();
    let fake = Fake {
        changes: Arc::clone(&changes),
        started: Mutex::new(started_sender),
        gate: Mutex::new(gate_receiver),
    };
    let work = Arc::new(Work::new(Box::new(fake), Arc::clone(&changes)));
    let loops = start(plan, Arc::clone(&work)).unwrap();
    Server { loops, work, changes, started, gate }
}

fn server() -> Server {
    serve(plan(vec![echo_at(Listen::loopback(0))]))
}

impl Server {
    fn address(&self) -> SocketAddr {
        match &self.loops.bound()[0].at {
            Bound::Tcp(address) => *address,
            Bound::Unix(path) => panic!("not TCP: {}", path.display()),
        }
    }

    /// A connection that was greeted.
    fn connect(&self) -> Client {
        let mut client = Client::new(TcpStream::connect(self.address()).unwrap());
        client.expect("hello tls=false");
        client
    }
}

struct Client<S: Read + Write = TcpStream> {
    socket: BufReader<S>,
}

impl Client {
    fn new(socket: TcpStream) -> Self {
        // Only a test that fails waits so long.
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket: BufReader::new(socket) }
    }
}

impl<S: Read + Write> Client<S> {
    fn send(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.socket.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    #[track_caller]
    fn expect(&mut self, want: &str) {
        assert_eq!(self.line(), want);
    }

    #[track_caller]
    fn expect_end(&mut self) {
        let mut rest = Vec::new();
        self.socket.read_to_end(&mut rest).unwrap();
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

#[test]
fn lines_split_anywhere_are_the_same_lines() {
    let server = server();
    let script = b"one\r\nsink 5\r\nabcdetwo\r\njob 0\r\nthree\r\n";
    for split in 1..script.len() {
        let mut client = server.connect();
        let (head, tail) = script.split_at(split);
        client.send(head);
        // Half of the splits wait until the first part has had its effect.
        if split > 5 {
            client.expect("one");
        }
        client.send(tail);
        if split <= 5 {
            client.expect("one");
        }
        for want in ["sum 495", "two", "Done", "three"] {
            client.expect(want);
        }
    }
}

#[test]
fn pipelined_lines_are_answered_in_order_though_jobs_are_out() {
    let server = server();
    let mut client = server.connect();
    client.send(&b"job 0\r\nx\r\n".repeat(2_000));
    for _ in 0..2_000 {
        client.expect("Done");
        client.expect("x");
    }
}

#[test]
fn what_was_pipelined_before_the_end_is_still_answered() {
    let server = server();
    let mut client = server.connect();
    client.send(b"job 0\r\nlast\r\npartial");
    client.socket.get_ref().shutdown(Shutdown::Write).unwrap();
    client.expect("Done");
    client.expect("last");
    client.expect_end();
}

#[test]
fn large_answers_and_large_input_go_through_whole() {
    let server = server();
    let mut client = server.connect();
    client.send(b"big 3000000\r\nsink 1000000\r\n");
    client.send(&vec![b'a'; 1_000_000]);
    let mut big = vec![0; 3_000_000];
    client.socket.read_exact(&mut big).unwrap();
    assert!(big.iter().all(|byte| *byte == b'x'));
    client.expect("end");
    client.expect("sum 97000000");
}

/// Pitfall 107, invariant 4: one who does not read stops himself only.
#[test]
fn a_slow_reader_stops_only_himself() {
    let server = server();
    let slow: Vec<Client> = (0..4)
        .map(|_| {
            let mut client = server.connect();
            client.send(b"big 100000000\r\n");
            client
        })
        .collect();
    for _ in 0..4 {
        let mut client = server.connect();
        client.send(b"job 0\r\nhere\r\n");
        client.expect("Done");
        client.expect("here");
    }
    drop(slow);
}

#[test]
fn changes_reach_whoever_watches_and_after_the_reply_if_a_job_is_out() {
    let server = server();
    let mut watchers: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for watcher in &mut watchers {
        watcher.send(b"watch 7\r\n");
        watcher.expect("watching");
    }
    let mut other = server.connect();
    other.send(b"watch 8\r\n");
    other.expect("watching");
    server.changes.publish(change(7, 5));
    for watcher in &mut watchers {
        watcher.expect("changed 7 5");
    }
    watchers[0].send(b"job 2\r\n");
    watchers[0].expect("Done");
    watchers[0].expect("changed 7 2"); // both changes as one, the higher
    other.send(b"nothing\r\n");
    other.expect("nothing");
    other.send(b"watch 7\r\n"); // a session that has read it a moment ago may have missed the last
    other.expect("watching");
    other.expect("changed 7 5");
    drop(watchers);
    drop(other);
    drop(server.loops);
    assert!(format!("{:?}", server.changes).starts_with("Changes { watched: RwLock { data: {}, "));
}

/// Invariant 3: the reply of one who left reaches nobody.
#[test]
fn a_late_reply_does_not_reach_the_next_in_the_slot() {
    let server = serve(Plan { loops: 1, ..plan(vec![echo_at(Listen::loopback(0))]) });
    let mut leaver = server.connect();
    leaver.send(b"job 1\r\n");
    server.started.recv().unwrap();
    // A reset, so that the server is through with the socket at once.
    socket2::SockRef::from(leaver.socket.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(leaver);
    let mut others: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    server.gate.send(()).unwrap();
    for client in &mut others {
        client.send(b"job 0\r\nafter\r\n");
        client.expect("Done");
        client.expect("after");
    }
    let mut next = server.connect();
    next.send(b"alone\r\n");
    next.expect("alone");
}

/// Pitfall 62.
#[test]
fn shutdown_says_bye_once_the_job_is_home() {
    let mut server = server();
    let mut idle = server.connect();
    let mut busy = server.connect();
    busy.send(b"job 1\r\n");
    server.started.recv().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| server.loops.stop(Duration::from_secs(60)));
        idle.expect("bye"); // so the loops have heard of it
        idle.expect_end();
        drop(idle);
        server.gate.send(()).unwrap();
        busy.expect("Done");
        busy.expect("bye");
        busy.expect_end();
        drop(busy);
    });
    assert!(server.work.shutdown(Duration::from_secs(60)));
}

#[test]
fn after_the_grace_even_a_busy_connection_is_told() {
    let mut server = server();
    let mut busy = server.connect();
    busy.send(b"job 1\r\n");
    server.started.recv().unwrap();
    server.loops.stop(Duration::ZERO);
    busy.expect("bye");
    busy.expect_end();
    server.gate.send(()).unwrap();
}

/// Invariant 11.
#[test]
fn a_panic_costs_its_own_connection_only() {
    let server = serve(Plan { loops: 1, ..plan(vec![echo_at(Listen::loopback(0))]) });
    let mut other = server.connect();
    let mut client = server.connect();
    client.send(b"panic\r\n");
    client.expect_end();
    other.send(b"here\r\n");
    other.expect("here");
}

#[test]
fn one_too_many_is_told_so() {
    let server = serve(Plan { connections_max: 2, ..plan(vec![echo_at(Listen::loopback(0))]) });
    let (one, mut two) = (server.connect(), server.connect());
    let mut three = Client::new(TcpStream::connect(server.address()).unwrap());
    three.expect("refused");
    three.expect_end();
    two.send(b"quit\r\n");
    two.expect("quit");
    two.expect_end();
    drop((one, two, three));
    // The places are free again as soon as the loops have seen the ends.
    let came = (0..1_000).any(|_| {
        let mut client = Client::new(TcpStream::connect(server.address()).unwrap());
        client.line() == "hello tls=false"
    });
    assert!(came);
}

#[test]
fn a_silent_peer_is_told_and_closed() {
    let server = server();
    let mut client = server.connect();
    client.send(b"patience 1\r\n");
    client.expect("patient");
    client.expect("timeout");
    client.expect_end();
}

#[test]
fn both_loops_take_connections() {
    let server = server();
    let clients: Vec<Client> = (0..64).map(|_| server.connect()).collect();
    let counts = server.loops.connections_by_loop();
    assert_eq!(counts.iter().sum::<usize>(), 64);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    drop(clients);
}

#[test]
fn unix_and_handed_in_sockets_go_round_the_loops() {
    let folder = std::env::temp_dir().join(format!("sora-net-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("echo");
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let handed_in = ListenPlan { socket: Socket::HandedIn(socket), ..echo_at(Listen::loopback(0)) };
    let server = serve(plan(vec![handed_in, echo_at(Listen::Unix(path.clone()))]));
    let tcp: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    let unix: Vec<_> = (0..4)
        .map(|_| {
            let mut socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
            socket.write_all(b"quit\r\n").unwrap();
            let mut said = String::new();
            socket.read_to_string(&mut said).unwrap();
            said
        })
        .collect();
    assert_eq!(unix, ["hello tls=false\r\nquit\r\n"; 4]);
    assert_eq!(server.loops.connections_by_loop().len(), 2);
    assert!(server.loops.connections_by_loop().iter().all(|count| *count >= 2));
    drop((tcp, server));
    assert!(!path.exists(), "the socket goes with the server");
    std::fs::remove_dir_all(&folder).unwrap();
}
