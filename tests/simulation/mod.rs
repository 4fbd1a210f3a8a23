//! Several IMAP sessions on one mailbox, at random, from a seed.
//!
//! Every client knows only what it was told. After each response that knowledge must make sense
//! (RFC 9051 §7.4.1, §7.5.1), and whenever all is quiet it must be the model store's own.
//! `SIM_SEED=7` replays one seed and prints the dialogue; `SIM_SEEDS=5000` runs so many.

mod client;
mod command;
mod live;

use sora::error::Fault;
use sora::job::{Body, Change, FlagSet, Job, Reply};
use sora::model::{AccountId, Flags, MailboxName};
use sora::session::Service;

use crate::support::driver::{Driver, Waits};
use crate::support::messages;
use crate::support::model::Model;
use crate::support::random::Random;
use crate::support::sessions;
use client::Client;
use command::Command;

const ACCOUNT: AccountId = AccountId(1);
/// In `make test`, and in `make soak`.
const SEEDS: u64 = 256;
const SEEDS_SOAKING: u64 = 20_000;
const STEPS: usize = 1_000;
const CLIENTS: usize = 3;

#[test]
fn clients_always_know_what_they_were_told() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("SIM_SEED") {
        let mut simulation = Simulation::new(seed);
        let outcome = simulation.run();
        println!("{}", simulation.dialogue.join("\n"));
        assert_eq!(outcome, Ok(()), "seed {seed}");
        return;
    }
    let soaking = std::env::var_os("SORA_SOAK").is_some();
    let seeds = number("SIM_SEEDS").unwrap_or(if soaking { SEEDS_SOAKING } else { SEEDS });
    for seed in 0..seeds {
        let mut simulation = Simulation::new(seed);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| simulation.run()));
        let outcome = outcome.unwrap_or_else(|_| Err("panicked, see above".to_owned()));
        if let Err(why) = outcome {
            let from = simulation.dialogue.len().saturating_sub(60);
            let last = simulation.dialogue[from..].join("\n");
            panic!("SIM_SEED={seed}: {why}\n--- the last of it\n{last}");
        }
    }
}

struct Simulation {
    random: Random,
    model: Model,
    peers: Vec<Peer>,
    messages_made: u32,
    dialogue: Vec<String>,
}

/// One client, its session, and what is between them.
struct Peer {
    driver: Driver,
    client: Client,
    /// Sent by the client, not yet arrived.
    on_the_way: Vec<u8>,
    /// The job has run; its reply is not home yet.
    reply: Option<Reply>,
    /// Changes that have not reached the session yet.
    changes: Vec<Change>,
}

