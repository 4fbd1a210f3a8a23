//! A man in the middle of bytes: he cuts connections, in the middle of what is asked or before it is
//! answered.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::random::Random;

/// The man, in front of a Unix socket.
#[derive(Debug)]
pub(crate) struct Cutter {
    /// Where he listens, on 127.0.0.1.
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    to: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: Random,
    /// Each connection is cut within so many bytes from its client; 0 for never.
    within: usize,
    cuts: u32,
    wires: Vec<Arc<Wire>>,
    ended: bool,
}

/// A connection.
#[derive(Debug)]
struct Wire {
    client: TcpStream,
    server: UnixStream,
    /// What may still pass to the server, and whether the answer is lost rather than the request.
    fate: Mutex<Fate>,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Lives,
    /// The request is cut after so many bytes.
    Cut(usize),
    /// The answer to what comes after so many bytes is lost.
    Deaf(usize),
}

impl Cutter {
    /// In front of `to`.
    pub(crate) fn start(to: &Path, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state =
            State { random: Random::new(seed), within: 0, cuts: 0, wires: vec![], ended: false };
        let shared = Arc::new(Shared { to: to.to_owned(), state: Mutex::new(state) });
        let ours = Arc::clone(&shared);
        spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ours.state().ended {
                    return;
                }
                let _nobody_there = serve(&ours, client);
            }
        });
        Self { port, shared }
    }

    /// From now on every connection is cut within so many bytes; 0 for never.
    pub(crate) fn cut_within(&self, bytes: usize) {
        let mut state = self.shared.state();
        state.within = bytes;
        for wire in state.wires.clone() {
            *wire.fate() = state.fate();
        }
    }

    /// Connections that were cut so far.
    pub(crate) fn cuts(&self) -> u32 {
        self.shared.state().cuts
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    fn fate(&mut self) -> Fate {
        match self.within {
            0 => Fate::Lives,
            within if self.random.one_in(2) => Fate::Cut(self.random.below(within)),
            within => Fate::Deaf(self.random.below(within)),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire {
    fn fate(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) {
        let _closed = self.client.shutdown(Shutdown::Both);
        let _closed = self.server.shutdown(Shutdown::Both);
    }
}

fn serve(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let server = UnixStream::connect(&shared.to)?;
    let fate = shared.state().fate();
    let wire = Arc::new(Wire { client, server, fate: Mutex::new(fate) });
    shared.state().wires.push(Arc::clone(&wire));
    let (ours, theirs) = (Arc::clone(shared), Arc::clone(&wire));
    spawn(move || {
        let _ended = forth(&ours, &theirs);
        theirs.cut();
        ours.state().wires.retain(|wire| !Arc::ptr_eq(wire, &theirs));
    });
    let ours = Arc::clone(shared);
    spawn(move || {
        let _ended = back(&ours, &wire);
        wire.cut();
    });
    Ok(())
}

/// What the client says.
fn forth(shared: &Shared, wire: &Wire) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = (&wire.client).read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let passes = match &mut *wire.fate() {
            Fate::Cut(left) if *left < read => *left,
            Fate::Cut(left) => {
                *left -= read;
                read
            }
            Fate::Deaf(left) => {
                *left = left.saturating_sub(read);
                read
            }
            Fate::Lives => read,
        };
        (&wire.server).write_all(&buffer[..passes])?;
        if passes < read {
            shared.state().cuts += 1;
            return Ok(());
        }
    }
}

/// What the server says.
fn back(shared: &Shared, wire: &Wire) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = (&wire.server).read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        if matches!(*wire.fate(), Fate::Deaf(0)) {
            shared.state().cuts += 1;
            return Ok(());
        }
        (&wire.client).write_all(&buffer[..read])?;
    }
}

fn spawn(run: impl FnOnce() + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "two threads a connection")]
    std::thread::spawn(run);
}
