use super::*;
use crate::model::{SourceId, TraceId};

/// What an engine is asked, in order, and the answers it has left.
#[derive(Default)]
struct Fake {
    asked: Vec<String>,
    states: VecDeque<Option<State>>,
    /// How often a search and a check have no connection.
    lost: u32,
    fails: bool,
}

impl Fake {
    fn is_lost(&mut self) -> bool {
        let is_lost = self.lost > 0;
        self.lost = self.lost.saturating_sub(1);
        is_lost
    }
}

fn span(number: u64) -> SpanId {
    SpanId::new(number.to_be_bytes()).unwrap()
}

impl Engine for &mut Fake {
    /// The parts that are left.
    type Scan = u64;
    const PAYLOADS: usize = 2;

    fn poll(&mut self) -> Result<Polled, Closed> {
        self.asked.push("poll".to_owned());
        Ok(Polled { state: self.states.pop_front().flatten(), wait: Duration::ZERO })
    }

    fn payloads(&mut self, addresses: &[(PayloadRef, SpanId)]) -> Vec<Result<Payload, String>> {
        self.asked.push(format!("payloads {}", addresses.len()));
        addresses.iter().map(|(address, _)| Err(address.0.to_string())).collect()
    }

    fn begin(&self, search: Search) -> u64 {
        search.ticket
    }

    fn search(&mut self, left: &mut u64) -> Result<Searched, Unsearched> {
        self.asked.push(format!("search {left}"));
        if self.is_lost() {
            return Err(Unsearched::Later(Duration::ZERO));
        }
        if self.fails {
            return Err(Unsearched::Failed(Some("no right".to_owned())));
        }
        *left -= 1;
        let hits = vec![(TraceId::new([1; 16]).unwrap(), span(1))];
        Ok(Searched { hits, progress: Progress { done: 3 - *left, total: 3 }, wait: Duration::ZERO })
    }

    fn check(&mut self, addresses: &[(PayloadRef, SpanId)], _: &PayloadQuery) -> Result<(Hits, Option<String>), Unsearched> {
        self.asked.push(format!("check {}", addresses.len()));
        if self.is_lost() {
            return Err(Unsearched::Later(Duration::ZERO));
        }
        if self.fails { Err(Unsearched::Failed(Some("no right".to_owned()))) } else { Ok((Hits::new(), None)) }
    }

    fn read(&mut self, _: &Wanted) -> Result<Option<Nanos>, Closed> {
        Ok(Some(7))
    }
}

/// Runs a turn of the loop for each request. Returns what was sent.
fn turns(fake: &mut Fake, on_demand: bool, requests: Vec<Option<Request>>) -> Vec<Update> {
    let (sender, mut received) = tokio::sync::mpsc::channel(64);
    let updates = UpdateSender::new(SourceId(0), sender);
    let mut watcher = Watcher { engine: fake, on_demand, updates: &updates, state: None, scan: None, checks: VecDeque::new() };
    for request in requests {
        watcher.turn(request).unwrap();
    }
    std::iter::from_fn(|| received.try_recv().ok()).collect()
}

fn addresses(count: u64) -> Vec<(PayloadRef, SpanId)> {
    (1..=count).map(|number| (PayloadRef(number as i64), span(number))).collect()
}

fn query() -> Arc<PayloadQuery> {
    Arc::new("text:x".parse::<crate::query::Query>().unwrap().payload_query())
}

fn check(ticket: u64, count: u64) -> Request {
    Request::Check { ticket, query: query(), addresses: addresses(count) }
}

fn search() -> Request {
    Request::Search(Search { ticket: 3, query: query(), since: None, until: None })
}

/// Returns the tickets, the numbers of hits and the errors of searches.
fn hits(updates: &[Update]) -> Vec<(u64, usize, Option<Progress>, Option<&str>)> {
    let hits = updates.iter().filter_map(|update| if let Update::SearchHits(hits) = update { Some(hits) } else { None });
    hits.map(|hits| (hits.ticket, hits.spans.len(), hits.progress, hits.error.as_deref())).collect()
}

