//! `aws-sim`: the simulated AWS over loopback HTTP.

use std::net::SocketAddr;
use std::time::SystemTime;

use aws_sim::{Clock, Cloud, Settings, serve};
use clap::Parser;
use tokio::net::TcpListener;

/// A simulated AWS of several accounts and Regions, for any AWS client.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen: an address of this machine and a port, which may be 0.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// Divides the durations of snapshots, copies, restores and key creation.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    speed: u32,
    /// Seeds every id.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "over loopback the world's clock is the machine's")]
#[expect(clippy::print_stdout, reason = "whoever started it reads the address")]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let clock = Clock::starting_at(SystemTime::now());
    let settings = Settings { speed: arguments.speed, seed: arguments.seed, ..Settings::new(clock) };
    let listener = TcpListener::bind(arguments.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    serve(Cloud::new(settings), listener).await;
    Ok(())
}
