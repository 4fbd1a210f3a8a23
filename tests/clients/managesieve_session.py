"""sievelib and managesieve: a session of each. Arguments: ManageSieve port, ManageSieve port, user, password."""

import sys

import managesieve
from sievelib.managesieve import Client

port, user, password = int(sys.argv[1]), sys.argv[3], sys.argv[4]

SCRIPT = 'require ["fileinto"];\r\nif header :contains "Subject" "\u00fc" {\r\n    fileinto "Lists";\r\n}\r\n'

client = Client("127.0.0.1", port)
assert client.connect(user, password, starttls=False, authmech="PLAIN"), client.errmsg
assert client.get_implementation() == "Sora"
assert "fileinto" in client.get_sieve_capabilities()
assert client.havespace("main", 1000)
assert not client.havespace("main", 1 << 30)
assert client.putscript("main", SCRIPT), client.errmsg
assert client.getscript("main").rstrip() == SCRIPT.rstrip().replace("\r\n", "\n") or client.getscript("main") == SCRIPT
assert client.setactive("main")
assert client.listscripts() == ("main", [])
assert not client.putscript("main", 'fileinto "x";')
assert b"line 1, column 1" in client.errmsg, client.errmsg
assert client.checkscript(SCRIPT)
assert client.renamescript("main", "renamed")
active, _ = client.listscripts()
assert active == "renamed", active
assert not client.deletescript(active)
assert client.setactive("")
assert client.deletescript(active)
client.logout()

other = managesieve.MANAGESIEVE("127.0.0.1", port, timeout=30)
assert other.login("", user, password) == "OK"
assert other.putscript("second", "keep;\r\n") == "OK"
assert other.getscript("second") == ("OK", "keep;\r\n"), other.getscript("second")
assert other.setactive("second") == "OK"
typ, scripts = other.listscripts()
assert typ == "OK" and ("second", True) in scripts, scripts
assert other.deletescript("second") == "NO"
assert other.setactive("") == "OK"
assert other.deletescript("second") == "OK"
other.logout()
print("done")
