# RFC 3894 §1
# needs fileinto
fileinto "unfiltered";
keep;
