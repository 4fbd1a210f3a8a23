//! A place for one server: a temporary folder with its configuration, gone when the test is.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sora::config::Config;
use sora::model::{Address, ScriptName};
use sora::store::{Opening, Store};

use super::postgres::{self, TestDatabase};
use super::weed::{ACCESS, SECRET, bucket, weed};

/// The folder, and what it has elsewhere.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    /// Of PostgreSQL; nodes share it.
    database: Option<Arc<TestDatabase>>,
    /// It has a bucket.
    in_bucket: bool,
}

/// True if tests shall have the production home: PostgreSQL and a bucket.
pub(crate) fn is_production() -> bool {
    std::env::var_os("SORA_TEST_HOME").is_some_and(|wanted| wanted == "production")
}

/// Most bodies of the tests are small: so some of them are staged, and some go to the bucket at once.
const PRODUCTION_STAGED_MAX: &str = "[uploader]\nmax_body = '16kb'\n";

impl Home {
    /// A new one, with IMAP, IMAPS, LMTP, POP3, POP3S and ManageSieve on ports that the system
    /// chooses, and `more` lines of configuration by section. `SORA_TEST_DATABASE` and `SORA_TEST_HOME` say where
    /// its data is.
    pub(crate) fn new(imap: &str, lmtp: &str) -> Self {
        let mut home = Self::without_bucket(imap, lmtp);
        if is_production() {
            let weed = weed().expect("SORA_TEST_HOME=production needs SeaweedFS");
            home.put_in_bucket(weed.address, &bucket(), "", PRODUCTION_STAGED_MAX);
        }
        home
    }

    /// The same, never with a bucket.
    pub(crate) fn without_bucket(imap: &str, lmtp: &str) -> Self {
        let database = postgres::is_wanted().then(|| Arc::new(postgres::cluster().database()));
        Self::on(database, imap, lmtp)
    }