type Outcome = Result<(), String>;

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut simulation = Self {
            random: Random::new(seed),
            model: Model::new(&["sim@example.com"], "pw"),
            peers: Vec::new(),
            messages_made: 0,
            dialogue: Vec::new(),
        };
        let create = Job::CreateMailbox { account: ACCOUNT, name: name("Box"), special_use: None };
        assert!(matches!(simulation.model.run(create), Reply::Done));
        for _ in 0..simulation.random.below(8) {
            simulation.deliver();
        }
        simulation
    }

    fn run(&mut self) -> Outcome {
        for _ in 0..CLIENTS {
            let peer = self.connect()?;
            self.peers.push(peer);
        }
        for step in 0..STEPS {
            self.step()?;
            if step % 100 == 99 {
                self.settle_and_compare()?;
            }
        }
        Ok(())
    }

    /// One thing happens somewhere.
    fn step(&mut self) -> Outcome {
        if self.random.one_in(25) {
            self.deliver();
        }
        let at = self.random.below(self.peers.len());
        if self.random.one_in(120) {
            self.dialogue.push(format!("{at}: goes away"));
            self.peers[at] = self.connect()?;
            return Ok(());
        }
        match self.random.below(4) {
            0 => self.say(at),
            1 => self.arrive(at, false),
            2 => self.work(at),
            _ => self.notify(at),
        }
        self.hear(at)
    }

    /// The client starts its next command, or goes on with the one it is in.
    fn say(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        if peer.client.command.is_none() {
            let command = Command::random(&mut self.random, &peer.client, &mut self.messages_made);
            peer.client.begin(command);
        } else if peer.client.has_begun() && (!peer.client.is_idling() || !self.random.one_in(3)) {
            return;
        }
        let bytes = peer.client.next_bytes();
        let text = String::from_utf8_lossy(&bytes).trim_end().replace("\r\n", "\\r\\n");
        self.dialogue.push(format!("{at}> {text}"));
        peer.on_the_way.extend(bytes);
    }

    /// Some of what was sent arrives.
    fn arrive(&mut self, at: usize, all: bool) {
        let peer = &mut self.peers[at];
        let length = peer.on_the_way.len();
        if length == 0 {
            return;
        }
        let some =
            if all || self.random.one_in(2) { length } else { 1 + self.random.below(length) };
        let bytes: Vec<u8> = peer.on_the_way.drain(..some).collect();
        peer.driver.feed(&bytes);
    }

    /// A job runs, or a reply comes home.
    fn work(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        if let Some(reply) = peer.reply.take() {
            peer.driver.reply(reply);
            return;
        }
        let Some(job) = peer.driver.take_job() else { return };
        if let Err(why) = peer.client.approve(&job) {
            peer.client.broken = Some(why);
        }
        // A fault may come before the commit or after it: the client cannot tell.
        let lost = self.random.one_in(40);
        let reply = match lost && self.random.one_in(2) {
            true => Reply::Done,
            false => self.model.run(job),
        };
        let reply = if lost { Reply::Failed(Fault::Unavailable) } else { reply };
        if lost {
            self.dialogue.push(format!("{at}: the job fails"));
        }
        peer.client.failing |= lost;
        peer.reply = Some(reply);
        self.spread_changes();
    }

    /// Changes reach a session late, twice, or not at all (invariant 8).
    fn notify(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        for change in std::mem::take(&mut peer.changes) {
            if !self.random.one_in(20) {
                peer.driver.changed(change);
            }
            if self.random.one_in(10) {
                peer.driver.changed(change);
            }
        }
    }

    fn spread_changes(&mut self) {
        for change in self.model.take_changes() {
            self.peers.iter_mut().for_each(|peer| peer.changes.push(change));
        }
    }

    /// The client reads what its session wrote.
    fn hear(&mut self, at: usize) -> Outcome {
        let peer = &mut self.peers[at];
        if let Some(why) = peer.client.broken.take() {
            return Err(format!("client {at}: {why}"));
        }
        let bytes = std::mem::take(&mut peer.driver.output);
        peer.client.unread.extend(bytes);
        while let Some(response) = peer.client.next_response() {
            self.dialogue.push(format!("{at}< {}", response.trim_end().replace("\r\n", "\\r\\n")));
            let heard = peer.client.hear(&response, Some(&mut self.model));
            heard.map_err(|why| format!("client {at}: {why}: {response}"))?;
            if peer.client.wants_continuation() && response.starts_with('+') {
                let bytes = peer.client.next_bytes();
                peer.on_the_way.extend(bytes);
            }
        }
        if peer.driver.waits() == Waits::Closed {
            return Err(format!("client {at}: the session closed"));
        }
        Ok(())
    }

    /// Mail comes in behind everybody's back.
    fn deliver(&mut self) {
        self.messages_made += 1;
        let n = self.messages_made;
        self.dialogue.push(format!("-- message {n} arrives"));
        let job = Job::Append {
            account: ACCOUNT,
            name: name("INBOX"),
            flags: FlagSet { flags: Flags::NONE, keywords: Vec::new() },
            internal_date: None,
            body: Body::Memory(messages::small(n)),
        };
        assert!(matches!(self.model.run(job), Reply::Appended { .. }));
        self.spread_changes();
    }

    fn connect(&mut self) -> Result<Peer, String> {
        let session = sessions::open(Service::Imap, sessions::peer(false, false));
        let (on_the_way, changes) = (Vec::new(), Vec::new());
        let mut peer = Peer {
            driver: Driver::open(session),
            client: Client::new(),
            on_the_way,
            reply: None,
            changes,
        };
        peer.driver.output.clear();
        let mut commands = vec!["LOGIN sim@example.com pw"];
        if self.random.one_in(3) {
            commands.push("ENABLE CONDSTORE");
            peer.client.condstore = true;
        }
        commands.push("SELECT INBOX");
        for text in commands {
            peer.client.begin(Command::plain(text));
            let bytes = peer.client.next_bytes();
            peer.driver.feed(&bytes);
            while let Some(job) = peer.driver.take_job() {
                let reply = self.model.run(job);
                peer.driver.reply(reply);
            }
            peer.client.unread.extend(std::mem::take(&mut peer.driver.output));
            while let Some(response) = peer.client.next_response() {
                let heard = peer.client.hear(&response, Some(&mut self.model));
                heard.map_err(|why| format!("set-up: {why}: {response}"))?;
            }
        }
        if peer.client.command.is_some() {
            return Err("the set-up was not answered".to_owned());
        }
        Ok(peer)
    }

    /// Everything that is on its way arrives; then each client asks, and must know the truth.
    fn settle_and_compare(&mut self) -> Outcome {
        self.dialogue.push("-- quiet".to_owned());
        for at in 0..self.peers.len() {
            self.finish(at)?;
        }
        for at in 0..self.peers.len() {
            for text in ["NOOP", "UID FETCH 1:* (FLAGS)"] {
                self.peers[at].client.begin(Command::plain(text));
                let bytes = self.peers[at].client.next_bytes();
                self.dialogue.push(format!("{at}> {}", String::from_utf8_lossy(&bytes).trim_end()));
                self.peers[at].on_the_way.extend(bytes);
                self.finish(at)?;
                let truth = self.model.truth(ACCOUNT, "INBOX");
                let known = self.peers[at].client.compare(&truth);
                known.map_err(|why| format!("client {at} after {text}: {why}"))?;
            }
        }
        Ok(())
    }

    /// Brings the command a client is in to its end, without faults.
    fn finish(&mut self, at: usize) -> Outcome {
        for _ in 0..10_000 {
            self.arrive(at, true);
            let peer = &mut self.peers[at];
            if let Some(reply) = peer.reply.take() {
                peer.driver.reply(reply);
            }
            if let Some(job) = peer.driver.take_job() {
                if let Err(why) = peer.client.approve(&job) {
                    return Err(format!("client {at}: {why}"));
                }
                peer.reply = Some(self.model.run(job));
                self.spread_changes();
            }
            for change in std::mem::take(&mut self.peers[at].changes) {
                self.peers[at].driver.changed(change);
            }
            self.hear(at)?;
            let peer = &mut self.peers[at];
            let quiet = peer.reply.is_none() && peer.driver.waits() == Waits::Input;
            if quiet && peer.client.command.is_none() {
                return Ok(());
            }
            if quiet && peer.on_the_way.is_empty() {
                if !peer.client.has_more_to_say() {
                    return Err(format!("client {at}: waits for an answer that does not come"));
                }
                let bytes = peer.client.next_bytes();
                peer.on_the_way.extend(bytes);
            }
        }
        Err(format!("client {at}: never done"))
    }
}

fn name(text: &str) -> MailboxName {
    MailboxName::new(text).expect("a test mailbox")
}
