//! The binary `target-agent`; the library contains all of it.

fn main() -> std::process::ExitCode {
    target_agent::main(std::env::args_os())
}
