//! The mail that leaves: what scripts send is composed here, and carried to the relay (design: "What
//! leaves the server").

#[allow(dead_code, reason = "for the delivery that runs scripts")]
mod compose;
#[allow(dead_code, reason = "compose builds with it")]
mod entity;

#[allow(unused_imports, reason = "for the delivery that runs scripts")]
pub(super) use compose::{Origin, compose};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::config::{self, Config, Remote};

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

/// What a delivery knows of the relay: whether there is one, and how to wake who speaks with it.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "for the delivery that runs scripts")]
pub(super) struct Relay {
    is_configured: bool,
    bell: Sender<()>,
}

#[allow(dead_code, reason = "for the delivery that runs scripts")]
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

    /// Rows were committed that are due. Never waits.
    pub(super) fn ring(&self) {
        let _rung_already = self.bell.try_send(());
    }
}
