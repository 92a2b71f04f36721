//! The operator's tool of cairn: prints what the admin API answers.

fn main() {}
