//! Drives a cairn daemon over loopback and prints what it costs, beside its own floor.

fn main() {}
