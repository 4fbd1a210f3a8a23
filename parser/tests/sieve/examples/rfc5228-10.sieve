# RFC 5228 §3.2
require "fileinto";
require "vacation";
