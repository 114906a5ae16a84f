//! The election, second by second, and then by chance: three processes, lost answers, late writes, pauses, restarts.

use proptest::prelude::*;

use super::*;

fn wall() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What the API server makes of a write: the next version.
fn stored(lease: &Lease, version: u64) -> Lease {
    let mut lease = lease.clone();
    lease.metadata.resource_version = Some(version.to_string());
    lease
}

fn lease_of(holder: &str, version: u64) -> Lease {
    let spec = LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(15),
        acquire_time: Some(MicroTime(wall())),
        renew_time: Some(MicroTime(wall())),
        lease_transitions: Some(3),
        ..LeaseSpec::default()
    };
    stored(&Lease { spec: Some(spec), ..Lease::default() }, version)
}

fn candidate(start: Instant, seen: Option<Lease>) -> Election {
    let mut election = Election::new("me", start);
    assert_eq!(election.step(start, wall()), Step::Look);
    election.saw(seen, start);
    election
}

fn holder_since(start: Instant) -> Election {
    let mut election = candidate(start, None);
    let Step::Create(lease) = election.step(start, wall()) else { panic!("not created") };
    election.wrote(stored(&lease, 1), start);
    election
}

fn replacement(election: &Election, now: Instant) -> Lease {
    match election.step(now, wall()) {
        Step::Replace(lease) => lease,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobodys_lease_is_created() {
    let start = Instant::now();
    let election = holder_since(start);
    assert_eq!(election.holds_until(), Some(start + seconds(10)));
    let spec = election.lease.unwrap().spec.unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("me"));
    assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(15), Some(0)));
}

#[test]
fn a_released_lease_is_taken_at_once() {
    let start = Instant::now();
    for nobody in [None, Some(String::new())] {
        let mut lease = lease_of("other", 7);
        lease.spec.as_mut().unwrap().holder_identity = nobody;
        let taken = replacement(&candidate(start, Some(lease)), start);
        assert_eq!(taken.metadata.resource_version.as_deref(), Some("7"), "compare and swap");
        assert_eq!(taken.spec.unwrap().lease_transitions, Some(4));
    }
}

#[test]
fn anothers_lease_is_waited_for_by_our_own_clock() {
    let start = Instant::now();
    for renewed in ["1970-01-01T00:00:00Z", "2400-01-01T00:00:00Z"] {
        let mut lease = lease_of("other", 7);
        lease.spec.as_mut().unwrap().renew_time = Some(MicroTime(renewed.parse().unwrap()));
        let election = candidate(start, Some(lease));
        assert_eq!(election.step(start, wall()), Step::Wait(start + seconds(15)), "{renewed}");
        let just_before = start + Duration::from_millis(14_999);
        assert_eq!(election.step(just_before, wall()), Step::Wait(start + seconds(15)));
        assert_eq!(replacement(&election, start + seconds(15)).spec.unwrap().holder_identity.as_deref(), Some("me"));
    }
}

#[test]
fn a_renewal_is_a_sign_of_life_and_a_label_is_none() {
    let start = Instant::now();
    let mut election = candidate(start, Some(lease_of("other", 7)));
    let mut labelled = lease_of("other", 8);
    labelled.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    election.saw(Some(labelled), start + seconds(5));
    assert_eq!(election.step(start + seconds(5), wall()), Step::Wait(start + seconds(15)));
    let mut renewed = lease_of("other", 9);
    renewed.spec.as_mut().unwrap().renew_time = Some(MicroTime("2026-01-01T00:00:02Z".parse().unwrap()));
    election.saw(Some(renewed), start + seconds(6));
    assert_eq!(election.step(start + seconds(15), wall()), Step::Wait(start + seconds(21)));
    let taken = replacement(&election, start + seconds(21));
    assert_eq!(taken.metadata.resource_version.as_deref(), Some("9"));
}

#[test]
fn a_holder_that_promises_more_is_given_more_and_less_gets_ours() {
    let start = Instant::now();
    for (promised, wait) in [(Some(30), 30), (Some(1), 15), (Some(-5), 15), (None, 15)] {
        let mut lease = lease_of("other", 7);
        lease.spec.as_mut().unwrap().lease_duration_seconds = promised;
        assert_eq!(
            candidate(start, Some(lease)).step(start, wall()),
            Step::Wait(start + seconds(wait)),
            "{promised:?}"
        );
    }
}

#[test]
fn the_lease_of_an_earlier_life_is_taken_back_at_once_and_that_life_would_know() {
    let start = Instant::now();
    let mut earlier = holder_since(start);
    let mut again = candidate(start + seconds(1), earlier.lease.clone());
    let taken = replacement(&again, start + seconds(1));
    assert_eq!(taken.spec.as_ref().unwrap().lease_transitions, Some(1));
    again.wrote(stored(&taken, 2), start + seconds(1));
    earlier.conflicted(start + seconds(2));
    assert_eq!(earlier.step(start + seconds(2), wall()), Step::Look);
    earlier.saw(again.lease.clone(), start + seconds(2));
    assert_eq!(earlier.step(start + seconds(2), wall()), Step::Lost(Loss::Taken("me".to_owned())));
    assert_eq!((earlier.holds_until(), earlier.release(start + seconds(2), wall())), (None, None));
}

