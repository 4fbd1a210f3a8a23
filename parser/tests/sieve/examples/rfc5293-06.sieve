# RFC 5293 §7
# needs editheader
addheader "X-Flavor" "vanilla";
keep;
