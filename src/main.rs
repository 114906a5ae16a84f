//! The operator's binary: arguments to one subcommand.

fn main() {}
