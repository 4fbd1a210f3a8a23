//! curl: FETCH, any command, APPEND, STARTTLS and IMAPS.

use super::{PASSWORD, Place, USER};
use crate::support::messages;
use crate::support::program;

#[test]
fn curl_reads_and_appends() {
    let Some(curl) = program::find("curl") else { return };
    let place = Place::new(2);
    let (imap, imaps) = (place.server.imap(), place.server.imaps());
    let user = format!("{USER}:{PASSWORD}");
    let run = |args: &[&str]| {
        let common = ["--silent", "--show-error", "--max-time", "60", "--user", &user];
        program::run(&curl, place.folder(), &[&common[..], args].concat())
    };
    let url = |rest: &str| format!("imap://{imap}/{rest}");

    let list = run(&[&url("")]).ok().text();
    assert!(list.contains("\"/\" INBOX"), "{list}");
    let body = run(&[&url("INBOX;UID=2")]).ok().said;
    assert!(body.ends_with(&messages::small(2)), "{}", String::from_utf8_lossy(&body));
    let flags = run(&["-X", "FETCH 1:* (UID FLAGS)", &url("INBOX")]).ok().text();
    assert!(flags.contains("* 1 FETCH (UID 1 FLAGS ())"), "{flags}");

    let file = place.folder().join("new.eml");
    std::fs::write(&file, messages::small(9)).expect("a file");
    let file = file.display().to_string();
    run(&["-T", &file, &url("Drafts")]).ok();
    let appended = run(&[&url("Drafts;UID=1")]).ok().said;
    assert_eq!(String::from_utf8_lossy(&appended), String::from_utf8_lossy(&messages::small(9)));

    let secure = format!("imaps://{imaps}/INBOX;UID=1");
    let body = run(&["--insecure", &secure]).ok().said;
    assert!(body.ends_with(&messages::small(1)));
    let body = run(&["--insecure", "--ssl-reqd", &url("INBOX;UID=1;SECTION=TEXT")]).ok().text();
    assert_eq!(body, "This is the body of message 1.\r\n");

    let wrong = format!("{USER}:wrong");
    let refused =
        program::run(&curl, place.folder(), &["--silent", "--user", &wrong, &url("INBOX")]);
    assert!(!refused.is_success, "a wrong password was taken");
    place.stop();
}
