//! Programs that deliver.

use super::{Place, USER};
use crate::support::messages;
use crate::support::program;

#[test]
fn swaks_delivers_over_lmtp() {
    let Some(swaks) = program::find("swaks") else { return };
    let place = Place::new(0);
    let server = place.server.lmtp();
    std::fs::write(place.folder().join("mail"), messages::small(7)).expect("a message");
    let port = server.port().to_string();
    let to = format!("{USER},nobody@example.com");
    let common =
        ["--protocol", "LMTP", "--server", "127.0.0.1", "--port", &port, "--data", "@mail"];
    let one = ["--from", "sender@example.org", "--to", USER];
    program::run(&swaks, place.folder(), &[&common[..], &one].concat()).ok();
    let two = ["--from", "<>", "--to", &to];
    let ended = program::run(&swaks, place.folder(), &[&common[..], &two].concat());
    assert!(ended.text().contains("550 5.1.1"), "{}", ended.text());
    assert_eq!(place.flags("INBOX").len(), 2, "{}", ended.text());
    let (body, _) = place.fetch(1);
    let body = String::from_utf8(body).expect("text");
    assert!(body.contains("Return-Path: <sender@example.org>\r\n"), "{body}");
    assert!(body.contains("This is the body of message 7."), "{body}");
    place.stop();
}
