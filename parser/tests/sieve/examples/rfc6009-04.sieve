# RFC 6009 §5.1
require ["envelope", "envelope-deliverby", "relational",
         "comparator-i;ascii-numeric"];

# Check to see if this message didn't make it in the time allotted by
# the originator.
if anyof (envelope :contains "bytimerelative" "-",
          envelope :value "eq" :comparator "i;ascii-numeric"
                   "bytimerelative" "0")
{
    # do whatever
}
