//! A session without a connection: what `net` does around a session, with a script in its place.

use sora::job::{Change, Job, Reply};
use sora::session::{Event, Next, Output, Session, Standing, Step};

/// What the session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// For bytes.
    Input,
    /// For the reply to [`Driver::job`].
    Reply,
    /// For a TLS handshake.
    Tls,
    /// For nothing any more.
    Closed,
}

/// A session, what is on its way to it, and what it said.
pub(crate) struct Driver {
    session: Session,
    input: Vec<u8>,
    /// Written by the session and not taken yet.
    pub(crate) output: Vec<u8>,
    waits: Waits,
    job: Option<Job>,
    changed: Vec<Change>,
}

impl Driver {
    /// Opens the session; its greeting is in `output`.
    pub(crate) fn open(session: Session) -> Self {
        let (input, output) = (Vec::new(), Vec::new());
        let mut driver =
            Self { session, input, output, waits: Waits::Input, job: None, changed: Vec::new() };
        driver.step(Event::Opened);
        driver
    }

    /// What it waits for.
    pub(crate) fn waits(&self) -> Waits {
        self.waits
    }

    /// What `net` reads off it.
    pub(crate) fn standing(&self) -> Standing {
        self.session.standing()
    }

    /// The job that is out, to be run by the caller.
    pub(crate) fn take_job(&mut self) -> Option<Job> {
        self.job.take()
    }

    /// Bytes from the peer. While a job is out they wait (invariant 3).
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.waits == Waits::Closed {
            return;
        }
        self.input.extend_from_slice(bytes);
        if self.waits == Waits::Input {
            self.read();
        }
    }

    /// The reply to the job that is out.
    pub(crate) fn reply(&mut self, reply: Reply) {
        assert_eq!(self.waits, Waits::Reply, "a reply to nobody");
        self.waits = Waits::Input;
        self.step(Event::Reply(reply));
    }

    /// The watched mailbox changed; while a job is out, one mark of each is kept.
    pub(crate) fn changed(&mut self, change: Change) {
        let mine = self.standing().watches.contains(&Some(change.mailbox));
        match self.waits {
            Waits::Input if mine => self.step(Event::Changed(change)),
            Waits::Reply => match self.changed.iter_mut().find(|old| old.mailbox == change.mailbox)
            {
                Some(old) => old.mod_seq = old.mod_seq.max(change.mod_seq),
                None => self.changed.push(change),
            },
            _ => {}
        }
    }

    /// The handshake is done.
    pub(crate) fn tls_started(&mut self) {
        assert_eq!(self.waits, Waits::Tls, "nobody asked for TLS");
        self.waits = Waits::Input;
        self.step(Event::TlsStarted);
    }

    /// Timeout or shutdown.
    pub(crate) fn interrupt(&mut self, event: Event<'_>) {
        self.step(event);
    }

    fn step(&mut self, event: Event<'_>) {
        let step = self.run(event);
        assert_eq!(step.consumed, 0, "bytes consumed of an event that has none");
        self.obey(step.next);
        if self.waits == Waits::Input {
            self.catch_up();
            self.read();
        }
    }

    /// Hands over the marks that were kept while a job was out.
    fn catch_up(&mut self) {
        while self.waits == Waits::Input
            && let Some(change) = self.changed.pop()
        {
            if self.standing().watches.contains(&Some(change.mailbox)) {
                let step = self.run(Event::Changed(change));
                self.obey(step.next);
            }
        }
    }

    fn read(&mut self) {
        while self.waits == Waits::Input && !self.input.is_empty() {
            let input = std::mem::take(&mut self.input);
            let step = self.run(Event::Input(&input));
            assert!(step.consumed <= input.len(), "more consumed than there was");
            self.input = input[step.consumed..].to_vec();
            let progress = step.consumed > 0 || !matches!(step.next, Next::Read);
            self.obey(step.next);
            if self.waits == Waits::Input {
                self.catch_up();
            }
            if !progress {
                break;
            }
        }
    }

    fn run(&mut self, event: Event<'_>) -> Step {
        let mut out = Output::new();
        let step = self.session.step(event, &mut out);
        self.output.extend_from_slice(out.bytes());
        step
    }

    fn obey(&mut self, mut next: Next) {
        while matches!(next, Next::Drain) {
            next = self.run(Event::Drained).next; // our peer is quick
        }
        self.waits = match next {
            Next::Read | Next::Drain => Waits::Input,
            Next::Run(job) => {
                self.job = Some(*job);
                Waits::Reply
            }
            Next::StartTls => {
                self.input.clear(); // pitfall 60
                Waits::Tls
            }
            Next::Close => Waits::Closed,
        };
    }
}
