//! `source-agent`: see the library.

fn main() -> std::process::ExitCode {
    source_agent::main(std::env::args_os())
}
