# RFC 6134 §2.9.2
require ["extlists", "date", "enotify"];
if currentdate :list "date"
   "tag:example.com,2011-01-01:localHolidays" {
   notify "xmpp:romeo@im.example.com";
}