#[test]
fn a_holder_renews_every_two_seconds_and_keeps_its_term() {
    let start = Instant::now();
    let mut election = holder_since(start);
    let first = election.lease.clone().unwrap().spec.unwrap();
    for round in 1..=10 {
        let now = start + seconds(2 * round);
        assert_eq!(election.step(start + seconds(2 * round - 1), wall()), Step::Wait(now));
        let lease = replacement(&election, now);
        let spec = lease.spec.clone().unwrap();
        assert_eq!((spec.acquire_time, spec.lease_transitions), (first.acquire_time.clone(), Some(0)));
        election.wrote(stored(&lease, 1 + round), now);
        assert_eq!(election.holds_until(), Some(now + seconds(10)));
    }
}

#[test]
fn without_renewal_it_ends_ten_seconds_after_the_last_one_was_sent() {
    let start = Instant::now();
    let mut election = holder_since(start);
    for second in [2, 4, 6, 8] {
        replacement(&election, start + seconds(second));
        election.failed(start + seconds(second));
    }
    assert_eq!(election.step(start + seconds(8), wall()), Step::Wait(start + seconds(10)));
    assert_eq!(election.step(start + seconds(10), wall()), Step::Lost(Loss::NotRenewed));
    // The answer to what was sent at 2 s, read after a long sleep, gives the time from then, not from now.
    let lease = replacement(&holder_since(start), start + seconds(2));
    election.wrote(stored(&lease, 2), start + seconds(2));
    assert_eq!(election.holds_until(), Some(start + seconds(12)));
    assert_eq!(election.step(start + seconds(30), wall()), Step::Lost(Loss::NotRenewed));
}

#[test]
fn a_conflict_within_the_term_goes_on_with_the_version_that_is_there() {
    let start = Instant::now();
    let mut election = holder_since(start);
    // Our own renewal, the answer to which was lost, or a label that somebody put on it.
    let there = stored(election.lease.as_ref().unwrap(), 9);
    election.conflicted(start + seconds(2));
    election.saw(Some(there), start + seconds(2));
    let renewal = replacement(&election, start + seconds(2));
    assert_eq!(renewal.metadata.resource_version.as_deref(), Some("9"));
    assert_eq!(election.holds_until(), Some(start + seconds(10)), "seeing it is no renewal");
}

#[test]
fn a_lease_that_another_holds_now_or_nobody_does_is_lost() {
    let start = Instant::now();
    for (taken, by) in [(Some("other"), "other"), (None, "nobody")] {
        let mut election = holder_since(start);
        let mut lease = lease_of("other", 9);
        lease.spec.as_mut().unwrap().holder_identity = taken.map(str::to_owned);
        election.saw(Some(lease), start + seconds(2));
        assert_eq!(election.step(start + seconds(2), wall()), Step::Lost(Loss::Taken(by.to_owned())));
    }
}

#[test]
fn a_lease_that_was_deleted_is_written_again_unless_another_was_faster() {
    let start = Instant::now();
    let mut election = holder_since(start);
    let before = election.lease.clone().unwrap().spec.unwrap();
    election.conflicted(start + seconds(2));
    election.saw(None, start + seconds(2));
    let Step::Create(lease) = election.step(start + seconds(2), wall()) else { panic!("not created") };
    assert_eq!(lease.metadata, Lease::default().metadata);
    assert_eq!(lease.spec.clone().unwrap().acquire_time, before.acquire_time);
    let mut faster = holder_since(start);
    election.wrote(stored(&lease, 20), start + seconds(2));
    assert_eq!(election.holds_until(), Some(start + seconds(12)));
    faster.saw(None, start + seconds(2));
    faster.conflicted(start + seconds(2));
    faster.saw(Some(lease_of("other", 20)), start + seconds(2));
    assert_eq!(faster.step(start + seconds(2), wall()), Step::Lost(Loss::Taken("other".to_owned())));
}

#[test]
fn a_candidate_that_lost_the_race_looks_and_waits() {
    let start = Instant::now();
    let mut election = candidate(start, None);
    assert!(matches!(election.step(start, wall()), Step::Create(_)));
    election.conflicted(start);
    assert_eq!(election.step(start, wall()), Step::Look);
    election.failed(start);
    assert_eq!(election.step(start, wall()), Step::Wait(start + seconds(2)));
    assert_eq!(election.step(start + seconds(2), wall()), Step::Look);
    election.saw(Some(lease_of("other", 1)), start + seconds(2));
    assert_eq!(election.step(start + seconds(2), wall()), Step::Wait(start + seconds(17)));
}

