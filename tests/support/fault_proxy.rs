//! A man in the middle of HTTP who counts requests and makes trouble on demand.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The connection is cut before it is read.
    Refuse,
    /// It is answered with this status, and goes no further.
    Status(u16),
    /// It is read, and never answered.
    Hang,
    /// It is cut in its middle.
    CutRequest,
    /// It is done, and the answer is cut before its first byte.
    LoseAnswer,
    /// The answer's body is cut in its middle, and the connection with it.
    CutAnswer,
    /// The answer's body has some of its bytes changed.
    SpoilAnswer,
    /// The answer comes so many milliseconds late.
    Slow(u64),
}

impl Fault {
    /// All that networks do to a request.
    pub(crate) const NETWORK: [Self; 8] = [
        Self::Status(500),
        Self::Status(503),
        Self::Refuse,
        Self::CutRequest,
        Self::LoseAnswer,
        Self::CutAnswer,
        Self::SpoilAnswer,
        Self::Hang,
    ];
}

/// The man.
#[derive(Debug)]
pub(crate) struct FaultProxy {
    /// Where he listens.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    to: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    fault: Fault,
    /// Only each so-many-th request.
    every: u32,
    seen: u32,
    counts: BTreeMap<String, u32>,
    at_once: u32,
    at_once_max: u32,
    /// Connections that hang, to be cut when that ends.
    hanging: Vec<TcpStream>,
    ended: bool,
}

impl FaultProxy {
    /// In front of `to`.
    pub(crate) fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = State {
            fault: Fault::None,
            every: 1,
            seen: 0,
            counts: BTreeMap::new(),
            at_once: 0,
            at_once_max: 0,
            hanging: Vec::new(),
            ended: false,
        };
        let shared = Arc::new(Shared { to, state: Mutex::new(state) });
        let ours = Arc::clone(&shared);
        spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ours.state().ended {
                    return;
                }
                let shared = Arc::clone(&ours);
                spawn(move || {
                    let _ended = serve(&shared, client);
                });
            }
        });
        Self { address, shared }
    }

    /// From now on this happens to every request.
    pub(crate) fn set(&self, fault: Fault) {
        self.set_every(1, fault);
    }

    /// From now on this happens to each `every`-th request.
    pub(crate) fn set_every(&self, every: u32, fault: Fault) {
        let mut state = self.shared.state();
        (state.fault, state.every, state.seen) = (fault, every, 0);
        for hanging in state.hanging.drain(..) {
            let _cut = hanging.shutdown(Shutdown::Both);
        }
    }

    /// Requests by method so far, of those that were read.
    pub(crate) fn count(&self, method: &str) -> u32 {
        self.shared.state().counts.get(method).copied().unwrap_or(0)
    }

    /// The most requests that were under way at the same time.
    pub(crate) fn at_once_max(&self) -> u32 {
        self.shared.state().at_once_max
    }

    /// All requests.
    pub(crate) fn requests(&self) -> u32 {
        self.shared.state().counts.values().sum()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.set(Fault::Refuse);
        self.shared.state().ended = true;
        let _woken = TcpStream::connect(self.address);
    }
}

pub(super) fn spawn(run: impl FnOnce() + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "one thread a connection")]
    std::thread::spawn(run);
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault_of(&self, method: &str) -> Fault {
        let mut state = self.state();
        *state.counts.entry(method.to_owned()).or_default() += 1;
        state.seen += 1;
        if state.seen.is_multiple_of(state.every) { state.fault } else { Fault::None }
    }
}

/// A request, counted while it is under way.
struct UnderWay<'a>(&'a Shared);

impl<'a> UnderWay<'a> {
    fn new(shared: &'a Shared) -> Self {
        let mut state = shared.state();
        state.at_once += 1;
        state.at_once_max = state.at_once_max.max(state.at_once);
        Self(shared)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state().at_once -= 1;
    }
}

/// The head of a request or an answer, and what its body is.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    pub(super) first: String,
    length: Option<u64>,
    chunked: bool,
}

pub(super) fn read_head(from: &mut impl BufRead) -> io::Result<Option<Head>> {
    let (mut bytes, mut length, mut chunked) = (Vec::new(), None, false);
    loop {
        let start = bytes.len();
        if from.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&bytes[start..]).to_ascii_lowercase();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
        chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
    }
    let first = String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned();
    Ok(Some(Head { bytes, first, length, chunked }))
}

/// Reads a body, with the frame of its chunks.
pub(super) fn read_body(from: &mut impl BufRead, head: &Head) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if !head.chunked {
        from.take(head.length.unwrap_or(0)).read_to_end(&mut body)?;
        return Ok(body);
    }
    loop {
        let start = body.len();
        from.read_until(b'\n', &mut body)?;
        let size = String::from_utf8_lossy(&body[start..]).trim().to_owned();
        let size = u64::from_str_radix(&size, 16).map_err(io::Error::other)?;
        from.take(size + 2).read_to_end(&mut body)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// One connection, request by request.
fn serve(shared: &Shared, client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut to_client = client.try_clone()?;
    let mut from_client = BufReader::new(client);
    let server = TcpStream::connect(shared.to)?;
    server.set_nodelay(true)?;
    let mut to_server = server.try_clone()?;
    let mut from_server = BufReader::new(server);
    while let Some(head) = read_head(&mut from_client)? {
        let method = head.first.split(' ').next().unwrap_or_default().to_owned();
        let fault = shared.fault_of(&method);
        let _one_more = UnderWay::new(shared);
        if fault == Fault::Refuse {
            return to_client.shutdown(Shutdown::Both);
        }
        let body = read_body(&mut from_client, &head)?;
        match fault {
            Fault::Status(status) => {
                let text = "<Error><Code>Trouble</Code><Message>made by a test</Message></Error>";
                let text = if method == "HEAD" { "" } else { text };
                let length = text.len();
                write!(
                    to_client,
                    "HTTP/1.1 {status} Trouble\r\nContent-Length: {length}\r\n\r\n{text}"
                )?;
                continue;
            }
            Fault::Hang => {
                shared.state().hanging.push(to_client.try_clone()?);
                let mut rest = Vec::new();
                from_client.read_to_end(&mut rest)?;
                return Ok(());
            }
            Fault::CutRequest => {
                to_server.write_all(&head.bytes)?;
                to_server.write_all(&body[..body.len() / 2])?;
                to_server.shutdown(Shutdown::Both)?;
                return to_client.shutdown(Shutdown::Both);
            }
            _ => {}
        }
        to_server.write_all(&head.bytes)?;
        to_server.write_all(&body)?;
        let Some(head) = read_head(&mut from_server)? else { return Ok(()) };
        let none = method == "HEAD" || head.first.contains(" 204 ") || head.first.contains(" 304 ");
        let mut body = if none { Vec::new() } else { read_body(&mut from_server, &head)? };
        match fault {
            Fault::LoseAnswer => return to_client.shutdown(Shutdown::Both),
            Fault::CutAnswer => {
                to_client.write_all(&head.bytes)?;
                to_client.write_all(&body[..body.len() / 2])?;
                return to_client.shutdown(Shutdown::Both);
            }
            Fault::SpoilAnswer if !body.is_empty() => {
                let middle = body.len() / 2;
                body[middle] ^= 0x55;
            }
            Fault::Slow(milliseconds) => {
                std::thread::park_timeout(Duration::from_millis(milliseconds));
            }
            _ => {}
        }
        to_client.write_all(&head.bytes)?;
        to_client.write_all(&body)?;
    }
    Ok(())
}
