//! The world without I/O: sessions stepped directly, jobs answered by the model store at once.

use std::collections::BTreeMap;

use sora::error::Fault;
use sora::job::Reply;
use sora::session::{Event, Service};

use super::play::{PASSWORD, Received, World};
use crate::support::driver::{Driver, Waits};
use crate::support::model::Model;
use crate::support::sessions;

pub(super) struct ModelWorld {
    model: Model,
    sessions: BTreeMap<String, Driver>,
    /// What the next jobs are answered instead.
    failures: Vec<Fault>,
    remote: bool,
    tls: bool,
}

impl ModelWorld {
    pub(super) fn new() -> Self {
        Self {
            model: Model::default(),
            sessions: BTreeMap::new(),
            failures: Vec::new(),
            remote: false,
            tls: false,
        }
    }

    fn session(&mut self, name: &str) -> Result<&mut Driver, String> {
        self.sessions.get_mut(name).ok_or_else(|| format!("no session {name}"))
    }

    /// Runs every job that is out, and tells every session what changed, until all is quiet.
    fn settle(&mut self) {
        loop {
            let mut busy = false;
            for driver in self.sessions.values_mut() {
                let Some(job) = driver.take_job() else { continue };
                busy = true;
                let reply = match self.failures.pop() {
                    Some(fault) => Reply::Failed(fault),
                    None => self.model.run(job),
                };
                driver.reply(reply);
            }
            for change in self.model.take_changes() {
                self.sessions.values_mut().for_each(|driver| driver.changed(change));
            }
            if !busy {
                return;
            }
        }
    }
}

impl World for ModelWorld {
    fn accounts(&mut self, me: &str, other: &str) {
        self.model = Model::new(&[me, other], PASSWORD);
    }

    fn open(&mut self, session: &str, service: Service) {
        let peer = sessions::peer(self.remote && session != "set-up", self.tls);
        let driver = Driver::open(sessions::open(service, peer));
        self.sessions.insert(session.to_owned(), driver);
        self.settle();
    }

    fn send(&mut self, session: &str, bytes: &[u8]) {
        if let Some(driver) = self.sessions.get_mut(session) {
            driver.feed(bytes);
        }
        self.settle();
    }

    fn receive(&mut self, session: &str) -> Received {
        let Some(driver) = self.sessions.get_mut(session) else { return Received::Closed };
        match std::mem::take(&mut driver.output) {
            bytes if !bytes.is_empty() => Received::Bytes(bytes),
            _ if driver.waits() == Waits::Closed => Received::Closed,
            _ => Received::Nothing,
        }
    }

    fn control(&mut self, words: &[String]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["remote"] => self.remote = true,
            ["tls"] => self.tls = true,
            ["starttls", name] => self.session(name)?.tls_started(),
            ["close", name] => drop(self.sessions.remove(*name)),
            ["timeout", name] => self.session(name)?.interrupt(Event::Timeout),
            ["shutdown"] => {
                self.sessions.values_mut().for_each(|driver| driver.interrupt(Event::Shutdown));
            }
            ["fail", fault] => self.failures.push(match *fault {
                "unavailable" => Fault::Unavailable,
                "nospace" => Fault::NoSpace,
                _ => Fault::ServerBug,
            }),
            _ => return Err("no such control".to_owned()),
        }
        self.settle();
        Ok(())
    }
}
