use bytes::Bytes;

use super::super::packed::Packer;
use super::*;
use crate::model::payload_query::Word;

fn insert(bodies: &mut BodyStore, bytes: &[u8], spans: &[usize]) -> u32 {
    bodies.insert(bytes, spans.iter().map(|begin| *begin as u32).collect()).unwrap()
}

/// Returns a body and the offset of a span in it.
fn find(bodies: &BodyStore, payload_ref: PayloadRef) -> Option<(Bytes, usize)> {
    bodies.find(payload_ref).map(|(body, at)| (body.read(&mut Unpacked::default()), at))
}

#[test]
fn a_body_is_dropped_with_its_last_span() {
    let mut bodies = BodyStore::default();
    let one = insert(&mut bodies, b"one", &[0, 2]);
    let two = insert(&mut bodies, b"other", &[4]);
    assert_eq!(bodies.retained_bytes, 8);
    assert_eq!(find(&bodies, payload_ref(two, 4)), Some((Bytes::from_static(b"other"), 4)));
    bodies.release(&[payload_ref(one, 0), payload_ref(two, 4), payload_ref(one, 0), payload_ref(one, 1), payload_ref(two, 4)]);
    assert_eq!((bodies.retained_bytes, find(&bodies, payload_ref(two, 4))), (3, None));
    bodies.release(&[payload_ref(one, 2)]);
    bodies.release(&[payload_ref(one, 2)]);
    assert_eq!((bodies.retained_bytes, bodies.by_number.len(), bodies.by_address.len()), (0, 0, 0));
}

#[test]
fn an_eighth_of_a_body_makes_it_sparse_and_all_memory_is_counted() {
    let mut bodies = BodyStore::default();
    let (size, count) = (100, 1000);
    let offsets: Vec<usize> = (0..count).map(|n| n * size).collect();
    let numbers: Vec<u32> = (0..200).map(|_| insert(&mut bodies, &vec![1; size * count], &offsets)).collect();
    let all: u64 = received_extents(size * count, offsets.iter().copied()).iter().map(|extent| u64::from(extent.bytes)).sum();
    assert_eq!(bodies.held_bytes, 200 * all);
    let release = |bodies: &mut BodyStore, from: usize, to: usize| {
        let spans: Vec<PayloadRef> = numbers.iter().flat_map(|number| (from..to).map(|n| payload_ref(*number, n * size))).collect();
        bodies.release(&spans)
    };
    assert!(release(&mut bodies, 0, 110).is_empty());
    assert_eq!(release(&mut bodies, 110, 250), numbers, "each body is told once");
    let memory = (bodies.arena.memory() + 200 * (BODY_MEMORY + 4 * count)) as u64;
    let counted = bodies.memory().taken;
    assert!(counted <= memory && memory - counted < 3 * SEGMENT_SIZE as u64, "{counted} of {memory}");
}

#[test]
fn defragmenting_ends_although_moving_leaves_sparse_segments() {
    const MIB: usize = 1 << 20;
    let mut bodies = BodyStore::default();
    for (first, second) in [(3 * MIB, 4 * MIB), (3 * MIB, 2 * MIB - 1), (7 * MIB, 8 * MIB + 1), (5 * MIB, MIB)] {
        let one = insert(&mut bodies, &vec![1; first], &[0]);
        let two = insert(&mut bodies, &vec![2; second], &[0]);
        bodies.release(&[payload_ref(one, 0)]);
        bodies.defragment();
        assert_eq!(find(&bodies, payload_ref(two, 0)).unwrap().0, vec![2; second]);
    }
    // Large bodies stay, with a segment at each end.
    let (held, memory) = (bodies.retained_bytes as usize, bodies.arena.memory());
    assert!(memory <= held * 4 + (8 << 20), "{memory} for {held}");
}

#[test]
fn the_arena_is_never_much_larger_than_its_bodies() {
    let mut bodies = BodyStore::default();
    let body = |n: usize| vec![n as u8; 100_000 + n];
    let numbers: Vec<u32> = (0..400).map(|n| insert(&mut bodies, &body(n), &[7])).collect();
    // One in ten is held for long, like a running trace.
    let (keep, go): (Vec<usize>, Vec<usize>) = (0..400).partition(|n| n % 10 == 0);
    for n in go {
        bodies.release(&[payload_ref(numbers[n], 7)]);
        bodies.defragment();
    }
    let (held, memory) = (bodies.retained_bytes as usize, bodies.arena.memory());
    assert!(memory <= held * 8 / 7 + 2 * SEGMENT_SIZE, "{memory} for {held}");
    for n in keep {
        assert_eq!(find(&bodies, payload_ref(numbers[n], 7)).unwrap().0, body(n)[..]);
    }
}

fn pack(bodies: &mut BodyStore) {
    let mut packer = Packer::default();
    while let Some(segment) = bodies.next_to_pack() {
        bodies.set_packed(segment.number, packer.pack(&segment).unwrap());
    }
}

/// Bodies of which most segments are packed: each has ten spans of 20 kB, with a text of its own.
fn packed_bodies(count: usize) -> (BodyStore, Vec<u32>) {
    let mut bodies = BodyStore::default();
    let offsets: Vec<usize> = (0..10).map(|span| span * 20_000).collect();
    let numbers = (0..count).map(|n| insert(&mut bodies, &packed_body(n), &offsets)).collect();
    pack(&mut bodies);
    (bodies, numbers)
}