#[test]
fn a_holder_gives_it_up_by_name_of_nobody() {
    let start = Instant::now();
    let election = holder_since(start);
    assert_eq!(election.release(start + seconds(10), wall()), None, "it has run out");
    let released = election.release(start + seconds(9), wall()).unwrap();
    assert_eq!(released.metadata.resource_version.as_deref(), Some("1"));
    assert_eq!(holder(&released), None);
    assert!(matches!(candidate(start, Some(released)).step(start, wall()), Step::Replace(_)));
    assert_eq!(candidate(start, Some(lease_of("other", 1))).release(start, wall()), None);
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    /// Never arrives.
    Dropped,
    /// Arrives, and its answer does not.
    Unanswered,
    /// Arrives after so many seconds, when nobody waits for its answer any more.
    Late(u64),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Answered),
        1 => Just(Fate::Dropped),
        1 => Just(Fate::Unanswered),
        1 => (1_u64..25).prop_map(Fate::Late),
    ]
}

/// What happens to a process besides.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    /// Stopped for so many seconds, and goes on.
    Pause(u64),
    /// Killed; it comes back under the same name.
    Restart,
    /// Its watch is silent for so many seconds.
    Deaf(u64),
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![(1_u64..40).prop_map(Mishap::Pause), Just(Mishap::Restart), (1_u64..40).prop_map(Mishap::Deaf)]
}

#[derive(Default)]
struct Server {
    lease: Option<Lease>,
    version: u64,
}

impl Server {
    /// Stores a write that is about the version that is there.
    fn store(&mut self, lease: &Lease) -> Option<Lease> {
        let there = self.lease.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
        if there != lease.metadata.resource_version {
            return None;
        }
        self.version += 1;
        self.lease = Some(stored(lease, self.version));
        self.lease.clone()
    }
}

struct Process {
    election: Election,
    stopped_until: Instant,
    deaf_until: Instant,
    /// A call whose answer it waits for: when it was sent, and when it gives up.
    waiting: Option<(Instant, Instant)>,
}

fn call(
    process: &mut Process,
    server: &mut Server,
    late: &mut Vec<(Instant, Lease)>,
    fate: Fate,
    step: &Step,
    now: Instant,
) {
    let (Step::Create(lease) | Step::Replace(lease)) = step else {
        match fate {
            Fate::Answered => process.election.saw(server.lease.clone(), now),
            _ => process.waiting = Some((now, now + seconds(5))),
        }
        return;
    };
    match fate {
        Fate::Answered => match server.store(lease) {
            Some(stored) => process.election.wrote(stored, now),
            None => process.election.conflicted(now),
        },
        Fate::Dropped => process.waiting = Some((now, now + seconds(5))),
        Fate::Unanswered => {
            server.store(lease);
            process.waiting = Some((now, now + seconds(5)));
        }
        Fate::Late(delay) => {
            late.push((now + seconds(delay), lease.clone()));
            process.waiting = Some((now, now + seconds(5)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn there_are_never_two_and_in_the_end_there_is_one(
        fates in prop::collection::vec(fate(), 400),
        mishaps in prop::collection::vec((0_usize..3, 0_u64..360, mishap()), 0..12),
    ) {
        let start = Instant::now();
        let mut server = Server::default();
        let mut late: Vec<(Instant, Lease)> = Vec::new();
        let fresh = |name: usize, now| Process {
            election: Election::new(format!("pod-{name}"), now),
            stopped_until: now,
            deaf_until: now,
            waiting: None,
        };
        let mut processes: Vec<Process> = (0..3).map(|name| fresh(name, start)).collect();
        let mut fates = fates.into_iter();
        // Half seconds: three minutes of trouble, one of quiet.
        for tick in 0..480_u64 {
            let now = start + Duration::from_millis(500 * tick);
            for (name, _, mishap) in mishaps.iter().filter(|(_, at, _)| *at == tick) {
                match mishap {
                    Mishap::Pause(time) => processes[*name].stopped_until = now + seconds(*time),
                    Mishap::Restart => processes[*name] = fresh(*name, now),
                    Mishap::Deaf(time) => processes[*name].deaf_until = now + seconds(*time),
                }
            }
            late.retain(|(at, lease)| {
                if *at <= now {
                    server.store(lease);
                }
                *at > now
            });
            for (name, process) in processes.iter_mut().enumerate() {
                if now < process.stopped_until {
                    continue;
                }
                if let Some((sent, until)) = process.waiting {
                    if now < until {
                        continue;
                    }
                    process.election.failed(sent);
                    process.waiting = None;
                }
                if process.election.holds_until().is_none() && now >= process.deaf_until {
                    process.election.saw(server.lease.clone(), now);
                }
                match process.election.step(now, wall() + (now - start)) {
                    Step::Wait(until) => prop_assert!(until > now, "it waits for what is over"),
                    // The process ends, and its container is started again.
                    Step::Lost(_) => *process = fresh(name, now),
                    step => {
                        let fate = fates.next().filter(|_| tick < 360).unwrap_or(Fate::Answered);
                        call(process, &mut server, &mut late, fate, &step, now);
                    }
                }
            }
            let acting = processes.iter().filter(|process| process.election.holds_until().is_some_and(|end| now < end));
            prop_assert!(acting.count() <= 1, "two act at {} ms", 500 * tick);
        }
        let acting: Vec<_> = processes.iter().filter(|process| process.election.holds_until().is_some()).collect();
        prop_assert_eq!(acting.len(), 1);
    }
}
