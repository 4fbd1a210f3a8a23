//! What one client knows: only what it was told, in the order it was told.

use std::collections::BTreeSet;

use sora::job::Job;
use sora::mail::UidRuns;
use sora::model::AccountId;

use super::command::{Command, Expunges, Forgets};
use crate::support::model::{Model, Truth};
use crate::support::wire::response_bytes;

const ACCOUNT: AccountId = AccountId(1);

/// One message as the client knows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) uid: Option<u32>,
    flags: Option<BTreeSet<String>>,
    mod_seq: i64,
}

#[derive(Debug)]
pub(super) struct Client {
    /// By sequence number, from 1.
    pub(super) messages: Vec<Known>,
    /// The command it waits for.
    pub(super) command: Option<Command>,
    pub(super) unread: Vec<u8>,
    /// A job of the present command fails: NO is a right answer.
    pub(super) failing: bool,
    /// A job asked for something the client did not.
    pub(super) broken: Option<String>,
    pub(super) condstore: bool,
    tags: u32,
    pieces_sent: usize,
    /// Selected for the first time, and all of SELECT's EXISTS is new.
    fresh: bool,
}

type Heard = Result<(), String>;

impl Client {
    pub(super) fn new() -> Self {
        Self {
            messages: Vec::new(),
            command: None,
            unread: Vec::new(),
            failing: false,
            broken: None,
            condstore: false,
            tags: 0,
            pieces_sent: 0,
            fresh: false,
        }
    }

    pub(super) fn begin(&mut self, command: Command) {
        assert!(self.command.is_none(), "one command at a time");
        self.tags += 1;
        self.pieces_sent = 0;
        self.failing = false;
        let silent_uids = command.forgets == Forgets::Flags && command.seqs.is_none();
        for (at, message) in self.messages.iter_mut().enumerate() {
            let named = command.seqs.as_ref().is_some_and(|seqs| seqs.contains(&at));
            if silent_uids || command.forgets == Forgets::Flags && named {
                message.flags = None;
            }
        }
        self.command = Some(command);
    }

    pub(super) fn next_bytes(&mut self) -> Vec<u8> {
        let Some(command) = &self.command else { return Vec::new() };
        let Some(piece) = command.pieces.get(self.pieces_sent) else { return Vec::new() };
        self.pieces_sent += 1;
        match self.pieces_sent {
            1 => [format!("t{} ", self.tags).as_bytes(), piece].concat(),
            _ => piece.clone(),
        }
    }

    pub(super) fn has_more_to_say(&self) -> bool {
        self.command.as_ref().is_some_and(|command| self.pieces_sent < command.pieces.len())
    }

    pub(super) fn has_begun(&self) -> bool {
        self.pieces_sent > 0
    }

    pub(super) fn is_idling(&self) -> bool {
        self.command.as_ref().is_some_and(|command| command.idle) && self.pieces_sent == 1
    }

    pub(super) fn wants_continuation(&self) -> bool {
        self.has_more_to_say() && self.command.as_ref().is_some_and(|command| !command.idle)
    }

