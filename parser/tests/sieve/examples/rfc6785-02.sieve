# RFC 6785 §5
require ["copy", "environment", "imapsieve"];

if anyof (environment :is "imap.cause" "APPEND",
          environment :is "imap.cause" "COPY")  {
    if environment :is "imap.mailbox" "ActionItems" {
        redirect :copy "actionitems@example.com";
    }
}
