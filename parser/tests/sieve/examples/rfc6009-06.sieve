# RFC 6009 §5.1
#! 9:66 expected a block, found ")"
#! 12:1 expected a command, found "}"
require ["envelope", "envelope-deliverby", "relational", "date",
         "variables"];

# If the message didn't make it in time, file it according to when it
# should have been received
if envelope :matches :zone "+0000" "bytimeabsolute" "*T*:*:*" {
    set "bdate" "${0}";
    set "bhour" "${2}";
    if currentdate :zone "+0000" :value "lt" "iso8601" "${bdate}")
        fileinto "missed-${bhour}";
    }
}
