//! Plays a script in a world, and says precisely where the two part.

use std::collections::{HashMap, VecDeque};

use sora::session::Service;

use super::matcher::{self, Words};
use super::script::{Kind, Script, Step, What};
use crate::support::messages;
use crate::support::wire::response_bytes;

/// The password of every account.
pub(super) const PASSWORD: &str = "correct horse";

/// What a script is played against.
pub(super) trait World {
    /// Makes the two accounts of a transcript.
    fn accounts(&mut self, me: &str, other: &str);
    /// Opens a connection.
    fn open(&mut self, session: &str, service: Service);
    /// Bytes from the client.
    fn send(&mut self, session: &str, bytes: &[u8]);
    /// Bytes from the server: waits for some where waiting makes sense.
    fn receive(&mut self, session: &str) -> Received;
    /// `! word word`
    fn control(&mut self, words: &[String]) -> Result<(), String>;
}

/// True if no response has a literal.
pub(super) fn speaks_lines(service: Service) -> bool {
    matches!(service, Service::Lmtp | Service::Pop3)
}

/// What came from the server.
pub(super) enum Received {
    Bytes(Vec<u8>),
    Nothing,
    Closed,
}

#[derive(Default)]
struct Client {
    /// Every response is one line: no literals.
    lines: bool,
    /// Commands have tags.
    tagged: bool,
    unread: Vec<u8>,
    tags: u32,
    outstanding: VecDeque<String>,
}

struct Player<'a> {
    script: &'a Script,
    world: &'a mut dyn World,
    clients: HashMap<String, Client>,
    words: Words,
    dialogue: Vec<String>,
}

/// Plays `script`; the error shows file, line, both sides and the dialogue so far.
pub(super) fn play(script: &Script, name: &str, world: &mut dyn World) -> Result<(), String> {
    let name = name.replace('_', "-");
    let (me, other) = (format!("{name}@example.com"), format!("other-{name}@example.com"));
    world.accounts(&me, &other);
    let plain = crate::support::base64::encode(format!("\0{me}\0{PASSWORD}").as_bytes());
    let words = [
        ("ME", me.to_uppercase()),
        ("size", me.len().to_string()),
        ("user", name),
        ("me", me),
        ("other", other),
        ("password", PASSWORD.to_owned()),
        ("plain", plain),
    ];
    let words = words.into_iter().map(|(word, value)| (word.to_owned(), value)).collect();
    let mut player = Player { script, world, clients: HashMap::new(), words, dialogue: Vec::new() };
    for step in &script.steps {
        player.step(step).map_err(|(line, why)| player.report(line, &why))?;
    }
    let names: Vec<String> = player.clients.keys().cloned().collect();
    for name in names {
        let last = script.steps.last().map_or(1, |step| step.line);
        player.nothing_unread(&name).map_err(|why| player.report(last, &why))?;
    }
    Ok(())
}

