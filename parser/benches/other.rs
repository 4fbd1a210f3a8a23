//! What a line of POP3, LMTP and ManageSieve costs, and a Sieve script: `make bench-parts`.

use std::fmt::Write;
use std::hint::black_box;

use parser::managesieve::Limits;
use parser::{Line, Lines, lmtp, managesieve, pop3, proxy, sieve};
use table::{Asked, Table, Task};

fn main() {
    let asked = Asked::from_args();
    let mut table =
        Table::new(&asked, "POP3, LMTP, ManageSieve, PROXY: a line framed and read.", &[]);
    for line in ["NOOP\r\n", "USER me@example.com\r\n", "RETR 231\r\n", "TOP 231 10\r\n"] {
        let input = line.as_bytes();
        table.line(
            &format!("POP3 {}", line.trim_ascii()),
            input.len(),
            Task::new(input, pop3),
            vec![],
        );
    }
    for line in [
        "RSET\r\n",
        "MAIL FROM:<bounce+12345@lists.example.org> BODY=8BITMIME SIZE=48213\r\n",
        "RCPT TO:<me@example.com>\r\n",
        "BDAT 48213 LAST\r\n",
    ] {
        let input = line.as_bytes();
        let name = line.split(' ').next().unwrap_or_default().trim_ascii();
        table.line(&format!("LMTP {name}"), input.len(), Task::new(input, lmtp), vec![]);
    }
    for line in ["NOOP\r\n", "LISTSCRIPTS\r\n", "PUTSCRIPT \"main\" {7+}\r\nkeep;\r\n\r\n"] {
        let input = line.as_bytes();
        let name = line.split([' ', '\r']).next().unwrap_or_default();
        let task = Task::new(input, managesieve);
        table.line(&format!("ManageSieve {name}"), input.len(), task, vec![]);
    }
    let header = b"PROXY TCP4 192.0.2.1 198.51.100.7 51432 993\r\n";
    table.line(
        "PROXY",
        header.len(),
        Task::new(header, |input| proxy::header(input).is_ok()),
        vec![],
    );

    let mut table = Table::new(&asked, "Sieve: a script compiled into a checked tree.", &[]);
    for rules in [5, 200] {
        let script = script(rules);
        let task = Task::new(script.as_bytes(), |script| {
            sieve::compile(script, sieve::Capabilities::ALL).is_ok_and(|script| {
                black_box(&script);
                true
            })
        });
        table.line(&format!("{rules} rules"), script.len(), task, vec![]);
    }
}

fn pop3(line: &[u8]) -> bool {
    let framed = Lines::new().next(line, pop3::COMMAND_BYTES_MAX);
    framed == Line::Complete { bytes: line.len() } && pop3::command(line).is_ok()
}

fn lmtp(line: &[u8]) -> bool {
    lmtp::line(line).is_some_and(|(line, _)| lmtp::command(line).is_ok())
}

fn managesieve(line: &[u8]) -> bool {
    let limits = Limits { line_bytes_max: 8_192, frame_bytes_max: 65_536 };
    let framed = managesieve::Framer::new().next(line, &limits);
    framed == managesieve::Frame::Complete { bytes: line.len() }
        && managesieve::command(line).is_ok()
}

/// Rules as a webmail writes them.
fn script(rules: usize) -> String {
    let mut script = "require [\"fileinto\", \"imap4flags\", \"envelope\"];\n".to_owned();
    for rule in 0..rules {
        write!(
            script,
            "# rule:[List {rule}]\n\
             if anyof (header :contains [\"List-Id\", \"X-List\"] \"list{rule}.example.org\",\n\
             \x20         envelope :is \"from\" \"bounce{rule}@example.org\")\n\
             {{\n\tfileinto \"Lists/{rule}\";\n\taddflag \"\\\\Seen\";\n\tstop;\n}}\n"
        )
        .expect("a String takes all");
    }
    script
}