#[test]
fn a_state_is_sent_when_it_changes() {
    let watching = || Some(State::Watching { left_out: 0 });
    let states = [watching(), watching(), None, Some(State::Failing("x".to_owned())), None, watching()];
    let mut fake = Fake { states: states.into(), ..Fake::default() };
    let sent = turns(&mut fake, false, (0..6).map(|_| None).collect());
    let sent: Vec<_> = sent.iter().map(|update| if let Update::State(_, state) = update { Some(state.clone()) } else { None }).collect();
    assert_eq!(sent, [watching(), Some(State::Failing("x".to_owned())), watching()]);
}

#[test]
fn many_payloads_are_read_in_parts_and_polls_come_between() {
    let mut fake = Fake::default();
    let sent = turns(&mut fake, false, vec![Some(Request::Payloads { ticket: 9, addresses: addresses(5) })]);
    assert_eq!(fake.asked, ["payloads 2", "poll", "payloads 2", "poll", "payloads 1", "poll"]);
    let [Update::Payloads { ticket: 9, payloads }] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(payloads.iter().map(|payload| payload.clone().unwrap_err()).collect::<String>(), "12345");
}

#[test]
fn a_search_goes_on_after_a_lost_connection_and_ends_after_a_failure() {
    let mut fake = Fake { lost: 1, ..Fake::default() };
    let sent = turns(&mut fake, true, vec![Some(search()), None, None, None, None]);
    assert_eq!(fake.asked, ["search 3", "search 3", "search 2", "search 1"]);
    let at = |done| Some(Progress { done, total: 3 });
    assert_eq!(hits(&sent), [(3, 1, at(1), None), (3, 1, at(2), None), (3, 1, at(3), None)]);
    let mut fake = Fake { fails: true, ..Fake::default() };
    let sent = turns(&mut fake, true, vec![Some(search()), None]);
    assert_eq!((fake.asked.len(), hits(&sent)), (1, vec![(3, 0, Some(Progress::default()), Some("no right"))]));
    let mut fake = Fake::default();
    turns(&mut fake, true, vec![Some(search()), Some(Request::StopSearch), None]);
    assert_eq!(fake.asked, ["search 3"]);
}

#[test]
fn checks_wait_for_a_connection_and_say_once_what_fails() {
    let mut fake = Fake { lost: 1, ..Fake::default() };
    turns(&mut fake, true, vec![Some(check(1, 3)), Some(check(2, 1))]);
    assert_eq!(fake.asked, ["check 2", "check 2", "check 1", "check 1"], "in the order in which they came");
    let mut fake = Fake { fails: true, ..Fake::default() };
    let sent = turns(&mut fake, true, vec![Some(check(1, 6)), Some(check(2, 1))]);
    assert_eq!(hits(&sent), [(1, 0, None, Some("no right")), (2, 0, None, Some("no right"))]);
    // A new search has no use for what an earlier one asked for.
    let mut fake = Fake { lost: 1, ..Fake::default() };
    turns(&mut fake, true, vec![Some(check(1, 2)), Some(search())]);
    assert_eq!(fake.asked, ["check 2", "search 3"]);
}

#[test]
fn parts_and_logs_are_answered_with_their_tickets() {
    let wanted = Wanted::Newest(1);
    let sent = turns(&mut Fake::default(), true, vec![Some(Request::Read { ticket: 4, wanted }), Some(Request::Logs { ticket: 5 })]);
    assert!(matches!(sent.as_slice(), [Update::Read { ticket: 4, from: Some(7) }, Update::Read { ticket: 5, from: None }]), "{sent:?}");
}

#[test]
fn waits_grow_up_to_the_longest_one() {
    let [first, most] = [1, 5].map(Duration::from_secs);
    let mut backoff = Backoff::new([first, most]);
    assert!(backoff.is_fresh());
    assert_eq!([(); 4].map(|()| backoff.next().as_secs()), [1, 2, 4, 5]);
    backoff.reset();
    assert_eq!(backoff.next(), first);
}
