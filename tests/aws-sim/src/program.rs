//! The command-line program: the simulated AWS over loopback HTTP.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Parser, ValueEnum};
use tokio::net::TcpListener;

use crate::hold::{Hold, Moment};
use crate::{Clock, Cloud, Settings, Weather, loopback};
use crate::{referee, world_file};

/// A simulated AWS of several accounts and Regions, for any AWS client.
///
/// Prints `listening on http://ADDRESS:PORT` when it is ready, and runs until it is stopped.
#[derive(Debug, Parser)]
#[command(name = "aws-sim", version, after_help = AFTER_HELP)]
struct Arguments {
    /// The address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// The world file (TOML): the resources that exist from the beginning, and settings
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Divides the durations of snapshots, copies, restores and key creation
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    speed: Option<u32>,
    /// The random seed of every id and of the injected faults
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The rate of injected faults: none, or about one request in five
    #[arg(long)]
    weather: Option<WeatherPreset>,
    /// Never answer the N-th request: hold it before its effect and print a line, so that its client can be killed
    /// there
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    hold: Option<u32>,
    /// Hold it after its effect instead, before its response
    #[arg(long, requires = "hold")]
    hold_after: bool,
    /// Count only requests of principals whose ARN contains this text: an account, `role/NAME`
    #[arg(long, requires = "hold", value_name = "TEXT")]
    hold_of: Option<String>,
    /// Record every distinct authorization question in full, for `/_sim/decisions`
    #[arg(long)]
    keep_questions: bool,
    /// Serve nothing: judge such questions from standard input, one JSON document per line, and print the rulings
    #[arg(long, exclusive = true)]
    judge: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WeatherPreset {
    Calm,
    Rough,
}

const AFTER_HELP: &str = "Exit codes: 1 it cannot listen on the address, 2 the command line or the world file is wrong.\n\
                    An access key id that is an account's number is its root user, with the secret `simulated-<number>`.";

/// Runs the program with the command line `args`.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    if arguments.judge {
        return judge();
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(1, &format!("no asynchronous runtime: {error}")),
    };
    runtime.block_on(run(arguments))
}

#[expect(clippy::disallowed_methods, reason = "over loopback the clock is the machine's")]
#[expect(clippy::print_stdout, reason = "the process that started the program reads the address")]
async fn run(arguments: Arguments) -> ExitCode {
    let mut settings = Settings::new(Clock::starting_at(SystemTime::now()));
    let file = match arguments.world.as_deref().map(world_file::read).transpose() {
        Ok(file) => file,
        Err(wrong) => return end(2, &wrong),
    };
    if let Some(file) = &file {
        file.settings(&mut settings);
    }
    settings.speed = arguments.speed.unwrap_or(settings.speed);
    settings.seed = arguments.seed.unwrap_or(settings.seed);
    settings.records_questions = arguments.keep_questions;
    settings.weather = match arguments.weather {
        None => settings.weather,
        Some(WeatherPreset::Calm) => Weather::calm(),
        Some(WeatherPreset::Rough) => Weather::rough(),
    };
    let cloud = Cloud::new(settings);
    if let Some(Err(wrong)) = file.map(|file| file.populate(&cloud)) {
        return end(2, &wrong);
    }
    let hold = arguments.hold.map(|number| {
        let moment = if arguments.hold_after { Moment::After } else { Moment::Before };
        Hold::new(number, moment, arguments.hold_of)
    });
    let bound = async { TcpListener::bind(arguments.listen).await.and_then(|at| Ok((at.local_addr()?, at))) };
    match bound.await {
        Ok((address, listener)) => {
            println!("listening on http://{address}");
            loopback::serve_holding(cloud, listener, hold).await;
            ExitCode::SUCCESS
        }
        Err(error) => end(1, &format!("cannot listen on {}: {error}", arguments.listen)),
    }
}

#[expect(clippy::print_stdout, reason = "the rulings are the output of --judge")]
fn judge() -> ExitCode {
    for line in std::io::stdin().lines() {
        match line {
            Ok(line) => println!("{}", referee::answer(&line)),
            Err(error) => return end(2, &format!("the questions cannot be read: {error}")),
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "the user reads the error")]
fn end(code: u8, what: &str) -> ExitCode {
    eprintln!("error: {what}");
    ExitCode::from(code)
}
