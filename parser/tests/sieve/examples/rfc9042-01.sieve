# RFC 9042 §3
require "mailboxid";
