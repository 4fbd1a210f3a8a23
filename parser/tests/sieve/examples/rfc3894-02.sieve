# RFC 3894 §1
# needs fileinto
fileinto "unfiltered";
keep;

if header "Subject" "MAKE MONEY FAST!!!"
{
        discard;
}
