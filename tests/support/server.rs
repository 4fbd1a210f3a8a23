//! The real server inside the test's own process, on ports that the system chose.

use std::net::SocketAddr;

use sora::config::Config;
use sora::session::Service;

use super::home::Home;

/// A running server; stopped and checked by [`Server::stop`].
pub(crate) struct Server {
    handle: sora::Handle,
    /// Where it lives.
    pub(crate) home: Home,
}

impl Server {
    /// With the daemon's own defaults.
    pub(crate) fn start() -> Self {
        Self::with(Home::new("", ""))
    }

    /// In `home`.
    pub(crate) fn with(home: Home) -> Self {
        let config = Config::find(Some(&home.config_file())).expect("the configuration is right");
        let handle = sora::Server::builder().config(config).loops(2).start().expect("it starts");
        Self { handle, home }
    }

    /// IMAP with STARTTLS.
    pub(crate) fn imap(&self) -> SocketAddr {
        self.handle.address(Service::Imap).expect("IMAP is served")
    }

    /// IMAP with TLS from the first byte.
    pub(crate) fn imaps(&self) -> SocketAddr {
        self.handle.tls_address(Service::Imap).expect("IMAPS is served")
    }

    /// POP3 with STLS.
    pub(crate) fn pop3(&self) -> SocketAddr {
        self.address(Service::Pop3)
    }

    /// POP3 with TLS from the first byte.
    pub(crate) fn pop3s(&self) -> SocketAddr {
        self.handle.tls_address(Service::Pop3).expect("POP3S is served")
    }

    /// ManageSieve with STARTTLS.
    pub(crate) fn managesieve(&self) -> SocketAddr {
        self.address(Service::ManageSieve)
    }

    /// Where `service` is spoken in the clear.
    pub(crate) fn address(&self, service: Service) -> SocketAddr {
        self.handle.address(service).expect("it is served")
    }

    /// LMTP.
    pub(crate) fn lmtp(&self) -> SocketAddr {
        self.handle.address(Service::Lmtp).expect("LMTP is served")
    }

    /// Stops, and proves the counters right.
    pub(crate) fn stop(self) {
        self.stop_and_keep();
    }

    /// The same, and leaves its home to another.
    pub(crate) fn stop_and_keep(self) -> Home {
        self.handle.shutdown();
        drop(self.handle);
        self.home.check();
        self.home
    }
}
