"""poplib: a session with one of everything. Arguments: POP3 port, POP3S port, user, password."""

import poplib
import ssl
import sys

pop3_port, pop3s_port, user, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]

trusting = ssl.create_default_context()
trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE


def refused(call, *arguments):
    try:
        call(*arguments)
    except poplib.error_proto as error:
        return str(error)
    raise AssertionError(f"{call} was not refused")


pop = poplib.POP3("127.0.0.1", pop3_port, timeout=30)
capabilities = pop.capa()
for wanted in ["TOP", "UIDL", "USER", "STLS", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8", "LANG"]:
    assert wanted in capabilities, capabilities
assert capabilities["SASL"] == ["PLAIN"], capabilities
assert "[AUTH]" in (refused(pop.pass_, "wrong") if pop.user(user) else "")
pop.user(user)
pop.pass_(password)
assert pop.stat()[0] == 3
sizes = [int(line.split()[1]) for line in pop.list()[1]]
assert sum(sizes) == pop.stat()[1], (sizes, pop.stat())
ids = [line.split()[1] for line in pop.uidl()[1]]
assert len(set(ids)) == 3
for number in range(1, 4):
    lines = pop.retr(number)[1]
    assert lines[-1] == b"This is the body of message %d." % number, lines
    assert sum(len(line) + 2 for line in lines) == sizes[number - 1]
    assert pop.top(number, 0)[1] == lines[: lines.index(b"") + 1]
refused(pop.retr, 4)
pop.dele(2)
refused(pop.dele, 2)
pop.rset()
pop.dele(3)
pop.quit()

pop = poplib.POP3("127.0.0.1", pop3_port, timeout=30)
pop.stls(trusting)
pop.utf8()
pop.user(user)
pop.pass_(password)
assert [line.split()[1] for line in pop.uidl()[1]] == ids[:2]
pop.dele(1)
pop.close()  # without QUIT: nothing is deleted

pop = poplib.POP3_SSL("127.0.0.1", pop3s_port, timeout=30, context=trusting)
pop.user(user)
pop.pass_(password)
assert pop.stat()[0] == 2
pop.quit()
print("done")
