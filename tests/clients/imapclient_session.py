"""imapclient: folders, flags, MOVE, IDLE. Arguments: IMAP port, LMTP port, user, password."""

import datetime
import smtplib
import sys

from imapclient import DELETED, SEEN, IMAPClient

imap_port, lmtp_port, user, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]

with IMAPClient("127.0.0.1", imap_port, ssl=False, timeout=30) as imap:
    imap.login(user, password)
    assert imap.namespace().personal[0] == ("", "/"), imap.namespace()
    for capability in (b"IDLE", b"MOVE", b"UIDPLUS", b"CONDSTORE", b"SPECIAL-USE"):
        assert imap.has_capability(capability.decode()), capability
    assert imap.find_special_folder(b"\\Trash") == "Trash"
    folder = imap.select_folder("INBOX")
    assert folder[b"EXISTS"] == 3 and folder[b"UIDNEXT"] == 4, folder
    data = imap.fetch([1, 2], ["ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE", "RFC822.SIZE", "FLAGS"])
    assert data[1][b"ENVELOPE"].subject == b"Message 1", data[1]
    assert not data[1][b"BODYSTRUCTURE"].is_multipart
    assert isinstance(data[1][b"INTERNALDATE"], datetime.datetime)
    imap.create_folder("Entwürfe & Grüße")
    assert "Entwürfe & Grüße" in [name for _, _, name in imap.list_folders()]
    imap.move([1], "Entwürfe & Grüße")
    assert imap.search() == [2, 3]
    assert imap.folder_status("Entwürfe & Grüße", ["MESSAGES"])[b"MESSAGES"] == 1
    assert SEEN in imap.add_flags([2], [SEEN])[2]
    imap.idle()
    with smtplib.LMTP("127.0.0.1", lmtp_port) as lmtp:
        lmtp.sendmail("a@example.org", [user], "Subject: while idling\r\n\r\n")
    seen = imap.idle_check(timeout=20)
    assert (3, b"EXISTS") in seen, seen
    imap.idle_done()
    assert imap.search(["SUBJECT", "while idling"]) == [4]
    imap.add_flags([4], [DELETED])
    imap.uid_expunge([4])
    assert imap.search("ALL") == [2, 3]
    imap.rename_folder("Entwürfe & Grüße", "Anders")
    imap.delete_folder("Anders")
    imap.unselect_folder()
print("done")
