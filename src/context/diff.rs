//! What changed from one call's content to another's.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::content::{Content, Segment, SegmentKind};

/// The characters before the first difference that are shown, and those from there on.
const BEFORE: usize = 24;
const AFTER: usize = 56;

/// Fewer messages than this are changed, not compacted.
const MIN_COMPACTED: usize = 3;

/// The two sides of a change from shortly before the first character that differs; `…` stands for what is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// The earlier call's text.
    pub before: String,
    /// The later call's text.
    pub after: String,
}

/// The first difference between two contents, in the order in which a provider reads them. Messages are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The tools are the same in another order.
    ToolsReordered {
        /// The tool that now stands where another one stood.
        tool: String,
    },
    /// A tool was added before others, or at the end.
    ToolAdded {
        /// The tool.
        tool: String,
    },
    /// A tool is missing.
    ToolRemoved {
        /// The tool.
        tool: String,
    },
    /// The schema of a tool changed.
    ToolChanged {
        /// The tool.
        tool: String,
        /// The character of the schema that differs first, from 0.
        at: usize,
        /// The two schemas around it.
        sides: Sides,
    },
    /// A message changed.
    MessageChanged {
        /// The message.
        message: usize,
        /// Its role.
        role: String,
        /// The character that differs first, from 0.
        at: usize,
        /// The two texts around it.
        sides: Sides,
    },
    /// Messages are missing.
    MessagesDropped {
        /// The first of them in the earlier call.
        message: usize,
        /// How many.
        count: usize,
    },
    /// Messages were put before others.
    MessagesInserted {
        /// The first of them.
        message: usize,
        /// How many.
        count: usize,
    },
    /// Messages were replaced by fewer and shorter ones.
    Compacted {
        /// The first of them.
        message: usize,
        /// How many there were.
        count: usize,
        /// By how many they were replaced.
        by: usize,
    },
}

/// The difference between the messages of two calls, and their first difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Messages at the beginning or the end of both.
    pub kept: usize,
    /// Messages that only the later call has.
    pub added: usize,
    /// Messages that only the earlier call has.
    pub dropped: usize,
    /// Messages that stand in the same place with another text.
    pub changed: usize,
    /// The first difference; `None` if the later call begins with everything that the earlier one had.
    pub first: Option<Change>,
}

/// Compares two contents.
pub(super) fn diff(old: &Content, new: &Content) -> Diff {
    let (before, after) = (old.messages(), new.messages());
    let alignment = align(before, after);
    let mut diff = Diff {
        kept: alignment.kept,
        added: alignment.added,
        dropped: alignment.dropped,
        changed: alignment.changed,
        first: tool_change(old.tools(), new.tools()),
    };
    if diff.first.is_none() {
        diff.first = alignment.first;
    }
    diff
}

/// Returns whether the later content goes on from the earlier one: it has a message of it, or one that resembles it in its place.
pub(super) fn is_related(old: &Content, new: &Content) -> bool {
    let (before, after) = (old.messages(), new.messages());
    let (Some(first), Some(other)) = (before.first(), after.first()) else { return before.is_empty() && after.is_empty() };
    if first.hash == other.hash || resembles(first, other) {
        return true;
    }
    let known: HashSet<u64> = before.iter().map(|segment| segment.hash).collect();
    after.iter().any(|segment| known.contains(&segment.hash))
}

/// Returns whether the later content of another run goes on with the conversation of the earlier one: it has its answer or its last message, or begins
/// with a message of it. Instructions alone, which each run of an agent has, do not tell.
pub(super) fn goes_on(old: &Content, new: &Content) -> bool {
    fn told(content: &Content) -> impl DoubleEndedIterator<Item = &Segment> {
        content.messages().iter().filter(|segment| segment.kind != SegmentKind::System)
    }
    let (Some(last), Some(first)) = (told(old).next_back(), told(new).next()) else { return false };
    let has_grown = told(old).next().is_some_and(|begun| {
        let (one, other) = (&begun.text, &first.text);
        !one.is_empty() && !other.is_empty() && (one.starts_with(other.as_str()) || other.starts_with(one.as_str()))
    });
    has_grown
        || told(old).any(|segment| segment.hash == first.hash)
        || told(new).any(|segment| segment.hash == last.hash || old.answers.contains(&segment.hash))
}

