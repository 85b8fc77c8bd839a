//! `aws-sim`: the simulated AWS over loopback HTTP.

use std::process::ExitCode;

fn main() -> ExitCode {
    aws_sim::main(std::env::args_os())
}
