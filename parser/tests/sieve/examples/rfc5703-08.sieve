# RFC 5703 §9.2
#! 12:8 expected a command, a test or an argument, found "!"
#! 12:62 expected a command, a test or an argument, found "."
#! 14:63 expected a command, a test or an argument, found "."
#! 16:45 expected ";", found ","
#! 18:15 expected a command, a test or an argument, found "."
#! 20:1 expected a command, a test or an argument, found "."
require [ "foreverypart", "mime", "enclose" ];

foreverypart
{
  if header :mime :param "filename"
     :matches ["Content-Type", "Content-Disposition"]
       ["*.com", "*.exe", "*.vbs", "*.scr",
        "*.pif", "*.hta", "*.bat", "*.zip" ]
  {
    # these attachment types are executable
    enclose :subject "Warning" :text
WARNING! The enclosed message contains executable attachments.
These attachment types may contain a computer virus program
that can infect your computer and potentially damage your data.

Before clicking on these message attachments, you should verify
with the sender that this message was sent by them and not a
computer virus.

.
;
    break;
  }
}
