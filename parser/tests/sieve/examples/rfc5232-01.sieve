# RFC 5232 §3.1
# needs imap4flags
if size :over 500K {
    setflag "\\Deleted";
}
