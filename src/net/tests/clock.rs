//! What takes minutes, by a clock that is moved on.

use super::*;
use crate::limits::{PACE_BYTES_MIN, PACE_SECONDS, WRITE_STALL_SECONDS_MAX};

/// A bit more than the real time that a test may take.
const MARGIN: u32 = 30;

/// A server with one loop, and a client that asks what it has come to.
struct Room {
    witness: Client,
    server: Server,
}

impl Room {
    fn new() -> Self {
        let server = serve(Plan { loops: 1, ..plan(vec![echo_at(Listen::loopback(0))]) });
        let witness = patient(&server);
        Self { witness, server }
    }

    /// Returns once the loop has done all it can do: what was sent before the first of two questions
    /// is read before the second is.
    fn settle(&mut self) {
        for _ in 0..2 {
            self.witness.send(b"still here\r\n");
            self.witness.expect("still here");
        }
    }

    fn skip(&mut self, seconds: u32) {
        self.settle();
        self.server.loops.shared.clock.skip(seconds);
        self.server.loops.shared.inlets[0].wake();
        self.settle();
    }

    /// Connections, beside the witness.
    fn others(&self) -> usize {
        self.server.loops.connections_by_loop()[0] - 1
    }
}

/// A connection that may be silent for days.
fn patient(server: &Server) -> Client {
    let mut client = server.connect();
    client.send(b"patience 1000000\r\n");
    client.expect("patient");
    client
}

#[test] // pitfall 107
fn who_takes_nothing_for_minutes_is_given_up() {
    let mut room = Room::new();
    let mut slow = patient(&room.server);
    slow.send(b"big 100000000\r\n"); // more than any socket holds
    room.skip(WRITE_STALL_SECONDS_MAX - MARGIN);
    assert_eq!(room.others(), 1);
    slow.socket.read_exact(&mut vec![0; 50_000_000]).unwrap();
    room.skip(WRITE_STALL_SECONDS_MAX - MARGIN);
    assert_eq!(room.others(), 1, "it had taken something");
    room.skip(2 * MARGIN);
    assert_eq!(room.others(), 0);
}

#[test] // pitfall 61
fn awaited_input_must_come_at_a_pace() {
    let mut room = Room::new();
    let mut clients = [(); 3].map(|()| patient(&room.server));
    clients.iter_mut().for_each(|client| client.send(b"sink 1000\r\n"));
    room.settle();
    let (enough, too_few) = (vec![b'a'; PACE_BYTES_MIN as usize], PACE_BYTES_MIN as usize - 1);
    let [mut slow, mut slower, mut steady] = clients;
    slow.send(&enough[..too_few]);
    slower.send(&enough);
    steady.send(&enough);
    room.skip(PACE_SECONDS - MARGIN);
    assert_eq!(room.others(), 3);
    room.skip(MARGIN);
    slow.expect("timeout");
    slow.expect_end();
    slower.send(&enough[..too_few]); // each time is measured anew
    steady.send(&enough);
    room.skip(PACE_SECONDS);
    slower.expect("timeout");
    slower.expect_end();
    steady.send(&vec![b'a'; 1_000 - 2 * enough.len()]);
    steady.expect("sum 97000");
}
