//! The server as a library: what the daemon runs, and any program that wants a mail store inside.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::config::{self, Config, Listen};
use crate::model::{Address, Secret};
use crate::net::{
    self, Bound, Certificate, CertificateError, ListenPlan, Loops, NetError, Plan, Serving, Socket,
};
use crate::session::{self, Service, SharedSettings};
use crate::sieve::{Capability, SERVED};
use crate::store::{Failure, NewAccount, Opening, Store};
use crate::work::password::{self, PasswordError, Scheme};
use crate::work::{self, Authenticator, DeliverError, DeliveryHook, Hooks, Work};

/// A mail store: see [`Server::builder`].
#[derive(Debug)]
pub struct Server;

impl Server {
    /// What is to be served; everything has a default but [`Builder::config`], which says where.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), sora::StartError> {
    /// let server = sora::Server::builder().config(sora::config::Config::embedded()).start()?;
    /// println!("IMAP at {:?}", server.address(sora::session::Service::Imap));
    /// server.shutdown();
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> Builder {
        Builder {
            config: Config::default(),
            hooks: Hooks::default(),
            handed_in: Vec::new(),
            loops: 0,
        }
    }
}

/// A server to be.
#[derive(Debug)]
#[must_use = "nothing is served before start"]
pub struct Builder {
    config: Config,
    hooks: Hooks,
    handed_in: Vec<(Service, TcpListener)>,
    loops: usize,
}

impl Builder {
    /// Where the data is, what listens where, and every limit. The default starts no listener.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Decides over logins instead of the stored passwords. The accounts themselves are always the
    /// store's.
    pub fn authenticator(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.hooks.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Is told of each delivery after its commit.
    pub fn on_delivery(mut self, hook: impl DeliveryHook + 'static) -> Self {
        self.hooks.on_delivery = Some(Arc::new(hook));
        self
    }

    /// Serves a socket that listens already (socket activation), plain with STARTTLS, beside those
    /// of the configuration.
    pub fn listener(mut self, service: Service, listener: TcpListener) -> Self {
        self.handed_in.push((service, listener));
        self
    }

    /// Event loops; one a core if this is not called.
    pub fn loops(mut self, loops: usize) -> Self {
        self.loops = loops;
        self
    }

    /// Opens the store and the listeners and serves. On an error nothing is left running.
    pub fn start(self) -> Result<Handle, StartError> {
        let Self { config, hooks, handed_in, loops } = self;
        let data_dir = config.data_dir.clone();
        work::check_scripts(&work::Settings::of(&config)).map_err(StartError::Scripts)?;
        let mut place = work::place(&config);
        place.wait_for_database(DATABASE_PATIENCE);
        let store = Store::open_at(&place, Opening::Daemon)
            .map_err(|source| StartError::Store { data_dir, source })?;
        let settings = work::Settings::of(&config);
        let work = Arc::new(Work::start(&store, &settings, hooks)?);
        let mut listeners = Listeners { config: &config, certificates: Vec::new(), own: None };
        let plan = Plan {
            listeners: listeners.plan(handed_in)?,
            loops,
            connections_max: config.servers.max_connections as usize,
            connections_by_address_max: config.servers.max_connections_per_address as usize,
        };
        let certificates = listeners.certificates;
        let loops = net::start(plan, Arc::clone(&work))?;
        let serving = loops.bound().to_vec();
        let grace = config.servers.shutdown_grace;
        let running = Mutex::new(Some(loops));
        let stopped = (Mutex::new(false), Condvar::new());
        Ok(Handle { store, settings, work, certificates, serving, grace, running, stopped })
    }
}

/// A database that is started with us may come up after us.
const DATABASE_PATIENCE: Duration = Duration::from_secs(60);

/// From the configuration to what net listens on.
struct Listeners<'a> {
    config: &'a Config,
    certificates: Vec<Arc<Certificate>>,
    /// The one that we make ourselves, once it was needed.
    own: Option<Arc<Certificate>>,
}