    pub(super) fn next_response(&mut self) -> Option<String> {
        let length = response_bytes(&self.unread, false)?;
        let bytes: Vec<u8> = self.unread.drain(..length).collect();
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Does a job name only messages that the command named? (pitfall 78)
    pub(super) fn approve(&self, job: &Job) -> Heard {
        let Some(seqs) = self.command.as_ref().and_then(|command| command.seqs.as_ref()) else {
            return Ok(());
        };
        let uids: &UidRuns = match job {
            Job::Fetch { uids, .. } | Job::Store { uids, .. } => uids,
            Job::Copy(transfer) | Job::Move(transfer) => &transfer.uids,
            _ => return Ok(()),
        };
        for uid in uids.iter() {
            let at = self.messages.iter().position(|known| known.uid == Some(uid.0));
            if at.is_some_and(|at| !seqs.contains(&at)) {
                return Err(format!("the job touches UID {uid}, which the client did not name"));
            }
        }
        Ok(())
    }

    /// One response: is it allowed now, and what does it say?
    pub(super) fn hear(&mut self, response: &str, model: Option<&mut Model>) -> Heard {
        let line = response.trim_end_matches("\r\n");
        let Some(command) = self.command.clone() else {
            return Err("a response while no command is out".to_owned());
        };
        if line.starts_with('+') {
            return Ok(());
        }
        let Some(rest) = line.strip_prefix("* ") else { return self.tagged(line, &command) };
        let (first, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let Ok(number) = first.parse::<usize>() else {
            return match first {
                "SEARCH" => self.search(rest, line),
                "BYE" | "BAD" => Err("an untagged BYE or BAD".to_owned()),
                "OK" if rest.starts_with("[CLOSED]") => self.closed(),
                _ => Ok(()),
            };
        };
        match rest.split(' ').next().unwrap_or("") {
            "EXISTS" => self.exists(number),
            "EXPUNGE" => self.expunge(number, &command, model),
            "FETCH" => self.fetch(number, rest, model),
            "RECENT" if number == 0 => Ok(()),
            _ => Err("not a response a client knows".to_owned()),
        }
    }

    fn closed(&mut self) -> Heard {
        self.messages.clear();
        Ok(())
    }

    fn tagged(&mut self, line: &str, command: &Command) -> Heard {
        let Some(rest) = line.strip_prefix(&format!("t{} ", self.tags)) else {
            return Err("not the tag of the command that is out".to_owned());
        };
        if self.has_more_to_say() && !(self.failing && rest.starts_with("NO")) {
            return Err("answered before it was sent".to_owned());
        }
        let refused = rest.starts_with("NO [TRYCREATE]") || rest.starts_with("NO [EXPUNGEISSUE]");
        let failed = self.failing && rest.starts_with("NO [UNAVAILABLE]");
        if !(rest.starts_with("OK") || refused || failed) {
            return Err("a right command was not answered OK".to_owned());
        }
        if command.selects && !rest.starts_with("OK") {
            // Nothing is selected now: the way a client recovers is to select again.
            self.messages.clear();
            self.command = None;
            self.begin(Command::plain("SELECT INBOX"));
            return Ok(());
        }
        self.fresh = false;
        self.command = None;
        Ok(())
    }

    fn exists(&mut self, number: usize) -> Heard {
        if self.command.as_ref().is_some_and(|command| command.selects) && !self.fresh {
            self.fresh = true;
            self.messages = vec![Known::default(); number];
            return Ok(());
        }
        if number <= self.messages.len() {
            return Err(format!("EXISTS, and the client knows of {} already", self.messages.len()));
        }
        self.messages.resize(number, Known::default());
        Ok(())
    }

    fn expunge(&mut self, number: usize, command: &Command, model: Option<&mut Model>) -> Heard {
        if command.expunges == Expunges::Held {
            return Err("EXPUNGE where RFC 9051 §7.5.1 forbids it".to_owned());
        }
        if number == 0 || number > self.messages.len() {
            return Err("EXPUNGE of a number the client does not have".to_owned());
        }
        let gone = self.messages.remove(number - 1);
        let there = |truth: &Truth| Some(truth.uid) == gone.uid;
        if model.is_some_and(|model| model.truth(ACCOUNT, "INBOX").iter().any(there)) {
            return Err(format!("EXPUNGE of UID {:?}, which is still there", gone.uid));
        }
        Ok(())
    }

    fn fetch(&mut self, number: usize, rest: &str, model: Option<&mut Model>) -> Heard {
        if number == 0 || number > self.messages.len() {
            return Err("FETCH of a number the client does not have".to_owned());
        }
        let at = number - 1;
        if let Some(uid) = value(rest, "UID ").and_then(|text| text.parse().ok()) {
            self.learn_uid(at, uid)?;
        }
        if let Some(mod_seq) = list(rest, "MODSEQ (").and_then(|text| text.parse().ok()) {
            let before = std::mem::replace(&mut self.messages[at].mod_seq, mod_seq);
            if mod_seq < before {
                return Err(format!("MODSEQ was {before} before")); // pitfall 83
            }
        }
        if let Some(flags) = list(rest, "FLAGS (") {
            let flags = flags.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent");
            self.messages[at].flags = Some(flags.map(str::to_owned).collect());
        }
        if self.condstore && rest.contains("FLAGS (") && !rest.contains("MODSEQ (") {
            return Err("no MODSEQ, though CONDSTORE is on".to_owned());
        }
        if let Some(model) = model
            && rest.contains("BODY[")
        {
            self.check_body(at, rest, model)?;
        }
        Ok(())
    }

    /// A number means one message until EXPUNGE moves it, and UIDs ascend.
    fn learn_uid(&mut self, at: usize, uid: u32) -> Heard {
        let known = &mut self.messages[at].uid;
        if known.is_some_and(|known| known != uid) {
            return Err(format!("message {} was UID {known:?} until now", at + 1));
        }
        *known = Some(uid);
        let uids: Vec<u32> = self.messages.iter().filter_map(|message| message.uid).collect();
        if !uids.is_sorted_by(|a, b| a < b) {
            return Err(format!("UIDs do not ascend: {uids:?}"));
        }
        Ok(())
    }

    /// The bytes are those of the message the client means.
    fn check_body(&self, at: usize, rest: &str, model: &mut Model) -> Heard {
        let Some(uid) = self.messages[at].uid else { return Ok(()) };
        let Some(bytes) = model.bytes_of(ACCOUNT, "INBOX", uid) else {
            return Err(format!("UID {uid} was never there"));
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let subject = text.split("\r\n").find(|line| line.starts_with("Subject:"));
        let body = text.split("\r\n\r\n").nth(1);
        let told = [subject, body].into_iter().flatten().any(|part| rest.contains(part));
        if told { Ok(()) } else { Err(format!("not the bytes of UID {uid}")) }
    }

    fn search(&self, rest: &str, line: &str) -> Heard {
        let numbers =
            rest.split(" (").next().unwrap_or("").split(' ').filter(|text| !text.is_empty());
        let numbers: Option<Vec<usize>> = numbers.map(|text| text.parse().ok()).collect();
        let numbers = numbers.ok_or("not numbers")?;
        if !numbers.is_sorted_by(|a, b| a < b) {
            return Err(format!("not ascending: {line}"));
        }
        let by_uid = self.command.as_ref().is_some_and(|command| {
            command.pieces.first().is_some_and(|piece| piece.starts_with(b"UID"))
        });
        if !by_uid && numbers.last().is_some_and(|last| *last > self.messages.len()) {
            return Err("a number the client does not have".to_owned());
        }
        Ok(())
    }

    /// What it knows of each message, to be held against what another client knows.
    pub(super) fn picture(&self) -> Vec<(Option<u32>, Option<BTreeSet<String>>)> {
        self.messages.iter().map(|known| (known.uid, known.flags.clone())).collect()
    }

    /// All is quiet and the client has asked: what it knows must be so.
    pub(super) fn compare(&self, truth: &[Truth]) -> Heard {
        if self.messages.len() != truth.len() {
            let uids: Vec<u32> = truth.iter().map(|message| message.uid).collect();
            return Err(format!("knows {} messages, there are {uids:?}", self.messages.len()));
        }
        for (known, truth) in self.messages.iter().zip(truth) {
            if known.uid.is_some_and(|uid| uid != truth.uid) {
                return Err(format!("knows UID {:?} where UID {} is", known.uid, truth.uid));
            }
            if known.mod_seq > truth.mod_seq {
                return Err(format!("UID {} has MODSEQ {}", truth.uid, truth.mod_seq));
            }
            if known.flags.as_ref().is_some_and(|flags| *flags != truth.flags) {
                return Err(format!(
                    "UID {} has {:?}, not {:?}",
                    truth.uid, truth.flags, known.flags
                ));
            }
        }
        Ok(())
    }
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) =
        text.split_once(&format!("({name}")).or_else(|| text.split_once(&format!(" {name}")))?;
    rest.split([' ', ')']).next()
}

fn list<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(name)?.1.split(')').next()
}