fn packed_body(n: usize) -> Vec<u8> {
    format!("{n:010}").into_bytes().repeat(20_000)
}

#[test]
fn packed_bodies_are_counted_as_what_they_take() {
    let (mut bodies, numbers) = packed_bodies(400);
    let before = bodies.memory();
    assert!(before.counted > 80_000_000 && before.taken < 45_000_000, "{before:?}");
    let half: Vec<_> = numbers[..200].iter().flat_map(|number| (0..10).map(|span| payload_ref(*number, span * 20_000))).collect();
    bodies.release(&half);
    let after = bodies.memory();
    assert!(after.counted < before.counted / 2 + 1 && after.taken < before.taken, "{after:?}");
    assert_eq!(find(&bodies, payload_ref(numbers[250], 40_000)), Some((packed_body(250).into(), 40_000)));
}

fn may_hold(bodies: &BodyStore, number: u32, word: &str) -> bool {
    bodies.body(number).unwrap().may_hold(&Word::new(word).unwrap(), &mut Unpacked::default())
}

#[test]
fn a_word_across_the_border_of_packed_segments_is_found_in_its_body_only() {
    const FIRST: usize = 100;
    let mut bodies = BodyStore::default();
    insert(&mut bodies, &[b'.'; FIRST], &[0]);
    let word = |n: usize| format!("Border{}", char::from(b'a' + n as u8).to_string().repeat(6));
    let body = |n: usize| {
        let mut bytes = vec![b'.'; SEGMENT_SIZE];
        let at = SEGMENT_SIZE - FIRST - 1 - n % 12;
        bytes[at..at + 12].copy_from_slice(word(n).as_bytes());
        bytes
    };
    let numbers: Vec<u32> = (0..22).map(|n| insert(&mut bodies, &body(n), &[0])).collect();
    pack(&mut bodies);
    for (n, number) in numbers.iter().enumerate().take(13) {
        assert!(may_hold(&bodies, *number, &word(n).to_uppercase()), "{n}");
        assert!(!may_hold(&bodies, *number, &word(n + 1)), "{n}: it begins in the second segment, but in the next body");
    }
    assert!(bodies.arena.is_packed(&bodies.by_number[&numbers[13]].extent));
}

#[test]
fn packed_bodies_do_not_hold_what_is_not_in_them() {
    let (bodies, numbers) = packed_bodies(400);
    let may_hold = |n: usize, word: String| may_hold(&bodies, numbers[n], &word);
    let is_packed = |n: &usize| bodies.arena.is_packed(&bodies.by_number[&numbers[*n]].extent);
    let packed: Vec<_> = (0..400).filter(is_packed).collect();
    for &n in &packed {
        assert!(may_hold(n, format!("{n:010}")) && may_hold(n, format!("{n:010}").repeat(3)), "{n}");
    }
    // The last one may end in a plain segment.
    for n in packed.iter().rev().skip(1) {
        assert!(!may_hold(*n, "absent".to_owned()) && !may_hold(*n, format!("{n:010}a").repeat(3)), "{n}");
    }
    assert!(packed.len() > 200, "{}", packed.len());
}

#[test]
fn a_packed_body_is_compacted_once_half_of_it_is_released() {
    let (mut bodies, numbers) = packed_bodies(400);
    let release = |bodies: &mut BodyStore, from: usize, to: usize| {
        bodies.release(&(from..to).map(|span| payload_ref(numbers[0], span * 20_000)).collect::<Vec<_>>())
    };
    assert_eq!(release(&mut bodies, 0, 4), [0; 0]);
    assert_eq!(release(&mut bodies, 4, 6), [numbers[0]]);
    let newest = |bodies: &mut BodyStore| bodies.release(&[payload_ref(numbers[399], 0), payload_ref(numbers[399], 20_000)]);
    assert_eq!(newest(&mut bodies), [numbers[399]], "one that is not packed, earlier");
}

#[test]
fn what_stays_of_packed_segments_is_moved_and_they_are_freed() {
    let (mut bodies, numbers) = packed_bodies(400);
    let (keep, go): (Vec<usize>, Vec<usize>) = (0..400).partition(|n| n % 20 == 0);
    let all = |n: &usize| (0..10).map(|span| payload_ref(numbers[*n], span * 20_000)).collect::<Vec<_>>();
    bodies.release(&go.iter().flat_map(all).collect::<Vec<_>>());
    let mut unpacked = Unpacked::default();
    while let Some((segment, bytes)) = bodies.take_sparse_packed() {
        drop(bytes.read(&mut unpacked));
        bodies.empty(&segment, &mut unpacked);
    }
    bodies.defragment();
    for n in keep {
        assert_eq!(find(&bodies, payload_ref(numbers[n], 0)), Some((packed_body(n).into(), 0)));
    }
    let memory = bodies.memory();
    assert!(memory.taken <= bodies.retained_bytes * 8 / 7 + 3 * SEGMENT_SIZE as u64, "{memory:?}");
}
