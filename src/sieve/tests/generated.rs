//! Scripts and messages from a seed.
