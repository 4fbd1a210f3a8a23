# RFC 5293 §7
# needs editheader fileinto
addheader "X-Hello" "World";
if header :contains "X-Hello" "World"
{
        fileinto "international";
}
