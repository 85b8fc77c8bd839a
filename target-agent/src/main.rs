//! `target-agent`: see the library.

fn main() -> std::process::ExitCode {
    target_agent::main(std::env::args_os())
}