/// Returns the size of what both begin with.
pub(super) fn common(old: &Content, new: &Content) -> u64 {
    let equal = old.segments.iter().zip(&new.segments).take_while(|(one, other)| one.hash == other.hash);
    let (count, size) = equal.fold((0, 0), |(count, size), (one, _)| (count + 1, size + one.weight()));
    let rest = match (old.segments.get(count), new.segments.get(count)) {
        (Some(one), Some(other)) if one.kind == other.kind => prefix(&one.text, &other.text) as u64,
        _ => 0,
    };
    size + rest
}

/// Whether most of two texts is equal at their ends.
fn resembles(one: &Segment, other: &Segment) -> bool {
    let shorter = one.text.len().min(other.text.len());
    let front = prefix(&one.text, &other.text);
    let back = one.text.bytes().rev().zip(other.text.bytes().rev()).take(shorter - front).take_while(|(a, b)| a == b).count();
    one.kind == other.kind && shorter > 0 && (front + back) * 2 >= one.text.len().max(other.text.len())
}

fn tool_change(old: &[Segment], new: &[Segment]) -> Option<Change> {
    let at = old.iter().zip(new).take_while(|(one, other)| one.hash == other.hash).count();
    let name = |segment: &Segment| segment.name.clone();
    match (old.get(at), new.get(at)) {
        (None, None) => None,
        (None, Some(added)) => Some(Change::ToolAdded { tool: name(added) }),
        (Some(removed), None) => Some(Change::ToolRemoved { tool: name(removed) }),
        (Some(one), Some(other)) if one.name == other.name => {
            let (at, sides) = sides(&one.text, &other.text);
            Some(Change::ToolChanged { tool: name(other), at, sides })
        }
        (Some(one), Some(other)) => {
            let has = |tools: &[Segment], tool: &Segment| tools.iter().any(|known| known.name == tool.name);
            Some(match (has(new, one), has(old, other)) {
                (true, true) => Change::ToolsReordered { tool: name(other) },
                (false, _) => Change::ToolRemoved { tool: name(one) },
                (true, false) => Change::ToolAdded { tool: name(other) },
            })
        }
    }
}

#[derive(Default)]
struct Alignment {
    kept: usize,
    added: usize,
    dropped: usize,
    changed: usize,
    first: Option<Change>,
}

