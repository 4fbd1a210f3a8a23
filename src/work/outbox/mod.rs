//! The mail that leaves: what scripts send is composed here, and carried to the relay (design: "What
//! leaves the server").

mod client;
mod compose;
mod entity;
mod post;
mod send;
mod sendmail;
mod srs;
mod tls;
mod wire;

pub(super) use compose::{Origin, compose, is_plain, passed_on, send_back, send_on_to_all};
pub(super) use post::Post;
pub(super) use srs::Srs;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::config::{self, Config, Remote};
use crate::store::Store;

/// How mail leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// `[relay]`
    pub relay: config::Relay,
    /// Where it is; `None` for a command.
    pub remote: Option<Remote>,
    /// Our name.
    pub hostname: String,
}

impl RelaySettings {
    /// What the configuration says; `None` if nothing can leave.
    pub fn of(config: &Config) -> Option<Self> {
        config.has_relay().then(|| Self {
            relay: config.relay.clone(),
            remote: config.relay_host().cloned(),
            hostname: config.hostname.clone(),
        })
    }
}

/// Begins to send what waits in `store`, if there is a relay; says so if mail waits and there is none.
pub(super) fn start(
    store: &Store,
    settings: Option<RelaySettings>,
    bell: Receiver<()>,
) -> Option<Post> {
    let Some(settings) = settings else {
        match store.next_outgoing() {
            Ok(None) => {}
            Ok(Some(_)) => log::warn!(
                "outbox: mail waits to leave, and there is no [relay] host in the configuration; see \
                 sora-admin outbox list"
            ),
            Err(failure) => log::error!("outbox: {failure}"),
        }
        return None;
    };
    Post::start(store, settings, bell).inspect_err(|error| log::error!("outbox: {error}")).ok()
}

/// What a delivery knows of the relay: whether there is one, and how to wake who speaks with it.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    is_configured: bool,
    bell: Sender<()>,
}

impl Relay {
    /// With the bell that it rings.
    pub(super) fn new(is_configured: bool) -> (Self, Receiver<()>) {
        let (bell, rung) = bounded(1);
        (Self { is_configured, bell }, rung)
    }

    /// False if nothing can leave: an action that sends is refused then, and the message kept.
    pub(super) const fn is_configured(&self) -> bool {
        self.is_configured
    }

    /// For others who ring.
    pub(super) fn bell(&self) -> Sender<()> {
        self.bell.clone()
    }

    /// Rows were committed that are due. Never waits.
    pub(super) fn ring(&self) {
        let _rung_already = self.bell.try_send(());
    }
}