    /// On a database that others may have, too.
    pub(crate) fn on(database: Option<Arc<TestDatabase>>, imap: &str, lmtp: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("sora-test-{process}-{next}"));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let home = Self { folder, database, in_bucket: false };
        let text = format!(
            "data_dir = '{}'\nhostname = 'mail.example.com'\n{}\
             [servers.imap]\nstart = true\naddr = '127.0.0.1:0'\ntls_addr = '127.0.0.1:0'\n{imap}\n\
             [servers.lmtp]\nstart = true\naddr = '127.0.0.1:0'\n{lmtp}\n\
             [servers.pop3]\nstart = true\naddr = '127.0.0.1:0'\ntls_addr = '127.0.0.1:0'\n\
             [servers.managesieve]\nstart = true\naddr = '127.0.0.1:0'\n",
            home.folder.join("data").display(),
            home.database.as_deref().map(TestDatabase::section).unwrap_or_default(),
        );
        std::fs::write(home.config_file(), text).expect("a configuration file");
        home
    }

    /// One more node on the same database and bucket, with the same settings.
    pub(crate) fn beside(&self) -> Self {
        let mut home = Self::on(self.database.clone(), "", "");
        let text = std::fs::read_to_string(self.config_file()).expect("a configuration file");
        let [ours, its] = [self, &home].map(|home| home.folder.display().to_string());
        std::fs::write(home.config_file(), text.replace(&ours, &its)).expect("written");
        home.in_bucket = self.in_bucket;
        home
    }

    /// The same with bodies in `bucket` behind `endpoint`; `s3` are more lines of that section, `more`
    /// other sections.
    pub(crate) fn with_objects(endpoint: SocketAddr, bucket: &str, s3: &str, more: &str) -> Self {
        let mut home = Self::without_bucket("", "");
        home.put_in_bucket(endpoint, bucket, s3, more);
        home
    }

    /// From now on its bodies go there.
    pub(crate) fn put_in_bucket(
        &mut self,
        endpoint: SocketAddr,
        bucket: &str,
        s3: &str,
        more: &str,
    ) {
        self.in_bucket = true;
        let timeout = if s3.contains("timeout") { "" } else { "timeout = '2s'" };
        self.configure(&format!(
            "[bodies]\nhome = 's3'\n[s3]\nendpoint = 'http://{endpoint}'\nbucket = '{bucket}'\n\
             access_key = '{ACCESS}'\nsecret_key = '{SECRET}'\n{timeout}\n{s3}\n{more}\n"
        ));
    }

    /// True if bodies go to a bucket.
    pub(crate) fn has_bucket(&self) -> bool {
        self.in_bucket
    }

    /// Waits until a daemon has moved all that was staged to the bucket.
    pub(crate) fn wait_until_moved(&self) {
        let end = Instant::now() + Duration::from_secs(120);
        while self.staged() > 0 {
            assert!(Instant::now() < end, "bodies stay staged");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Bodies that are to be moved.
    pub(crate) fn staged(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM blobs WHERE state <> 3 AND state = 2")
    }

    /// The one number that a query gives.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        match &self.database {
            Some(database) => database.connect().query_one(sql, &[]).expect("a count").get(0),
            None => self.sqlite().query_row(sql, [], |row| row.get(0)).expect("a count"),
        }
    }

    /// Changes rows as no program does.
    pub(crate) fn execute(&self, sql: &str) {
        match &self.database {
            Some(database) => database.connect().batch_execute(sql).expect("changed"),
            None => self.sqlite().execute_batch(sql).expect("changed"),
        }
    }

    fn sqlite(&self) -> rusqlite::Connection {
        let database = rusqlite::Connection::open(self.folder.join("data/sora.db"));
        let database = database.expect("the database");
        database.busy_timeout(Duration::from_secs(10)).expect("patience");
        database
    }

    /// Its database, if it is on PostgreSQL.
    pub(crate) fn database(&self) -> Option<&TestDatabase> {
        self.database.as_deref()
    }

    /// Its store, for a test that needs no server.
    pub(crate) fn store(&self) -> Store {
        let config = Config::find(Some(&self.config_file())).expect("the configuration is right");
        Store::open_at(&sora::work::place(&config), Opening::Daemon).expect("a store")
    }

    /// The folder itself, for what else a test keeps.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The configuration.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    /// More lines of configuration, from a section on.
    pub(crate) fn configure(&self, more: &str) {
        let text = std::fs::read_to_string(self.config_file()).expect("a configuration file");
        std::fs::write(self.config_file(), text + more).expect("a configuration file");
    }

    /// Another line of configuration in place of one.
    pub(crate) fn reconfigure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config_file()).expect("a configuration file");
        assert!(text.contains(from), "{text}");
        std::fs::write(self.config_file(), text.replace(from, to)).expect("written");
    }

    /// Runs `sora-admin` to die at a crash point; how it ended.
    pub(crate) fn admin_to_crash(&self, args: &[&str], point: &str) -> ExitStatus {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sora-admin"));
        let command = command.args(args).arg("--config").arg(self.config_file());
        let command = command.env("SORA_CRASH_AT", point).stdin(Stdio::null());
        command.output().expect("sora-admin runs").status
    }

    /// Runs `sora-admin`; what it printed, or why it failed.
    pub(crate) fn admin(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sora-admin"));
        let command = command.args(args).arg("--config").arg(self.config_file());
        let command = command.env_remove("SORA_CRASH_AT"); // which names a point to the tests, too
        let output = command.stdin(Stdio::null()).output().expect("sora-admin runs");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(said(&output.stdout)),
            false => Err(said(&output.stderr) + &said(&output.stdout)),
        }
    }

    /// An account with a hash that costs nothing to check.
    pub(crate) fn create_account(&self, address: &str, password: &str) {
        let args =
            ["create-account", "--email", address, "--password", password, "--hash", "sha512"];
        self.admin(&args).expect("an account is made");
    }

    /// Gives an account a Sieve script, beside a daemon.
    pub(crate) fn sort_mail_of(&self, address: &str, script: &str) {
        let config = Config::find(Some(&self.config_file())).expect("the configuration is right");
        let store = Store::open_at(&sora::work::place(&config), Opening::Beside).expect("a store");
        let address = Address::new(address).expect("an address");
        let account = store.account_by_address(&address).expect("a look").expect("it is there");
        let name = ScriptName::new("sorts").expect("a name");
        store.put_script(account.account, &name, script.into(), 10).expect("stored");
        store.activate_script(account.account, Some(&name)).expect("active");
    }

    /// Every test that touched a store ends with this (invariant 10). The bucket is compared, too.
    pub(crate) fn check(&self) {
        let deep: &[&str] = if self.in_bucket { &["check", "--deep"] } else { &["check"] };
        let mut checked = self.admin(deep);
        // The test server makes a bucket when the first object is put there.
        let is_missing = checked.as_ref().is_err_and(|why| why.contains("NoSuchBucket"));
        if is_missing && self.count("SELECT COUNT(*) FROM blobs WHERE state = 3") == 0 {
            checked = self.admin(&["check"]);
        }
        if let Err(why) = checked {
            panic!("sora-admin check: {why}");
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if std::env::var_os("SORA_KEEP").is_some() {
            return;
        }
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}
