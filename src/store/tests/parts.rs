//! Batches that are applied in parts.

use super::*;

proptest! {
    #[test]
    fn a_batch_in_parts_leaves_what_it_leaves_at_once(specs in span_trees(), size in 1..9usize) {
        let mut all = batch(&specs);
        all.skipped.push(Skipped { place: "row 1".to_owned(), reason: "broken".to_owned() });
        let (mut one, mut other) = (Store::new(Limits::default()), Store::new(Limits::default()));
        one.apply(&all, 100 * SECOND);
        let (mut progress, mut parts) = (Progress::new(&all), 0);
        while parts == 0 || progress.left() > 0 {
            prop_assert_eq!((other.all().spans as usize, other.losses().skipped), (parts * size, 0));
            let mut count = 0;
            other.apply_part(&all, &mut progress, 100 * SECOND, &mut || {
                count += 1;
                count < size
            });
            other.check_invariants();
            parts += 1;
        }
        prop_assert_eq!(other.losses().skipped, 1);
        prop_assert_eq!(one.all(), other.all());
        for spec in &specs {
            let totals = |store: &Store| {
                let row = store.find(store.find_trace(trace_id(spec.trace)).unwrap(), span_id(spec.id)).unwrap();
                store.totals(row)
            };
            prop_assert_eq!(totals(&one), totals(&other));
        }
    }
}

#[test]
fn what_a_process_has_open_runs_while_its_batch_arrives_in_parts() {
    let of = |process: u64, trace: u8, spans: u64| {
        let specs: Vec<SpanSpec> = (1..=spans).map(|id| SpanSpec { trace, running: true, ..spec(id, (id > 1).then_some(1)) }).collect();
        let mut batch = batch(&specs);
        batch.process = Some(process);
        batch
    };
    let all = of(7, 1, 3);
    let (mut store, mut progress) = (Store::new(Limits::default()), Progress::new(&all));
    store.apply(&of(8, 2, 1), 3 * SECOND);
    for running in 2..5 {
        store.apply_part(&all, &mut progress, 4 * SECOND, &mut || false);
        store.expire(4 * SECOND);
        assert_eq!((store.all().running, store.all().cut), (running, 0));
    }
}
