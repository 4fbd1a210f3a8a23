//! mutt in a terminal that nobody looks at.

use super::{PASSWORD, Place, USER};
use crate::support::program;

#[test]
fn mutt_flags_and_saves() {
    let (Some(_mutt), Some(script)) = (program::find("mutt"), program::find("script")) else {
        return;
    };
    let place = Place::new(3);
    let imap = place.server.imap();
    let text = format!(
        "set imap_user = '{USER}'\nset imap_pass = '{PASSWORD}'\nset folder = 'imap://{imap}/'\n\
         set spoolfile = '+INBOX'\nset ssl_starttls = no\nset ssl_force_tls = no\n\
         set quit = yes\nset confirmappend = no\nset confirmcreate = no\nset delete = yes\n\
         set move = no\nset wait_key = no\nset mark_old = no\nunset beep\n\
         push '<first-entry><flag-message><save-message>=Archive<enter>\
         <sync-mailbox><last-entry><display-message><exit><quit>'\n"
    );
    std::fs::write(place.folder().join("muttrc"), text).expect("a configuration");
    let args = ["-qec", "mutt -n -F muttrc", "/dev/null"];
    let ended = program::run(&script, place.folder(), &args).ok();
    let flags = place.flags("INBOX");
    assert_eq!(flags.keys().copied().collect::<Vec<_>>(), [1, 3], "{flags:?} {}", ended.text());
    assert!(flags.get(&1).is_some_and(|flags| flags.contains("\\Flagged")), "{flags:?}");
    assert!(flags.get(&3).is_some_and(|flags| flags.contains("\\Seen")), "{flags:?}");
    assert_eq!(place.flags("Archive").len(), 1);
    place.stop();
}
