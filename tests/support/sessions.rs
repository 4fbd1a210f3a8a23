//! The sessions under test, with the settings every harness gives them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use sora::session::{Peer, Service, Session, Settings, SharedSettings};

/// Largest message in transcripts, on the model and on the real server.
pub(crate) const MESSAGE_BYTES_MAX: u64 = 1_048_576;

/// A peer on loopback, or far away.
pub(crate) fn peer(remote: bool, tls: bool) -> Peer {
    let address = if remote { Ipv4Addr::new(192, 0, 2, 1) } else { Ipv4Addr::LOCALHOST };
    Peer { address: Some(IpAddr::V4(address)), tls, can_start_tls: !tls }
}

fn settings() -> SharedSettings {
    Arc::new(Settings {
        hostname: "mail.example.com".to_owned(),
        append_bytes_max: MESSAGE_BYTES_MAX,
        lmtp_bytes_max: MESSAGE_BYTES_MAX,
        ..Settings::default()
    })
}

/// A session of `service`.
pub(crate) fn open(service: Service, peer: Peer) -> Session {
    Session::new(service, peer, &settings())
}
