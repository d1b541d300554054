use super::super::packed::{Packer, Unpacked};
use super::*;

fn read(arena: &Arena, extent: &Extent) -> Bytes {
    arena.get(extent).read(&mut Unpacked::default())
}

#[test]
fn bytes_span_segments_and_are_freed_with_them() {
    let mut arena = Arena::default();
    let bodies: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n; SEGMENT_SIZE / 3 + usize::from(n)]).collect();
    let extents: Vec<_> = bodies.iter().map(|body| arena.insert(body).unwrap()).collect();
    for (body, extent) in bodies.iter().zip(&extents) {
        assert_eq!(read(&arena, extent), body[..]);
    }
    let all = arena.memory();
    let kept = read(&arena, &extents[0]);
    (0..20).filter(|n| ![3, 6, 10].contains(n)).for_each(|n| arena.free(&extents[n]));
    let sparse = arena.take_sparse(9);
    assert!(sparse.iter().all(|sparse| [3, 6, 10].iter().any(|n| sparse.contains(&extents[*n].start))), "{sparse:?}");
    assert_eq!((sparse.len(), arena.take_sparse(1).len()), (2, 1), "as many as are needed");
    assert_eq!(arena.take_sparse(9), [], "each once");
    arena.free(&extents[3]);
    arena.free(&extents[6]);
    assert_eq!((all, arena.memory()), (7 * SEGMENT_SIZE, 2 * SEGMENT_SIZE), "its own segment, and the open one");
    assert_eq!(kept, bodies[0][..], "a reader keeps the bytes of a freed segment");
    assert_eq!(read(&arena, &extents[10]), bodies[10][..]);
}

#[test]
fn freeing_the_oldest_first_moves_nothing_and_reuses_segments() {
    let mut arena = Arena::default();
    let insert = |arena: &mut Arena, n: u8| arena.insert(&vec![n; SEGMENT_SIZE / 5]).unwrap();
    let mut extents: Vec<Extent> = (0..50).map(|n| insert(&mut arena, n)).collect();
    let before = arena.memory();
    for n in 50..250 {
        arena.free(&extents.remove(0));
        assert_eq!(arena.take_sparse(9), []);
        extents.push(insert(&mut arena, n));
        assert!(arena.memory() <= before + SEGMENT_SIZE && arena.sparse.len() <= 1);
        // Equal neighbors are compared at once: a test without optimization takes seconds for each byte.
        let is_filled = |bytes: &[u8], n: u8| bytes[0] == n && bytes[1..] == bytes[..bytes.len() - 1];
        assert!(extents.iter().zip(n - 49..).all(|(extent, n)| is_filled(&read(&arena, extent), n)));
    }
    assert_eq!(arena.pool.lock().unwrap().len(), 0, "freed segments are reused at once");
    arena.free(&(extents[0].start..extents[49].end));
    assert_eq!(arena.pool.lock().unwrap().len(), POOL_SIZE);
}

#[test]
fn a_body_larger_than_a_segment_is_read_back() {
    let mut arena = Arena::default();
    let body: Vec<u8> = (0..SEGMENT_SIZE * 2 + 7).map(|n| (n % 251) as u8).collect();
    let extent = arena.insert(&body).unwrap();
    assert_eq!(read(&arena, &extent), body[..]);
    arena.free(&extent);
    assert_eq!(arena.memory(), SEGMENT_SIZE, "the open segment");
    assert_eq!(arena.insert(b"").unwrap().count(), 0);
}

#[test]
fn old_segments_are_packed_once_there_are_many_and_stay_readable() {
    let (mut arena, mut packer) = (Arena::default(), Packer::default());
    let body =
        |n: usize| -> Vec<u8> { (0..=SEGMENT_SIZE / 2).map(|at| if at % 5 == 0 { (at / 640 + n) as u8 } else { n as u8 }).collect() };
    let pack = |arena: &mut Arena, packer: &mut Packer| {
        let mut numbers = Vec::new();
        while let Some(segment) = arena.next_to_pack() {
            arena.set_packed(segment.number, packer.pack(&segment).unwrap());
            numbers.push(segment.number);
        }
        numbers
    };
    let mut extents: Vec<_> = (0..20).map(|n| arena.insert(&body(n)).unwrap()).collect();
    assert_eq!(pack(&mut arena, &mut packer), [0; 0], "few segments");
    extents.extend((20..28).map(|n| arena.insert(&body(n)).unwrap()));
    let plain = arena.held_memory();
    assert_eq!(pack(&mut arena, &mut packer), (0..=13 - NEWEST).collect::<Vec<_>>());
    assert_eq!(pack(&mut arena, &mut packer), [0; 0], "each once");
    assert!(arena.held_memory() < plain - 5 * SEGMENT_SIZE, "{} of {plain}", arena.held_memory());
    for (n, extent) in extents.iter().enumerate() {
        assert_eq!(read(&arena, extent), body(n)[..]);
    }
    assert!(arena.is_packed(&extents[0]) && !arena.is_packed(&extents[20]));
    for extent in &extents {
        arena.free(extent);
    }
    assert_eq!((arena.packed_bytes, arena.packed_count, arena.plain_used), (0, 0, 0));
    assert!(arena.held_memory() <= SEGMENT_SIZE && arena.sparse_packed.is_empty());
}

#[test]
fn a_segment_that_is_freed_while_it_is_packed_stays_freed() {
    let (mut arena, mut packer) = (Arena::default(), Packer::default());
    let extents: Vec<_> = (0..12).map(|_| arena.insert(&vec![1; SEGMENT_SIZE]).unwrap()).collect();
    let segment = arena.next_to_pack().unwrap();
    arena.free(&extents[0]);
    arena.set_packed(segment.number, packer.pack(&segment).unwrap());
    assert_eq!((arena.packed_bytes, arena.packed_count), (0, 0));
    assert_eq!(read(&arena, &extents[0]), b""[..]);
    assert_eq!(arena.next_to_pack().unwrap().number, 1);
}
