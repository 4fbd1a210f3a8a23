//! What the harnesses share: the model store, its messages, small clients, and a daemon to talk to.

pub(crate) mod base64;
pub(crate) mod connection;
pub(crate) mod cutter;
pub(crate) mod daemon;
pub(crate) mod disk;
pub(crate) mod driver;

pub(crate) mod facts;
pub(crate) mod fault_proxy;
pub(crate) mod home;
pub(crate) mod mail;
pub(crate) mod maildir;
pub(crate) mod messages;
pub(crate) mod model;
pub(crate) mod postgres;
pub(crate) mod production;
pub(crate) mod program;
pub(crate) mod random;
pub(crate) mod server;
pub(crate) mod sessions;
pub(crate) mod sexp;
pub(crate) mod sink;
pub(crate) mod tls;
pub(crate) mod tls_front;
pub(crate) mod weed;
pub(crate) mod wire;
