# RFC 5232 §3.2
# needs imap4flags variables
addflag "flagvar" ["\\Deleted", "\\Answered"];
