//! What the harnesses share: the model store, its messages, small clients, and a daemon to talk to.
