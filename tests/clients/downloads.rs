//! Programs that fetch mail, or sort it on the server.

use super::{PASSWORD, Place, USER, getmailrc, maildir, new_maildir, private};
use crate::support::messages;
use crate::support::program;

#[test]
fn getmail_fetches_everything_once() {
    let Some(getmail) = program::find("getmail") else { return };
    let place = Place::new(4);
    let mail = new_maildir(&place);
    let port = place.server.imap().port();
    let args = getmailrc(&place, &mail, "SimpleIMAPRetriever", port, false);
    let args = args.each_ref().map(String::as_str);
    for _ in 0..2 {
        program::run(&getmail, place.folder(), &args).ok();
        assert_eq!(maildir(&mail).len(), 4);
    }
    place.deliver(5, 5);
    program::run(&getmail, place.folder(), &args).ok();
    assert_eq!(maildir(&mail).len(), 5);
    place.stop();
}

#[test]
fn fetchmail_hands_on_and_deletes() {
    let Some(fetchmail) = program::find("fetchmail") else { return };
    let place = Place::new(3);
    let got = place.folder().join("got");
    let text = format!(
        "poll 127.0.0.1 service {} protocol IMAP auth password\n  username \"{USER}\" password \
         \"{PASSWORD}\" fetchall nokeep sslproto ''\n  mda \"/bin/cat >> {}\"\n",
        place.server.imap().port(),
        got.display()
    );
    let rc = place.folder().join("fetchmailrc");
    std::fs::write(&rc, text).expect("a configuration");
    private(&rc);
    let rc = rc.display().to_string();
    let pid = place.folder().join("fetchmail.pid").display().to_string();
    program::run(&fetchmail, place.folder(), &["-f", &rc, "--pidfile", &pid, "--nosyslog"]).ok();
    let got = std::fs::read_to_string(&got).expect("what it handed on");
    assert_eq!(got.matches("This is the body of message").count(), 3, "{got}");
    assert_eq!(place.flags("INBOX").len(), 0, "fetched mail is deleted");
    place.stop();
}

#[test]
fn imapfilter_sorts_on_the_server() {
    let Some(imapfilter) = program::find("imapfilter") else { return };
    let place = Place::new(4);
    let text = format!(
        "options.starttls = false\noptions.certificates = false\noptions.timeout = 30\n\
         options.create = true\noptions.subscribe = true\n\
         account = IMAP {{ server = '127.0.0.1', port = {}, username = '{USER}', \
         password = '{PASSWORD}' }}\n\
         two = account.INBOX:contain_subject('Message 2')\n\
         two:copy_messages(account['Sorted'])\n\
         three = account.INBOX:contain_from('sender3') * account.INBOX:is_unseen()\n\
         three:move_messages(account['Sorted'])\n\
         four = account.INBOX:contain_body('message 4')\n\
         four:mark_flagged()\n\
         exist, unread = account['Sorted']:check_status()\n\
         assert(exist == 2, 'Sorted has ' .. tostring(exist))\n",
        place.server.imap().port()
    );
    std::fs::write(place.folder().join("rc.lua"), text).expect("a script");
    program::run(&imapfilter, place.folder(), &["-c", "rc.lua"]).ok();
    assert_eq!(place.flags("Sorted").len(), 2);
    let flags = place.flags("INBOX");
    assert_eq!(flags.keys().copied().collect::<Vec<_>>(), [1, 2, 4], "{flags:?}");
    assert!(flags.get(&4).is_some_and(|flags| flags.contains("\\Flagged")), "{flags:?}");
    place.stop();
}

#[test]
fn msmtp_delivers_over_lmtp() {
    let Some(msmtp) = program::find("msmtp") else { return };
    let place = Place::new(0);
    let port = format!("--port={}", place.server.lmtp().port());
    let args = [
        "--protocol=lmtp",
        "--host=127.0.0.1",
        &port,
        "--from=sender@example.org",
        "--auth=off",
        "--tls=off",
        USER,
    ];
    program::run_with(&msmtp, place.folder(), &args, &[], &messages::small(1)).ok();
    assert_eq!(place.flags("INBOX").len(), 1);
    place.stop();
}
