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

const ROUNDS: usize = 5;
/// Between two reviews where latencies are compared: a third of what one core judges.
const PACE: Duration = Duration::from_micros(100);

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
        assert!(hook(std::hint::black_box(&review)).is_ok());
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn admission() {
    let review = payload::review();
    let servers = [
        ("empty handler", "/validate/v1", Server::start("empty")),
        ("/validate/v1", "/validate/v1", Server::start("webhooks")),
        ("/mutate/v1", "/mutate/v1", Server::start("webhooks")),
    ];
    let load =
        |path, seconds, every| Load { path, body: &review, connections: 16, seconds, requests: usize::MAX, every };
    let mut rounds: [Vec<[Round; 2]>; 3] = Default::default();
    for (_, path, server) in &servers {
        load(path, 1.0, None).run(server);
    }
    for round in 0..ROUNDS {
        for (at, (name, path, server)) in servers.iter().enumerate() {
            let measured = [load(path, 3.0, None).run(server), load(path, 3.0, Some(PACE)).run(server)];
            eprintln!("round {round}, {name}: {measured:?}");
            rounds[at].push(measured);
        }
    }
    println!("## Admission\n");
    println!(
        "A review of {} bytes: an UPDATE with object, oldObject and their managedFields; all rules. 16 connections,",
        review.len()
    );
    println!(
        "keep-alive, server on one core. Medians of {ROUNDS} rounds of 3 s by turns; ratios are medians of the rounds' own."
    );
    println!(
        "CPU with each connection sending as fast as it can, which makes latency a multiple of CPU; latencies with one\n\
         review every {} µs for all three.\n",
        PACE.as_micros()
    );
    println!(
        "The change is one of `replicas`. One that touches what defaults and rules about changes compare (image, database,\n\
         filestore, …) has the old spec read as well, which takes some 2 µs more.\n"
    );
    println!("| | CPU a review | ratio | p50 | p99 | ratio | resident, peak |\n|---|---|---|---|---|---|---|");
    for (at, (name, _, server)) in servers.iter().enumerate() {
        let of = |what: fn(&[Round; 2]) -> f64| median(rounds[at].iter().map(what).collect());
        let ratio = |what: fn(&[Round; 2]) -> f64| {
            median(rounds[at].iter().zip(&rounds[0]).map(|(own, empty)| what(own) / what(empty)).collect())
        };
        println!(
            "| {name} | {:.1} µs | {:.2} | {:.3} ms | {:.3} ms | {:.2} | {:.1} MiB |",
            of(|[full, _]| full.cpu_micros),
            ratio(|[full, _]| full.cpu_micros),
            of(|[_, paced]| paced.p50_millis),
            of(|[_, paced]| paced.p99_millis),
            ratio(|[_, paced]| paced.p99_millis),
            server.peak_mib(),
        );
    }
}

fn conversion() {
    println!("## Conversion\n");
    println!(
        "One ConversionReview of objects of 10 KiB, v1 to v1alpha1, one connection, TLS included. Memory: what the"
    );
    println!("server's peak grew by, as a multiple of the body.\n");
    println!("| objects | body | p50 | p99 | memory |\n|---|---|---|---|---|");
    for (objects, requests) in [(1, 3000), (1_500, 300), (10_000, 100)] {
        let body = payload::conversion(objects);
        let server = Server::start("webhooks");
        // A small one first, so that what every connection costs is not counted.
        Load {
            path: "/convert",
            body: &payload::conversion(1),
            connections: 1,
            seconds: 60.0,
            requests: 50,
            every: None,
        }
        .run(&server);
        let before = server.peak_mib();
        let measured =
            Load { path: "/convert", body: &body, connections: 1, seconds: 300.0, requests, every: None }.run(&server);
        #[expect(clippy::cast_precision_loss, reason = "sizes of bodies are far below 2^52")]
        let body_mib = body.len() as f64 / f64::from(1 << 20);
        let grew =
            if objects == 1 { "–".to_owned() } else { format!("{:.2} ×", (server.peak_mib() - before) / body_mib) };
        eprintln!("{objects} objects: {measured:?}");
        println!(
            "| {objects} | {body_mib:.2} MiB | {:.2} ms | {:.2} ms | {grew} |",
            measured.p50_millis, measured.p99_millis
        );
    }
}