/// Aligns messages: what both begin with, what both end with, and between them what was dropped, inserted, replaced or changed.
fn align(old: &[Segment], new: &[Segment]) -> Alignment {
    let front = old.iter().zip(new).take_while(|(one, other)| one.hash == other.hash).count();
    if front == old.len() {
        return Alignment { kept: front, added: new.len() - front, ..Alignment::default() };
    }
    // A window that slides drops the oldest messages, and the rest goes on.
    if let Some((dropped, run)) = going_on(&old[front..], &new[front..]) {
        return Alignment {
            kept: front + run,
            dropped: old.len() - front - run,
            added: new.len() - front - run,
            first: Some(Change::MessagesDropped { message: front, count: dropped }),
            ..Alignment::default()
        };
    }
    // What is left of the earlier call may stand further behind. A text that comes more than once, such as `ok`, does not tell where.
    let (left, right) = (Places::of(&old[front..]), Places::of(&new[front..]));
    let known = old[front..].iter().find_map(|segment| left.only(segment).zip(right.only(segment)));
    let known = known.map(|(at, to)| (front + at, front + to));
    let (old_end, new_end) = known.unwrap_or((old.len(), new.len()));
    let run = old[old_end..].iter().zip(&new[new_end..]).take_while(|(one, other)| one.hash == other.hash).count();
    let (gone, come) = (old_end - front, new_end - front);
    let rest = (old.len() - old_end - run, new.len() - new_end - run);
    let mut alignment = Alignment { kept: front + run, dropped: rest.0, added: rest.1, ..Alignment::default() };
    let size = |segments: &[Segment]| segments.iter().map(Segment::weight).sum::<u64>();
    let is_compacted = gone >= MIN_COMPACTED
        && come > 0
        && new.get(front).is_none_or(|segment| old.get(front).is_none_or(|other| !resembles(other, segment)))
        && (known.is_some() || new.len() < old.len())
        && come < gone
        && size(&new[front..new_end]) < size(&old[front..old_end]);
    if gone == 0 {
        alignment.added += come;
        alignment.first = Some(Change::MessagesInserted { message: front, count: come });
    } else if is_compacted {
        alignment.dropped += gone;
        alignment.added += come;
        alignment.first = Some(Change::Compacted { message: front, count: gone, by: come });
    } else if come == 0 {
        alignment.dropped += gone;
        alignment.first = Some(Change::MessagesDropped { message: front, count: gone });
    } else {
        alignment.changed = gone.min(come);
        alignment.dropped += gone - alignment.changed;
        alignment.added += come - alignment.changed;
        let (at, sides) = sides(&old[front].text, &new[front].text);
        alignment.first = Some(Change::MessageChanged { message: front, role: role(&new[front]), at, sides });
    }
    alignment
}

/// The most places at which a message is looked for.
const MAX_PLACES: usize = 32;

/// Returns after how many earlier messages the later ones go on, and how many are equal from there on.
fn going_on(old: &[Segment], new: &[Segment]) -> Option<(usize, usize)> {
    let first = new.first()?;
    let is_first = |segment: &&Segment| segment.hash == first.hash;
    let equal = |at: usize| old[at..].iter().zip(new).take_while(|(one, other)| one.hash == other.hash).count();
    let places = old.iter().enumerate().filter(|(_, segment)| is_first(segment)).map(|(at, _)| at).take(MAX_PLACES);
    let (run, Reverse(at)) = places.map(|at| (equal(at), Reverse(at))).max()?;
    // One message that comes more than once may be another one.
    let is_sure = run > 1 || old.iter().filter(is_first).count() == 1 && new.iter().filter(is_first).count() == 1;
    is_sure.then_some((at, run))
}

/// Where messages stand.
struct Places(HashMap<u64, Option<usize>>);

impl Places {
    fn of(segments: &[Segment]) -> Self {
        let mut places = HashMap::with_capacity(segments.len());
        for (at, segment) in segments.iter().enumerate() {
            places.entry(segment.hash).and_modify(|place| *place = None).or_insert(Some(at));
        }
        Self(places)
    }

    /// Returns the place of a message that comes once.
    fn only(&self, segment: &Segment) -> Option<usize> {
        self.0.get(&segment.hash).copied().flatten()
    }
}

fn role(segment: &Segment) -> String {
    if segment.kind == SegmentKind::Result { "tool".to_owned() } else { segment.name.clone() }
}

/// Returns the bytes that both texts begin with, up to a whole character.
fn prefix(one: &str, other: &str) -> usize {
    let mut length = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    while !one.is_char_boundary(length) {
        length -= 1;
    }
    length
}

/// Returns the first character that differs, and both texts around it.
fn sides(one: &str, other: &str) -> (usize, Sides) {
    let length = prefix(one, other);
    let around = |text: &str| {
        let start = text[..length].char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
        let end = text[length..].char_indices().nth(AFTER).map_or(text.len(), |(at, _)| length + at);
        let cut = |is_cut: bool| if is_cut { "…" } else { "" };
        format!("{}{}{}", cut(start > 0), &text[start..end], cut(end < text.len()))
    };
    (one[..length].chars().count(), Sides { before: around(one), after: around(other) })
}
