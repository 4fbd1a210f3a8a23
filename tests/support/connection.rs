//! A tiny client of IMAP and LMTP: blocking, with a timeout on every read, and no opinion.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::tls;
use super::wire::response_bytes;

/// After so long a server is taken for dead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    /// The socket, for as long as TLS has not taken it.
    plain: Option<TcpStream>,
    unread: Vec<u8>,
    lmtp: bool,
    tags: u32,
}

/// What came of an IMAP command.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Every untagged response, whole, without its last CRLF.
    pub(crate) untagged: Vec<Vec<u8>>,
    /// The tagged line without its tag.
    pub(crate) tagged: String,
}

impl Answer {
    /// True if the command was carried out.
    pub(crate) fn is_ok(&self) -> bool {
        self.tagged.starts_with("OK")
    }
}

impl Connection {
    /// Connects; nothing is read yet.
    pub(crate) fn open(address: SocketAddr, lmtp: bool) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let plain = Some(stream.try_clone()?);
        Ok(Self { stream: Box::new(stream), plain, unread: Vec::new(), lmtp, tags: 0 })
    }

    /// An IMAP connection, logged in.
    pub(crate) fn imap(address: SocketAddr, user: &str, password: &str) -> io::Result<Self> {
        let mut connection = Self::open(address, false)?;
        connection.response()?;
        connection.must(&format!("LOGIN \"{user}\" \"{password}\""))?;
        Ok(connection)
    }

    /// An LMTP connection, after LHLO.
    pub(crate) fn lmtp(address: SocketAddr) -> io::Result<Self> {
        let mut connection = Self::open(address, true)?;
        connection.response()?;
        connection.ask("LHLO client.example.org")?;
        Ok(connection)
    }

    /// A ManageSieve connection, logged in.
    pub(crate) fn managesieve(address: SocketAddr, user: &str, password: &str) -> io::Result<Self> {
        let mut connection = Self::open(address, false)?;
        while !connection.response()?.starts_with(b"OK") {}
        let plain = super::base64::encode(format!("\0{user}\0{password}").as_bytes());
        connection.must_sieve(&format!("AUTHENTICATE \"PLAIN\" \"{plain}\""))?;
        Ok(connection)
    }

    /// A ManageSieve command that must be answered OK.
    pub(crate) fn must_sieve(&mut self, text: &str) -> io::Result<()> {
        self.send(format!("{text}\r\n").as_bytes())?;
        loop {
            let response = self.response()?;
            if response.starts_with(b"OK") {
                return Ok(());
            }
            if response.starts_with(b"NO") || response.starts_with(b"BYE") {
                let said = String::from_utf8_lossy(&response).into_owned();
                return Err(io::Error::other(format!("{text}: {said}")));
            }
        }
    }

    /// TLS from here on.
    pub(crate) fn start_tls(&mut self) {
        let plain = self.plain.take().expect("TLS starts once");
        self.stream = Box::new(tls::start(plain));
    }

    /// Bytes to the server.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Whatever comes next; empty at the end of the connection.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 64 * 1024];
        let length = self.stream.read(&mut buffer)?;
        buffer.truncate(length);
        Ok(buffer)
    }

    /// The next response without its last CRLF.
    pub(crate) fn response(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            // A large literal is not searched again for every packet of it.
            if self.unread.len() >= searched {
                if let Some(length) = response_bytes(&self.unread, self.lmtp) {
                    let mut bytes: Vec<u8> = self.unread.drain(..length).collect();
                    bytes.truncate(length - 2);
                    return Ok(bytes);
                }
                searched = self.unread.len() + 1;
            }
            let bytes = self.receive()?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.unread.extend_from_slice(&bytes);
        }
    }

    /// Sends an IMAP command and reads to its tagged line.
    pub(crate) fn command(&mut self, text: &str) -> io::Result<Answer> {
        self.tags += 1;
        self.send(format!("t{} {text}\r\n", self.tags).as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let tag = format!("t{} ", self.tags);
        let mut untagged = Vec::new();
        loop {
            let response = self.response()?;
            match response.strip_prefix(tag.as_bytes()) {
                Some(text) => {
                    let tagged = String::from_utf8_lossy(text).into_owned();
                    return Ok(Answer { untagged, tagged });
                }
                None => untagged.push(response),
            }
        }
    }

    /// The same for a command that has to succeed.
    pub(crate) fn must(&mut self, text: &str) -> io::Result<Answer> {
        let answer = self.command(text)?;
        match answer.is_ok() {
            true => Ok(answer),
            false => Err(io::Error::other(format!("{text}: {}", answer.tagged))),
        }
    }

    /// APPEND with a literal that does not wait.
    pub(crate) fn append(&mut self, mailbox: &str, message: &[u8]) -> io::Result<Answer> {
        self.tags += 1;
        let head = format!("t{} APPEND \"{mailbox}\" {{{}+}}\r\n", self.tags, message.len());
        self.send(&[head.as_bytes(), message, b"\r\n"].concat())?;
        self.answer()
    }

    /// `BODY[]` of a message, and its RFC822.SIZE.
    pub(crate) fn fetch_body(&mut self, uid: u32) -> io::Result<(Vec<u8>, usize)> {
        let answer = self.must(&format!("UID FETCH {uid} (RFC822.SIZE BODY.PEEK[])"))?;
        let [response] = &answer.untagged[..] else {
            return Err(io::Error::other(format!(
                "UID {uid}: {} responses",
                answer.untagged.len()
            )));
        };
        let end = response.windows(2).position(|two| two == b"\r\n").unwrap_or(response.len());
        let head = String::from_utf8_lossy(&response[..end]).into_owned();
        let number = |name: &str, after: &[char]| {
            let text = head.split_once(name)?.1.split(after).next()?;
            text.parse::<usize>().ok()
        };
        let size = number("RFC822.SIZE ", &[' ', ')']);
        let length = number("BODY[] {", &['}']).or_else(|| number("BODY[] ~{", &['}']));
        let (Some(size), Some(length)) = (size, length) else {
            return Err(io::Error::other(format!("UID {uid}: {head}")));
        };
        Ok((response[end + 2..end + 2 + length].to_vec(), size))
    }

    /// Sends one LMTP line and reads its reply, all lines of it.
    pub(crate) fn ask(&mut self, line: &str) -> io::Result<String> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// The next LMTP reply; its last line counts.
    pub(crate) fn reply(&mut self) -> io::Result<String> {
        loop {
            let line = String::from_utf8_lossy(&self.response()?).into_owned();
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }

    /// One transaction; a reply for each recipient that was accepted.
    pub(crate) fn deliver(&mut self, to: &[&str], message: &[u8]) -> io::Result<Vec<String>> {
        let mut replies = Vec::new();
        self.deliver_into(to, message, &mut replies)?;
        Ok(replies)
    }

    /// The same; `replies` has what came before the connection broke.
    pub(crate) fn deliver_into(
        &mut self,
        to: &[&str],
        message: &[u8],
        replies: &mut Vec<String>,
    ) -> io::Result<()> {
        self.ask("MAIL FROM:<sender@example.org>")?;
        let mut accepted = 0;
        for address in to {
            let reply = self.ask(&format!("RCPT TO:<{address}>"))?;
            accepted += usize::from(reply.starts_with("250"));
        }
        let reply = self.ask("DATA")?;
        if !reply.starts_with("354") {
            return Err(io::Error::other(reply));
        }
        self.send(&dotted(message))?;
        for _ in 0..accepted {
            replies.push(self.reply()?);
        }
        Ok(())
    }
}

/// With the dots and the end that DATA wants (RFC 5321 §4.5.2). A message that does not end with
/// CRLF gets one.
fn dotted(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 100);
    let mut starts_line = true;
    for (at, byte) in message.iter().enumerate() {
        if starts_line && *byte == b'.' {
            bytes.push(b'.');
        }
        bytes.push(*byte);
        starts_line = *byte == b'\n' && at > 0 && message[at - 1] == b'\r';
    }
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}
