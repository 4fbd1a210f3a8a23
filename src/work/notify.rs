//! Word from other programs on the same store: `sora-admin` tells the daemon what it changed.
//!
//! One datagram on `data_dir/notify.sock` is a version byte and up to `CHANGES_MAX` changes of three
//! big-endian numbers each: account, mailbox, mod-sequence. Losing one is harmless (invariant 8), so
//! nothing is answered and no sender waits. Daemons elsewhere on the same store are told as nodes tell
//! each other.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::changes::MAIL_LEAVES;
use super::{Changes, nodes};
use crate::job::{Change, MailboxKey};
use crate::model::{AccountId, MailboxId, ModSeq};
use crate::store::Store;

const VERSION: u8 = 1;
/// Ends the listener; sent by its own process only, harmless from others with the right to write.
const STOP: u8 = 0;
const CHANGE_BYTES: usize = 24;
/// Changes in one datagram.
const CHANGES_MAX: usize = 100;
const DATAGRAM_BYTES_MAX: usize = 1 + CHANGES_MAX * CHANGE_BYTES;

/// Where the daemon of this store listens.
fn socket_of(data_dir: &Path) -> PathBuf {
    data_dir.join("notify.sock")
}

/// Tells the daemons of this store what was committed, if any are running: the one here, and those
/// of other nodes.
pub fn tell(store: &Store, data_dir: &Path, changes: &[Change]) {
    tell_here(data_dir, changes);
    if store.is_shared() {
        nodes::tell(store, changes);
    }
}

/// Tells whoever sends the mail that leaves that there is some now.
pub fn tell_post(store: &Store, data_dir: &Path) {
    tell(store, data_dir, &[MAIL_LEAVES]);
}

fn tell_here(data_dir: &Path, changes: &[Change]) {
    let Ok(socket) = UnixDatagram::unbound() else { return };
    for changes in changes.chunks(CHANGES_MAX) {
        let mut datagram = vec![VERSION];
        for change in changes {
            let MailboxKey { account, mailbox } = change.mailbox;
            for number in [account.0, mailbox.0, change.mod_seq.0] {
                datagram.extend_from_slice(&number.to_be_bytes());
            }
        }
        if let Err(error) = socket.send_to(&datagram, socket_of(data_dir)) {
            log::debug!("notify: nobody was told: {error}");
            return;
        }
    }
}

/// A thread that listens until this is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    data_dir: PathBuf,
}

impl Listener {
    /// Listens for what other programs change, and publishes it to `changes`. Only the daemon that
    /// holds `data_dir/lock` may: it takes over a socket that is left from before.
    pub(super) fn start(data_dir: &Path, changes: Arc<Changes>) -> io::Result<Self> {
        let path = socket_of(data_dir);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixDatagram::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let thread = std::thread::Builder::new().name("notify".into()).stack_size(128 * 1024);
        thread.spawn(move || listen(&socket, &changes))?;
        Ok(Self { data_dir: data_dir.to_owned() })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let path = socket_of(&self.data_dir);
        let stopped = UnixDatagram::unbound().and_then(|socket| socket.send_to(&[STOP], &path));
        if let Err(error) = stopped {
            log::debug!("notify: the listener was not stopped: {error}");
        }
        let _gone = std::fs::remove_file(&path);
    }
}

fn listen(socket: &UnixDatagram, changes: &Changes) {
    let mut datagram = [0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv(&mut datagram) {
            Ok(bytes) => match datagram.get(..bytes) {
                Some([STOP]) => return,
                Some(datagram) => read(datagram).for_each(|change| changes.publish_here(change)),
                None => {}
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                log::error!("notify: no more word from other programs: {error}");
                return;
            }
        }
    }
}

/// The changes in a datagram; none if it is of another version.
fn read(datagram: &[u8]) -> impl Iterator<Item = Change> + '_ {
    let records = datagram.strip_prefix(&[VERSION]).unwrap_or_default();
    let (numbers, _cut) = records.as_chunks::<8>();
    numbers.chunks_exact(3).filter_map(|record| {
        let [account, mailbox, mod_seq] = record else { return None };
        let mailbox = MailboxKey {
            account: AccountId(i64::from_be_bytes(*account)),
            mailbox: MailboxId(i64::from_be_bytes(*mailbox)),
        };
        Some(Change { mailbox, mod_seq: ModSeq(i64::from_be_bytes(*mod_seq)) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::{Letters, Mailbag};

    #[test] // pitfall 147
    fn what_another_program_changed_wakes_the_watchers() {
        let data_dir = std::env::temp_dir().join(format!("sora-notify-{}", std::process::id()));
        std::fs::create_dir_all(&data_dir).unwrap();
        let mut poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (bell, rung) = crossbeam_channel::bounded(1);
        let (bag, changes) = (Mailbag::new(waker), Arc::new(Changes::default().ringing(bell)));
        let key = |mailbox| MailboxKey { account: AccountId(3), mailbox: MailboxId(mailbox) };
        changes.watch(key(250), &bag);
        std::fs::write(socket_of(&data_dir), b"left by a dead process").unwrap();
        let listener = Listener::start(&data_dir, changes).unwrap();
        let many: Vec<Change> =
            (1..=250).map(|n| Change { mailbox: key(n), mod_seq: ModSeq(n + 1) }).collect();
        tell_here(&data_dir, &many);
        poll.poll(&mut mio::Events::with_capacity(1), None).unwrap();
        let mut letters = Letters::default();
        bag.empty_into(&mut letters);
        assert_eq!(letters.changes.into_iter().collect::<Vec<_>>(), [(key(250), ModSeq(251))]);
        assert!(rung.try_recv().is_err(), "no mail leaves");
        (0..3).for_each(|_| tell_here(&data_dir, &[MAIL_LEAVES]));
        assert_eq!(rung.recv(), Ok(()));
        drop(listener);
        tell_here(&data_dir, &many); // nobody hears, and nothing fails
        assert!(!socket_of(&data_dir).exists());
        std::fs::remove_dir_all(&data_dir).unwrap();
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        let check = |datagram: &[u8], want: usize| assert_eq!(read(datagram).count(), want);
        check(b"", 0);
        check(&[VERSION], 0);
        check(&[&[VERSION][..], &[0; CHANGE_BYTES]].concat(), 1);
        check(&[&[VERSION][..], &[0; CHANGE_BYTES * 2 - 1]].concat(), 1);
        check(&[&[VERSION + 1][..], &[0; CHANGE_BYTES]].concat(), 0);
    }
}
