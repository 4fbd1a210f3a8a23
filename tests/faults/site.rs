//! Nodes over one database and one bucket, and what may break of them.

use std::sync::Arc;

use super::mail::{Mail, PASSWORD, Plan, USERS};
use crate::support::daemon::{Addresses, Daemon};
use crate::support::fault_proxy::{Fault, FaultProxy};
use crate::support::home::Home;
use crate::support::postgres::{self, Cluster, Disk, TestDatabase};
use crate::support::program::skipped;
use crate::support::weed::{bucket, weed};

/// Letters above this go to the bucket at once, smaller ones are staged.
pub(super) const LARGE: usize = 100_000;
const SETTINGS: &str = "[uploader]\nmax_body = '64kb'\n";

/// All of it.
pub(super) struct Site {
    pub(super) objects: FaultProxy,
    pub(super) nodes: Vec<Node>,
}

/// A node.
pub(super) struct Node {
    pub(super) home: Home,
    /// While it runs.
    pub(super) daemon: Option<Daemon>,
}

/// A database on the server that all tests share, or on one of its own; `None`, having said so, if
/// there is no PostgreSQL.
pub(super) fn database(own: bool) -> Option<TestDatabase> {
    if !postgres::is_there() {
        skipped("postgres");
        return None;
    }
    let cluster: &'static Cluster =
        if own { postgres::own_cluster(Disk::Ours) } else { postgres::cluster() };
    let mut database = cluster.database();
    // For as long a server that is not there is waited for, and its clients with it.
    database.more = "connect_timeout = '1s'\n";
    Some(database)
}

impl Site {
    /// So many nodes with an account for each user; `s3` are more lines of that section, `more` of
    /// others.
    pub(super) fn new(database: TestDatabase, nodes: usize, s3: &str, more: &str) -> Option<Self> {
        let objects = FaultProxy::start(weed()?.address);
        let (database, bucket) = (Arc::new(database), bucket());
        let home = |_| {
            let mut home = Home::on(Some(Arc::clone(&database)), "", "");
            home.put_in_bucket(objects.address, &bucket, s3, &format!("{SETTINGS}{more}"));
            home
        };
        let homes: Vec<Home> = (0..nodes).map(home).collect();
        USERS.iter().for_each(|user| homes[0].create_account(user, PASSWORD));
        let node = |home| {
            let daemon = Some(Daemon::start(&home));
            Node { home, daemon }
        };
        Some(Self { objects, nodes: homes.into_iter().map(node).collect() })
    }

    /// Those that run.
    pub(super) fn addresses(&self) -> Vec<Addresses> {
        let running = self.nodes.iter().filter_map(|node| node.daemon.as_ref());
        running.map(Daemon::addresses).collect()
    }

    /// Bytes that the nodes have in memory.
    pub(super) fn memory(&self) -> u64 {
        self.nodes.iter().filter_map(|node| node.daemon.as_ref()).map(Daemon::memory).sum()
    }

    pub(super) fn mail(&self, plan: Plan) -> Mail {
        Mail::start(self.addresses(), plan)
    }

    pub(super) fn daemon(&mut self, node: usize) -> &mut Daemon {
        self.nodes[node].daemon.as_mut().expect("it runs")
    }

    /// A node comes back, at other addresses.
    pub(super) fn start(&mut self, node: usize, mail: &Mail) {
        self.nodes[node].daemon = Some(Daemon::start(&self.nodes[node].home));
        mail.set_nodes(self.addresses());
    }

    /// Nothing is broken any more: all that is staged is moved, and rows, bucket and bodies agree.
    pub(super) fn end(mut self) {
        self.objects.set(Fault::None);
        self.nodes[0].home.wait_until_moved();
        for node in &mut self.nodes {
            if let Some(daemon) = node.daemon.take() {
                daemon.stop();
            }
        }
        self.nodes[0].home.admin(&["check", "--deep", "--bodies"]).expect("all is well");
    }
}