impl Listeners<'_> {
    fn plan(
        &mut self,
        handed_in: Vec<(Service, TcpListener)>,
    ) -> Result<Vec<ListenPlan>, StartError> {
        let servers = &self.config.servers;
        let mut plans = Vec::new();
        for (service, listener) in [
            (Service::Imap, &servers.imap.listener),
            (Service::Lmtp, &servers.lmtp.listener),
            (Service::Pop3, &servers.pop3.listener),
            (Service::ManageSieve, &servers.managesieve.listener),
        ] {
            let mut sockets: Vec<(Socket, bool)> = Vec::new();
            for (listen, is_implicit) in listener.sockets() {
                sockets.push((Socket::Open(listen.clone()), is_implicit));
            }
            plans.push((service, listener, sockets));
        }
        for (service, socket) in handed_in {
            if let Some((_, _, sockets)) = plans.iter_mut().find(|plan| plan.0 == service) {
                sockets.push((Socket::HandedIn(socket), false));
            }
        }
        let mut listeners = Vec::new();
        for (service, listener, sockets) in plans.into_iter().filter(|plan| !plan.2.is_empty()) {
            let settings = self.settings(service);
            let tls = self.certificate(listener)?.server_config()?;
            for (socket, is_implicit) in sockets {
                // On a Unix socket there is nobody to hide from.
                let is_private = matches!(socket, Socket::Open(Listen::Unix(_))) && !is_implicit;
                let tls = (!is_private).then(|| Arc::clone(&tls));
                let settings = Arc::clone(&settings);
                let proxies = listener.proxy_protocol_from.clone();
                listeners.push(ListenPlan { service, settings, socket, tls, is_implicit, proxies });
            }
        }
        if listeners.is_empty() { Err(StartError::NothingToServe) } else { Ok(listeners) }
    }

    fn certificate(
        &mut self,
        listener: &config::Listener,
    ) -> Result<Arc<Certificate>, CertificateError> {
        let certificate = match (&listener.tls_cert_file, &listener.tls_key_file, &self.own) {
            (Some(chain), Some(key), _) => Certificate::from_files(chain, key)?,
            (_, _, Some(own)) => return Ok(Arc::clone(own)),
            (_, _, None) => {
                let folder = self.config.data_dir.join("tls");
                let own = Certificate::own(&folder, &self.config.hostname)?;
                Arc::clone(self.own.insert(own))
            }
        };
        self.certificates.push(Arc::clone(&certificate));
        Ok(certificate)
    }

    fn settings(&self, service: Service) -> SharedSettings {
        let Config { hostname, servers, .. } = self.config;
        let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        let (idle_timeout, login_timeout) = match service {
            Service::Lmtp => (servers.lmtp.timeout, servers.lmtp.timeout),
            Service::Pop3 => (servers.pop3.idle_timeout, servers.pop3.login_timeout),
            Service::ManageSieve => {
                (servers.managesieve.idle_timeout, servers.managesieve.login_timeout)
            }
            _ => (servers.imap.idle_timeout, servers.imap.login_timeout),
        };
        let insecure_auth = match service {
            Service::Pop3 => servers.pop3.insecure_auth,
            Service::ManageSieve => servers.managesieve.insecure_auth,
            _ => servers.imap.insecure_auth,
        };
        let days = |age: Duration| u32::try_from(age.as_secs() / 86_400).unwrap_or(u32::MAX);
        Arc::new(session::Settings {
            hostname: hostname.clone(),
            append_bytes_max: servers.imap.append_limit.0,
            lmtp_bytes_max: servers.lmtp.max_message_size.0,
            xclient_from: servers.lmtp.xclient_from.clone(),
            pop3_exclusive: servers.pop3.exclusive,
            expire_days: self.config.cleanup.max_age_restriction.map(days),
            sieve_url: sieve_url(&servers.managesieve.listener, hostname),
            sieve: session::SieveSettings {
                script_bytes_max: u32::try_from(servers.managesieve.max_script_size.0)
                    .unwrap_or(u32::MAX),
                scripts_max: servers.managesieve.max_scripts,
                offered: match self.config.sieve.lists {
                    Some(_) => SERVED,
                    None => SERVED.without(Capability::ExtLists),
                },
                redirects_max: self.config.sieve.max_redirects,
            },
            insecure_auth,
            idle_seconds_max: seconds(idle_timeout),
            login_seconds_max: seconds(login_timeout),
            changes_come_late: self.config.database.engine == config::Engine::Postgres,
        })
    }
}

/// `sieveurl-server` (RFC 5804 §3): it has no form for TLS from the first byte.
fn sieve_url(listener: &config::Listener, hostname: &str) -> Option<String> {
    let plain = listener.sockets().filter(|(_, is_implicit)| !is_implicit);
    let port = plain.map(|(at, _)| at).find_map(|at| match at {
        Listen::Tcp { port, .. } => Some(*port),
        Listen::Unix(_) => None,
    })?;
    Some(match port {
        0 | 4_190 => format!("sieve://{hostname}"),
        port => format!("sieve://{hostname}:{port}"),
    })
}

/// A running server. Dropping it stops it at once; [`Handle::shutdown`] lets jobs finish first.
#[derive(Debug)]
pub struct Handle {
    // Loops end before the pool, the pool before the store.
    running: Mutex<Option<Loops>>,
    work: Arc<Work>,
    store: Store,
    settings: work::Settings,
    certificates: Vec<Arc<Certificate>>,
    serving: Vec<Serving>,
    grace: Duration,
    stopped: (Mutex<bool>, Condvar),
}

