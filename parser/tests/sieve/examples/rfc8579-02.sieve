# RFC 8579 §6
require "fileinto";
require "special-use";

fileinto :specialuse "\\Junk" "Spam";
