//! Settings whose effect only the whole server shows.

use crate::support::connection::Connection;
use crate::support::home::Home;
use crate::support::server::Server;

const USER: &str = "me@example.com";

/// A server with an account, and more lines in a section.
fn server(section: &str, lines: &str) -> Server {
    let home = Home::new("", "");
    home.reconfigure(&format!("[{section}]\n"), &format!("[{section}]\n{lines}\n"));
    home.create_account(USER, "secret");
    Server::with(home)
}

/// Logs in by POP3; what was said to the password.
fn pop3(server: &Server) -> (Connection, String) {
    let mut connection = Connection::open(server.pop3(), true).expect("POP3");
    connection.reply().expect("a greeting");
    connection.ask(&format!("USER {USER}")).expect("+OK");
    let said = connection.ask("PASS secret").expect("an answer");
    (connection, said)
}

#[test] // RFC 1939 §4, RFC 2449 §8.1.2
fn an_exclusive_maildrop_is_for_one_session() {
    let server = server("servers.pop3", "exclusive = true");
    let (mut first, said) = pop3(&server);
    assert!(said.starts_with("+OK"), "{said}");
    let (second, said) = pop3(&server);
    assert!(said.starts_with("-ERR [IN-USE] "), "{said}");
    drop(second);
    assert!(first.ask("QUIT").expect("an answer").starts_with("+OK"));
    let (_third, said) = pop3(&server);
    assert!(said.starts_with("+OK"), "{said}");
    server.stop();
}

#[test]
fn a_maildrop_is_for_several_if_nothing_is_set() {
    let server = server("servers.pop3", "");
    let [(_, one), (_, two)] = [pop3(&server), pop3(&server)];
    assert!(one.starts_with("+OK") && two.starts_with("+OK"), "{one} {two}");
    server.stop();
}

#[test] // RFC 5804 §1.3, §2.6
fn an_account_has_as_many_scripts_as_are_allowed() {
    let server = server("servers.managesieve", "max_scripts = 2");
    let sieve = Connection::managesieve(server.managesieve(), USER, "secret");
    let mut sieve = sieve.expect("a login");
    for name in ["one", "two", "one"] {
        sieve.must_sieve(&format!("PUTSCRIPT \"{name}\" \"keep;\"")).expect("stored");
    }
    for command in ["PUTSCRIPT \"three\" \"keep;\"", "HAVESPACE \"three\" 10"] {
        let refused = sieve.must_sieve(command).expect_err("no room").to_string();
        assert!(refused.contains("NO (QUOTA/MAXSCRIPTS) "), "{refused}");
    }
    sieve.must_sieve("DELETESCRIPT \"two\"").expect("deleted");
    sieve.must_sieve("PUTSCRIPT \"three\" \"keep;\"").expect("stored");
    server.stop();
}
