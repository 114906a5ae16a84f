//! What the webhooks cost, against an empty handler on the same axum and rustls, in one run.
//!
//!   webhooks admission      CPU a review, latencies, memory
//!   webhooks conversion     latencies by the number of objects, memory
//!   webhooks validate N     N reviews without a network, for callgrind; mutate N likewise
//!
//! The first two print a section of docs/benchmarks.md. The server runs as a process of its own on the first core, the
//! load comes from the second one; rounds alternate, so that what else runs on the machine hits both alike.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

mod load;
mod payload;
mod serve;

use std::time::Duration;

use load::{Load, Round};
use odoo_operator::server::Hook;
use serve::Server;

/// In which a conversion's connection is opened anew.
const ROUNDS: usize = 5;
/// Rounds in which processor time is compared: short ones, of which some find the machine to themselves.
const SHORT_ROUNDS: usize = 100;
/// Windows in which latencies are compared. What stops the whole machine for a while hits a few of them.
const WINDOWS: usize = 60;
/// Between two reviews where latencies are compared: a tenth of what one core judges.
const PACE: Duration = Duration::from_micros(250);

fn main() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", handler] => serve::run(handler),
        ["validate", count] => judge(&serve::hooks().validate, count.parse().unwrap()),
        ["mutate", count] => judge(&serve::hooks().mutate, count.parse().unwrap()),
        ["admission"] => admission(),
        ["conversion"] => conversion(),
        _ => {
            eprintln!("webhooks admission | conversion | validate N | mutate N");
            std::process::exit(2);
        }
    }
}

/// Judges a review again and again. The first call fills what is computed once.
fn judge(hook: &Hook, count: usize) {
    let review = payload::review();
    for _ in 0..count {
        assert!(hook(std::hint::black_box(&review), &mut drop).is_ok());
    }
}

fn median(values: Vec<f64>) -> f64 {
    percentile(&values, 50)
}

/// The smallest value that so many percent of all do not exceed.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent).div_ceil(100) - 1]
}

fn admission() {
    let (review, compared) = (payload::review(), payload::compared());
    let servers = [
        ("empty handler", "/validate/v1", &review, Server::start("empty")),
        ("/validate/v1", "/validate/v1", &review, Server::start("webhooks")),
        ("/mutate/v1", "/mutate/v1", &review, Server::start("webhooks")),
        ("/validate/v1, of `filestore`", "/validate/v1", &compared, Server::start("webhooks")),
        ("/mutate/v1, of `filestore`", "/mutate/v1", &compared, Server::start("webhooks")),
    ];
    let run = |at: usize, seconds, every| {
        let (_, path, body, server) = &servers[at];
        Load { path, body, connections: 16, seconds, requests: usize::MAX, every }.run(server)
    };
    let mut full: [Vec<Round>; 5] = Default::default();
    let mut paced: [Vec<Round>; 5] = Default::default();
    for (at, (name, ..)) in servers.iter().enumerate() {
        eprintln!("{name}: {:.1} µs while it warms up", run(at, 1.0, None).cpu_micros);
    }
    for _ in 0..SHORT_ROUNDS {
        full.iter_mut().enumerate().for_each(|(at, rounds)| rounds.push(run(at, 0.25, None)));
    }
    for _ in 0..WINDOWS {
        paced.iter_mut().enumerate().for_each(|(at, windows)| windows.push(run(at, 0.5, Some(PACE))));
    }
    println!("## Admission\n");
    println!(
        "A review of {} bytes: an UPDATE with object, oldObject and their managedFields; all rules. It changes `replicas`,\n\
         or `filestore`, which rules compare with the old one, so that it is read as well. 16 connections,\n\
         keep-alive, server on one core; everybody by turns.\n",
        review.len()
    );
    println!(
        "CPU: the least of {SHORT_ROUNDS} rounds of 0.25 s, each connection sending as fast as it can, which makes latency\n\
         a multiple of CPU. Whoever shares the machine's caches with us only adds to it; how much shows in the median.\n\n\
         Latencies: {WINDOWS} windows of 0.5 s with one review every {} µs; percentiles of a window, and the median of the\n\
         windows: the machine itself stands still for a millisecond now and then, in other windows for one than for the\n\
         other. What the load did not send because its own core stood still is left out. Last: the percentile of all\n\
         windows together.\n",
        PACE.as_micros()
    );
    println!("| | CPU a review | ratio | median | p50 | p99 | ratio | resident, peak | p99 of all |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (at, (name, .., server)) in servers.iter().enumerate() {
        let cpus = |at: usize| full[at].iter().map(|round| round.cpu_micros);
        let cpu = |at: usize| cpus(at).min_by(f64::total_cmp).unwrap();
        let latency = |at: usize, percent| {
            median(paced[at].iter().map(|window| percentile(&window.latencies_millis, percent)).collect())
        };
        let all: Vec<f64> = paced[at].iter().flat_map(|window| window.latencies_millis.clone()).collect();
        println!(
            "| {name} | {:.1} µs | {:.2} | {:.1} µs | {:.3} ms | {:.3} ms | {:.2} | {:.1} MiB | {:.3} ms |",
            cpu(at),
            cpu(at) / cpu(0),
            median(cpus(at).collect()),
            latency(at, 50),
            latency(at, 99),
            latency(at, 99) / latency(0, 99),
            server.peak_mib(),
            percentile(&all, 99),
        );
    }
}

fn conversion() {
    println!("## Conversion\n");
    println!(
        "One ConversionReview of objects of 10 KiB, v1 to v1alpha1, one connection, TLS included. Memory: what the\n\
         server's peak grew by, as a multiple of the body. Beside it the empty handler, which answers with the body, by\n\
         turns: what the machine takes for moving these bytes. Cold: the slowest of the {ROUNDS} that came first in their\n\
         turn, on a new connection; the others are counted without them.\n"
    );
    println!("| objects | body | p50 | p99 | cold | memory | moving alone: p50 | p99 | cold |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (objects, requests) in [(1, 3000), (1_500, 300), (10_000, 100)] {
        let body = payload::conversion(objects);
        let servers = [Server::start("webhooks"), Server::start("empty")];
        let load =
            |body, requests| Load { path: "/convert", body, connections: 1, seconds: 60.0, requests, every: None };
        // A small one first, so that what every connection costs is not counted.
        let small = payload::conversion(1);
        for server in &servers {
            load(&small, 50).run(server);
        }
        let before = servers[0].peak_mib();
        let (mut warm, mut cold) = ([vec![], vec![]], [vec![], vec![]]);
        for _ in 0..ROUNDS {
            for (at, server) in servers.iter().enumerate() {
                let latencies = load(&body, requests / ROUNDS + 1).run(server).latencies_millis;
                cold[at].push(latencies[0]);
                warm[at].extend_from_slice(&latencies[1..]);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "sizes of bodies are far below 2^52")]
        let body_mib = body.len() as f64 / f64::from(1 << 20);
        let grew = if objects == 1 {
            "–".to_owned()
        } else {
            format!("{:.2} ×", (servers[0].peak_mib() - before) / body_mib)
        };
        let of = |at: usize, percent| percentile(&warm[at], percent);
        let [cold, empty_cold] = cold.map(|all| percentile(&all, 100));
        println!(
            "| {objects} | {body_mib:.2} MiB | {:.2} ms | {:.2} ms | {cold:.2} ms | {grew} | {:.2} ms | {:.2} ms | {empty_cold:.2} ms |",
            of(0, 50),
            of(0, 99),
            of(1, 50),
            of(1, 99)
        );
    }
}