impl Player<'_> {
    fn report(&self, line: usize, why: &str) -> String {
        format!("{}:{line}: {why}\n--- so far\n{}", self.script.file, self.dialogue.join("\n"))
    }

    fn step(&mut self, step: &Step) -> Result<(), (usize, String)> {
        let at = |why| (step.line, why);
        match &step.what {
            What::Mailbox { name, messages } => self.mailbox(name, *messages).map_err(at),
            What::Message { mailbox, text } => {
                let text = self.unescaped(text);
                self.append(mailbox, "", &text).map_err(at)
            }
            What::Open { names, kind } => {
                names.iter().try_for_each(|name| self.open(name, kind)).map_err(at)
            }
            What::Send { session, text, tagged } => {
                self.nothing_unread(session).map_err(at)?;
                self.send(session, text, *tagged).map_err(at)
            }
            What::Expect { session, pattern } if pattern == "nothing" => {
                self.nothing_unread(session).map_err(at)
            }
            What::Expect { session, pattern } => {
                let got = self.response(session).map_err(at)?;
                if self.fits(session, pattern, &got) {
                    return Ok(());
                }
                Err(at(format!("\nexpected {pattern}\ngot      {}", shown(&got))))
            }
            What::ExpectAnyOrder { session, patterns } => self.any_order(session, patterns),
            What::Control(words) => {
                self.dialogue.push(format!("! {}", words.join(" ")));
                self.world.control(words).map_err(at)
            }
        }
    }

    fn any_order(
        &mut self,
        session: &str,
        patterns: &[(usize, String)],
    ) -> Result<(), (usize, String)> {
        let mut left: Vec<&(usize, String)> = patterns.iter().collect();
        while let Some((first, _)) = left.first() {
            let got = self.response(session).map_err(|why| (*first, why))?;
            match left.iter().position(|(_, pattern)| self.fits(session, pattern, &got)) {
                Some(found) => drop(left.remove(found)),
                None => {
                    let left: Vec<&str> = left.iter().map(|(_, text)| text.as_str()).collect();
                    let left = left.join("\n      or ");
                    return Err((*first, format!("\nexpected {left}\ngot      {}", shown(&got))));
                }
            }
        }
        Ok(())
    }

    /// Does one response fit? A status response is compared up to the end of its code.
    fn fits(&mut self, session: &str, pattern: &str, got: &str) -> bool {
        let pattern = String::from_utf8_lossy(&unescape(pattern, &mut |_| None)).into_owned();
        let pattern = pattern.as_str();
        let client = self.clients.entry(session.to_owned()).or_default();
        if !client.tagged || got == "closed" {
            return matcher::matches(pattern, got, &mut self.words);
        }
        let tagged = ["OK", "NO", "BAD"].iter().any(|status| {
            pattern
                .strip_prefix(status)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        if tagged {
            let Some(tag) = client.outstanding.front().cloned() else { return false };
            let Some(got) = got.strip_prefix(&format!("{tag} ")) else { return false };
            let fits = status_fits(pattern, got, &mut self.words);
            if fits {
                client.outstanding.pop_front();
            }
            return fits;
        }
        match (pattern.strip_prefix("* "), got.strip_prefix("* ")) {
            (Some(pattern), Some(got))
                if ["OK", "NO", "BAD", "BYE", "PREAUTH"]
                    .contains(&pattern.split(' ').next().unwrap_or("")) =>
            {
                status_fits(pattern, got, &mut self.words)
            }
            _ => {
                let fits = matcher::matches(pattern, got, &mut self.words);
                if fits && client.outstanding.front().is_some_and(|tag| got.starts_with(&**tag)) {
                    client.outstanding.pop_front();
                }
                fits
            }
        }
    }

    fn open(&mut self, name: &str, kind: &Kind) -> Result<(), String> {
        let service = kind.service();
        self.world.open(name, service);
        let (lines, tagged) = (speaks_lines(service), service == Service::Imap);
        self.clients.insert(name.to_owned(), Client { lines, tagged, ..Client::default() });
        let silently = self.dialogue.len();
        match kind {
            Kind::Silent | Kind::LmtpSilent | Kind::Pop3Silent | Kind::SieveSilent => {
                return Ok(());
            }
            Kind::Lmtp => {
                self.response(name)?;
                self.send(name, "LHLO client.example.org", true)?;
                while !self.response(name)?.starts_with("250 ") {}
            }
            Kind::New | Kind::Pop3New => drop(self.response(name)?),
            Kind::SieveNew | Kind::Sieve => {
                while !self.response(name)?.starts_with("OK") {}
                if let Kind::Sieve = kind {
                    self.send(name, "AUTHENTICATE \"PLAIN\" \"<<plain>>\"", true)?;
                    let got = self.response(name)?;
                    if !got.starts_with("OK") {
                        return Err(format!("set-up: AUTHENTICATE: {got}"));
                    }
                }
            }
            Kind::Pop3 => {
                self.response(name)?;
                for line in ["USER <<me>>", "PASS <<password>>"] {
                    self.send(name, line, true)?;
                    let got = self.response(name)?;
                    if !got.starts_with("+OK") {
                        return Err(format!("set-up: {line}: {got}"));
                    }
                }
            }
            Kind::LoggedIn => self.log_in(name)?,
            Kind::Selected(mailbox) => {
                self.log_in(name)?;
                self.command(name, &format!("SELECT \"{mailbox}\""))?;
            }
            Kind::Examined(mailbox) => {
                self.log_in(name)?;
                self.command(name, &format!("EXAMINE \"{mailbox}\""))?;
            }
        }
        self.dialogue.truncate(silently);
        Ok(())
    }

    fn log_in(&mut self, name: &str) -> Result<(), String> {
        self.response(name)?;
        self.command(name, "LOGIN \"<<me>>\" \"<<password>>\"")
    }

    /// A command of the set-up: must be answered OK.
    fn command(&mut self, name: &str, text: &str) -> Result<(), String> {
        self.send(name, text, true)?;
        loop {
            let got = self.response(name)?;
            if !got.starts_with("* ") {
                let done = self.fits(name, "OK", &got);
                return if done { Ok(()) } else { Err(format!("set-up: {text}: {got}")) };
            }
        }
    }

    fn mailbox(&mut self, name: &str, messages: u32) -> Result<(), String> {
        if name != "INBOX" {
            self.set_up()?;
            self.command("set-up", &format!("CREATE \"{name}\""))?;
        }
        (1..=messages)
            .try_for_each(|n| self.append(name, &messages::internal_date(n), &messages::small(n)))
    }

    fn append(&mut self, mailbox: &str, date: &str, message: &[u8]) -> Result<(), String> {
        self.set_up()?;
        let space = if date.is_empty() { "" } else { " " };
        let text = format!("APPEND \"{mailbox}\"{space}{date} {{{}+}}", message.len());
        self.send("set-up", &text, true)?;
        self.world.send("set-up", message);
        self.world.send("set-up", b"\r\n");
        let got = self.response("set-up")?;
        let done = self.fits("set-up", "OK", &got);
        if done { Ok(()) } else { Err(format!("set-up: {text}: {got}")) }
    }

    /// The session that makes mailboxes and messages.
    fn set_up(&mut self) -> Result<(), String> {
        if self.clients.contains_key("set-up") {
            return Ok(());
        }
        self.open("set-up", &Kind::LoggedIn)
    }

    fn send(&mut self, session: &str, text: &str, tagged: bool) -> Result<(), String> {
        let bytes = self.unescaped(text);
        let client = self.clients.get_mut(session).ok_or("no such session")?;
        let mut line = Vec::new();
        if tagged && client.tagged {
            client.tags += 1;
            let tag = format!("{session}{}", client.tags);
            line.extend_from_slice(format!("{tag} ").as_bytes());
            client.outstanding.push_back(tag);
        }
        line.extend_from_slice(&bytes);
        line.extend_from_slice(b"\r\n");
        self.dialogue.push(format!("{session}> {}", shown(&String::from_utf8_lossy(&line))));
        self.world.send(session, &line);
        Ok(())
    }

    /// The next response, its literals included, without the last CRLF; `closed` at the end.
    fn response(&mut self, session: &str) -> Result<String, String> {
        loop {
            let client = self.clients.get_mut(session).ok_or("no such session")?;
            if let Some(length) = response_bytes(&client.unread, client.lines) {
                let bytes: Vec<u8> = client.unread.drain(..length).collect();
                let text = String::from_utf8_lossy(&bytes[..length - 2]).into_owned();
                self.dialogue.push(format!("{session}< {}", shown(&text)));
                return Ok(text);
            }
            match self.world.receive(session) {
                Received::Bytes(bytes) => client.unread.extend_from_slice(&bytes),
                Received::Closed if client.unread.is_empty() => return Ok("closed".to_owned()),
                Received::Nothing | Received::Closed => {
                    let unread = String::from_utf8_lossy(&client.unread).into_owned();
                    return Err(format!("no response came; unread: {}", shown(&unread)));
                }
            }
        }
    }

    /// A response that the transcript does not mention is as wrong as a missing one.
    fn nothing_unread(&mut self, session: &str) -> Result<(), String> {
        let client = self.clients.get_mut(session).ok_or("no such session")?;
        if client.unread.is_empty() {
            return Ok(());
        }
        Err(format!("not expected: {}", shown(&String::from_utf8_lossy(&client.unread))))
    }

    fn unescaped(&self, text: &str) -> Vec<u8> {
        unescape(text, &mut |name| matcher::known(name, &self.words))
    }
}

/// The words in place of their names, and `\xNN` as the byte.
pub(super) fn unescape(text: &str, value_of: &mut dyn FnMut(&str) -> Option<String>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if matcher::extra_angles(rest) == 0
            && let Some((name, after)) =
                rest.strip_prefix("<<").and_then(|rest| rest.split_once(">>"))
            && let Some(value) = value_of(name).or_else(|| matcher::known(name, &Words::new()))
        {
            bytes.extend_from_slice(value.as_bytes());
            rest = after;
            continue;
        }
        let byte = rest.strip_prefix("\\x").and_then(|hex| hex.get(..2));
        if let Some(byte) = byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &rest[4..];
            continue;
        }
        bytes.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[first.len_utf8()..];
    }
    bytes
}

/// `OK`, `OK []` (no code) or `OK [CODE args]` against a whole status response.
fn status_fits(pattern: &str, got: &str, words: &mut Words) -> bool {
    let (status, code) = pattern.split_once(' ').unwrap_or((pattern, ""));
    let Some(got) = got.strip_prefix(status) else { return false };
    let got = got.strip_prefix(' ').unwrap_or(got);
    let got_code = if got.starts_with('[') { got.split_inclusive(']').next() } else { None };
    match code {
        "" => true,
        "[]" => got_code.is_none(),
        code if code.starts_with('[') && code.ends_with(']') => {
            // A code may hold brackets of its own: try every end.
            let ends = got.match_indices(']').map(|(at, _)| &got[..=at]);
            ends.into_iter().any(|got| matcher::matches(code, got, words))
        }
        text => matcher::matches(text, got, words),
    }
}

/// Text for a report: long parts cut, control characters visible.
fn shown(text: &str) -> String {
    let text = text.trim_end_matches("\r\n");
    let visible: String = text
        .chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect();
    match visible.char_indices().nth(600) {
        Some((cut, _)) => format!("{} … {} characters", &visible[..cut], visible.len()),
        None => visible,
    }
}
