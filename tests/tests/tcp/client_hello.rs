//! TLS that is passed on, by the name in its first message; the endpoints end it.