impl Handle {
    /// Everything that is served, with the ports that the system chose.
    pub fn serving(&self) -> &[Serving] {
        &self.serving
    }

    /// The first TCP address where `service` is spoken in the clear, with STARTTLS.
    pub fn address(&self, service: Service) -> Option<SocketAddr> {
        self.find(service, false)
    }

    /// The first TCP address where `service` is spoken under TLS from the first byte.
    pub fn tls_address(&self, service: Service) -> Option<SocketAddr> {
        self.find(service, true)
    }

    fn find(&self, service: Service, is_implicit: bool) -> Option<SocketAddr> {
        self.serving.iter().find_map(|serving| match &serving.at {
            Bound::Tcp(address)
                if serving.service == service && serving.is_implicit == is_implicit =>
            {
                Some(*address)
            }
            _ => None,
        })
    }

    /// Makes an account with its standard folders. False if the address is taken.
    pub fn create_account(&self, address: &str, password: &Secret) -> Result<bool, AccountError> {
        let address = Address::new(address).ok_or(AccountError::Address)?;
        let password_hash =
            password::hash(Scheme::default(), password).map_err(AccountError::Password)?;
        let new = NewAccount { address, password_hash };
        let made = self.store.create_account(new).map_err(AccountError::Store)?;
        Ok(made.is_some())
    }

    /// True if no account exists.
    pub fn is_empty(&self) -> Result<bool, Failure> {
        Ok(self.store.list_accounts()?.is_empty())
    }

    /// Delivers one message by the ordinary path. It is on the disk when this returns.
    pub fn deliver(&self, sender: &str, to: &str, message: &[u8]) -> Result<(), DeliverError> {
        work::deliver_now(&self.store, &self.settings, sender, to, message)
    }

    /// The Date and Message-ID fields of a message written now, each line with its CRLF.
    pub(crate) fn origination_fields(&self) -> Result<String, work::StartError> {
        work::origination_fields(&self.settings.hostname)
    }

    /// Reads every certificate again, for connections to come. The first error is returned; a
    /// certificate that cannot be read stays as it was.
    pub fn reload_certificates(&self) -> Result<(), CertificateError> {
        let reloaded = self.certificates.iter().map(|certificate| certificate.reload());
        reloaded.fold(Ok(()), Result::and)
    }

    /// Stops accepting, says goodbye to every connection, finishes the jobs that are out, as far as
    /// the configured grace allows, and returns when all threads have ended.
    pub fn shutdown(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut loops) = running else { return self.wait() };
        let left = loops.stop(self.grace);
        if !self.work.shutdown(left) {
            log::warn!("server: jobs were still running when the grace was over");
        }
        let (stopped, bell) = &self.stopped;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        bell.notify_all();
    }

    /// Returns once [`Handle::shutdown`], called by another thread, is through.
    pub fn wait(&self) {
        let (stopped, bell) = &self.stopped;
        let stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let _stopped =
            bell.wait_while(stopped, |stopped| !*stopped).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Why an account was not made.
#[derive(Debug)]
pub enum AccountError {
    /// Not an address.
    Address,
    /// Not a password that can be stored.
    Password(PasswordError),
    /// The store could not.
    Store(Failure),
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("expected an address such as user@example.com"),
            Self::Password(error) => error.fmt(f),
            Self::Store(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for AccountError {}

/// Why the server does not start.
#[derive(Debug)]
pub enum StartError {
    /// The store cannot be opened: perhaps another daemon has it.
    Store {
        /// Where.
        data_dir: PathBuf,
        /// Why.
        source: Failure,
    },
    /// A script of the site does not compile.
    Scripts(Failure),
    /// No random bytes.
    Work(work::StartError),
    /// A certificate cannot be read or made.
    Certificate(CertificateError),
    /// A listener cannot be opened.
    Net(NetError),
    /// No listener is configured or handed in.
    NothingToServe,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store { data_dir, source } => write!(f, "{}: {source}", data_dir.display()),
            Self::Scripts(failure) => failure.fmt(f),
            Self::Work(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::Net(error) => error.fmt(f),
            Self::NothingToServe => {
                f.write_str("no listener: set start = true in a [servers] section")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store { source, .. } | Self::Scripts(source) => Some(source),
            Self::Work(error) => Some(error),
            Self::Certificate(error) => Some(error),
            Self::Net(error) => Some(error),
            Self::NothingToServe => None,
        }
    }
}

impl From<work::StartError> for StartError {
    fn from(error: work::StartError) -> Self {
        Self::Work(error)
    }
}

impl From<CertificateError> for StartError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl From<NetError> for StartError {
    fn from(error: NetError) -> Self {
        Self::Net(error)
    }
}
