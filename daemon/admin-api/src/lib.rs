//! Requests and responses of cairn's admin socket, and a small client.
