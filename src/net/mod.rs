//! Sockets, TLS, timers: everything between a peer and its session.
//!
//! One event loop for each core; each drives its own connections and shares nothing with the
//! others but counters, the certificate and the way to the pool. No loop ever waits for anything but
//! its poll (invariant 2).

mod admission;
mod buffers;
mod certificates;
mod connection;
mod event_loop;
mod listener;
mod slab;
mod stream;
mod timers;
mod tls;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::Poll;
use rustls::ServerConfig;

use crate::config::Listen;
use crate::model::Networks;
use crate::session::{Service, SharedSettings};
use crate::work::Work;
use admission::Admission;
use event_loop::{EventLoop, Inlet, Shared};
use listener::{Door, Listener, Listening};
use timers::Clock;

pub use certificates::{Certificate, CertificateError};
pub use listener::Bound;

/// What is to be served where.
#[derive(Debug)]
pub struct Plan {
    /// The listeners to open.
    pub listeners: Vec<ListenPlan>,
    /// Loops; 0 for one each core.
    pub loops: usize,
    /// Connections in total.
    pub connections_max: usize,
    /// Connections from one address.
    pub connections_by_address_max: usize,
}

/// One listener to be.
#[derive(Debug)]
pub struct ListenPlan {
    /// What is spoken there.
    pub service: Service,
    /// What its sessions read of the configuration.
    pub settings: SharedSettings,
    /// Where.
    pub socket: Socket,
    /// TLS, if there is a certificate.
    pub tls: Option<Arc<ServerConfig>>,
    /// TLS from the first byte, rather than by STARTTLS.
    pub is_implicit: bool,
    /// Peers that say by the PROXY protocol for whom they connect.
    pub proxies: Networks,
}

/// A socket to listen on.
#[derive(Debug)]
pub enum Socket {
    /// To be opened.
    Open(Listen),
    /// Opened by somebody else.
    HandedIn(std::net::TcpListener),
}

/// Why nothing is served.
#[derive(Debug)]
pub enum NetError {
    /// A listener cannot be opened.
    Listen {
        /// Which.
        listen: String,
        /// Why.
        source: io::Error,
    },
    /// A loop cannot be made.
    Loop(io::Error),
}

impl std::fmt::Display for NetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen { listen, source } => write!(f, "cannot listen on {listen}: {source}"),
            Self::Loop(source) => write!(f, "cannot start an event loop: {source}"),
        }
    }
}

impl std::error::Error for NetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } | Self::Loop(source) => Some(source),
        }
    }
}

/// One address that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// What is spoken there.
    pub service: Service,
    /// TLS from the first byte.
    pub is_implicit: bool,
    /// Where, with the port that was chosen.
    pub at: Bound,
}

/// Lets the process have as many open files as the system allows it: each connection is one.
pub fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::warn!("net: the limit on open files stays as it was: {error}");
    }
}

/// The running loops.
#[derive(Debug)]
pub struct Loops {
    bound: Vec<Serving>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Opens everything in `plan` and starts the loops. On an error nothing is left open.
pub fn start(plan: Plan, work: Arc<Work>) -> Result<Loops, NetError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let loops = if plan.loops == 0 { cores } else { plan.loops };
    let polls: Vec<Poll> =
        (0..loops).map(|_| Poll::new()).collect::<Result<_, _>>().map_err(NetError::Loop)?;
    let inlets = polls.iter().map(Inlet::new).collect::<Result<_, _>>().map_err(NetError::Loop)?;
    let admission = Admission::new(plan.connections_max, plan.connections_by_address_max);
    let shared = Arc::new(Shared { work, admission, inlets, clock: Clock::new() });
    let mut running = Loops { bound: Vec::new(), shared, threads: Vec::new() };
    let mut listeners: Vec<Vec<Listener>> = polls.iter().map(|_| Vec::new()).collect();
    for listen in plan.listeners {
        running.open(listen, &mut listeners)?;
    }
    for (index, (poll, listeners)) in polls.into_iter().zip(listeners).enumerate() {
        let shared = Arc::clone(&running.shared);
        let event_loop = EventLoop::new(index, shared, poll, listeners).map_err(NetError::Loop)?;
        let thread = std::thread::Builder::new().name(format!("loop {index}"));
        let thread = thread.spawn(move || event_loop.run()).map_err(NetError::Loop)?;
        running.threads.push(thread);
    }
    Ok(running)
}

impl Loops {
    fn open(&mut self, plan: ListenPlan, listeners: &mut [Vec<Listener>]) -> Result<(), NetError> {
        let ListenPlan { service, settings, socket, tls, is_implicit, proxies } = plan;
        let door = Arc::new(Door { service, settings, tls, is_implicit, proxies });
        let opened = match socket {
            Socket::Open(listen) => listener::open(&listen, listeners.len())
                .map_err(|source| NetError::Listen { listen: listen.to_string(), source })?,
            Socket::HandedIn(socket) => Listening::handed_in(socket).map_err(|source| {
                NetError::Listen { listen: "a socket that was handed in".to_owned(), source }
            })?,
        };
        let goes_round = opened.sockets.len() < listeners.len();
        self.bound.extend(opened.bound.into_iter().map(|at| Serving { service, is_implicit, at }));
        for (listeners, sockets) in listeners.iter_mut().zip(opened.sockets) {
            listeners.extend(sockets.into_iter().map(|listening| {
                let door = Arc::clone(&door);
                Listener { listening, door, goes_round }
            }));
        }
        Ok(())
    }

    /// What is served where, as bound.
    pub fn bound(&self) -> &[Serving] {
        &self.bound
    }

    /// Connections that each loop has now, those included whose reply is still out.
    pub fn connections_by_loop(&self) -> Vec<usize> {
        let inlets = self.shared.inlets.iter();
        inlets.map(|inlet| inlet.connections.load(Ordering::Relaxed)).collect()
    }

    /// Stops accepting, says goodbye to every connection once its job is done, and waits for the
    /// loops to end: `grace` at most, in whole seconds. Returns what is left of it.
    pub fn stop(&mut self, grace: Duration) -> Duration {
        #[expect(clippy::disallowed_methods, reason = "the grace is one for loops and pool")]
        let started = Instant::now();
        let seconds = u32::try_from(grace.as_secs()).unwrap_or(u32::MAX);
        self.shared.inlets.iter().for_each(|inlet| inlet.stop(seconds));
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("net: a loop had panicked");
            }
        }
        for serving in self.bound.drain(..) {
            if let Bound::Unix(path) = serving.at {
                let _already_gone = std::fs::remove_file(path);
            }
        }
        grace.saturating_sub(started.elapsed())
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}
