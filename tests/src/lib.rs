//! What a user of cairn may rely on: the real binaries over the wire.
