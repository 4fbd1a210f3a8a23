"""imaplib and smtplib: a session with one of everything. Arguments: IMAP port, LMTP port, user, password."""

import imaplib
import smtplib
import sys
import time

imap_port, lmtp_port, user, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


imap = imaplib.IMAP4("127.0.0.1", imap_port, timeout=30)
assert "IMAP4REV1" in imap.capabilities, imap.capabilities
ok(imap.login(user, password))
assert ok(imap.select("INBOX")) == [b"3"]
assert ok(imap.search(None, "ALL")) == [b"1 2 3"]
assert ok(imap.uid("SEARCH", "SUBJECT", '"Message 2"')) == [b"2"]
data = ok(imap.fetch("2", "(RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
assert b"Subject: Message 2" in data[0][1], data
assert b"\\Seen" in ok(imap.store("1", "+FLAGS", "\\Seen"))[0]
ok(imap.create("Projects/2024"))
ok(imap.copy("1:2", "Projects/2024"))
assert ok(imap.status("Projects/2024", "(MESSAGES UNSEEN)")) == [b"Projects/2024 (MESSAGES 2 UNSEEN 1)"]
message = b"Subject: appended\r\n\r\nby imaplib\r\n"
ok(imap.append("INBOX", "(\\Draft)", imaplib.Time2Internaldate(time.time()), message))
ok(imap.noop())
assert ok(imap.fetch("4", "(BODY[])"))[0][1] == message
ok(imap.store("4", "+FLAGS", "\\Deleted"))
assert ok(imap.expunge()) == [b"4"]
with smtplib.LMTP("127.0.0.1", lmtp_port) as lmtp:
    refused = lmtp.sendmail("a@example.org", [user, "nobody@example.com"], "Subject: sent\r\n\r\n.dot\r\n")
assert list(refused) == ["nobody@example.com"], refused
ok(imap.noop())
assert ok(imap.fetch("4", "(BODY.PEEK[TEXT])"))[0][1] == b".dot\r\n"
ok(imap.xatom("SETMETADATA", "INBOX", '(/private/comment "Mine" /shared/comment NIL)'))
ok(imap.xatom("GETMETADATA", "INBOX", "(/private/comment /shared/comment)"))
annotations = imap.response("METADATA")[1]
assert annotations == [b'INBOX (/private/comment "Mine" /shared/comment NIL)'], annotations
assert any(b"Projects/2024" in line for line in ok(imap.list()))
ok(imap.close())
imap.logout()
print("done")
