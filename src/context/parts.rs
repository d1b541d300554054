//! The parts of an input, and their estimated tokens.

use std::collections::HashMap;
use std::ops::Range;

use super::content::{Content, Segment, SegmentKind};
use crate::model::sort;

/// The most pieces of a part; the smallest others are one together.
const MAX_PIECES: usize = 50;

/// The name of the piece that stands for the smallest ones.
const OTHERS: &str = "others";

/// What each message and tool takes beside its text, in bytes: its role and its delimiters are about four tokens.
const OVERHEAD: u64 = 16;

/// The most wrappers that are looked for in a message.
const MAX_WRAPPERS: usize = 256;

/// The most characters of a wrapper's name.
const MAX_NAME: usize = 64;

/// Words in the name of a wrapper around what is known of earlier conversations and of the user.
const MEMORY: [&str; 6] = ["memor", "profile", "learning", "previous_interaction", "decision_log", "cultural"];

/// Words in the name of a wrapper around what was looked up.
const KNOWLEDGE: [&str; 5] = ["reference", "knowledge", "document", "retriev", "search_result"];

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartKind {
    /// The instructions of the system, without memory and knowledge in it.
    System,
    /// The schemas of the tools.
    Tools,
    /// What is remembered of the user and of earlier conversations.
    Memory,
    /// What was looked up and added to a message.
    Knowledge,
    /// Earlier messages of the user and the model.
    History,
    /// The results of tools.
    Results,
    /// The user's last message.
    New,
}

/// Every kind, in the order in which they are shown, with its name.
pub const PART_KINDS: [(PartKind, &str); 7] = [
    (PartKind::System, "system"),
    (PartKind::Tools, "tools"),
    (PartKind::Memory, "memory"),
    (PartKind::Knowledge, "knowledge"),
    (PartKind::History, "history"),
    (PartKind::Results, "results"),
    (PartKind::New, "new message"),
];

/// A contributor to a part: a tool, a wrapper, the messages of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The part that it belongs to.
    pub kind: PartKind,
    /// The name of the tool, the wrapper or the role.
    pub name: String,
    /// How many messages or schemas it stands for.
    pub count: u32,
    /// Its estimated tokens; `None` if the span states no input tokens.
    pub tokens: Option<u64>,
    /// Its share of the content by size, in hundredths of a percent.
    pub share: u64,
    size: u64,
}

/// The anatomy of an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The sizes by kind, in the order of [`PART_KINDS`].
    sizes: [u64; PART_KINDS.len()],
    /// The stated input tokens.
    pub input: Option<u32>,
}

impl Parts {
    /// Returns an input of which no content is known.
    pub(super) fn unread(input: Option<u32>) -> Self {
        Self { sizes: [0; PART_KINDS.len()], input }
    }

    /// Returns the size of the content in bytes, with what messages take beside their text.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// Whether no content is recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// Returns each kind with its estimated tokens, whose sum is the stated input; `None` if no input is stated or no content recorded.
    #[must_use]
    pub fn tokens(&self) -> Option<[u64; PART_KINDS.len()]> {
        let input = self.input.filter(|_| !self.is_empty())?;
        apportion(u64::from(input), &self.sizes).try_into().ok()
    }

    /// Returns the share of each kind by size, in hundredths of a percent, whose sum is 10,000; `None` if no content is recorded.
    #[must_use]
    pub fn shares(&self) -> Option<[u64; PART_KINDS.len()]> {
        if self.is_empty() { None } else { apportion(10_000, &self.sizes).try_into().ok() }
    }
}

/// Returns the anatomy of an input, and the contributors to its parts, the largest first within each part.
pub(super) fn parts(content: &Content, input: Option<u32>) -> (Parts, Vec<Piece>) {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut places: HashMap<(PartKind, String), usize> = HashMap::new();
    let mut add = |kind: PartKind, name: &str, size: u64, count: u32| {
        let place = *places.entry((kind, name.to_owned())).or_insert_with(|| {
            pieces.push(Piece { kind, name: name.to_owned(), count: 0, tokens: None, share: 0, size: 0 });
            pieces.len() - 1
        });
        pieces[place].size += size;
        pieces[place].count += count;
    };
    let last_question = content.last_question();
    for (index, segment) in content.segments.iter().enumerate() {
        let kind = kind_of(segment, last_question == Some(index));
        let mut rest = segment.weight() + OVERHEAD;
        for (wrapper, name, range) in wrappers(segment) {
            add(wrapper, name, range.len() as u64, 1);
            rest = rest.saturating_sub(range.len() as u64);
        }
        add(kind, &segment.name, rest, 1);
    }
    let mut parts = Parts::unread(input);
    for piece in &pieces {
        parts.sizes[piece.kind as usize] += piece.size;
    }
    sort::by(&mut pieces, |one, other| (one.kind, other.size, &one.name).cmp(&(other.kind, one.size, &other.name)));
    let mut pieces = merge_small(pieces);
    divide(&parts, &mut pieces);
    (parts, pieces)
}

/// Joins the smallest pieces of a part that has too many. The pieces are sorted by kind, the largest first.
fn merge_small(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut kept: Vec<Piece> = Vec::with_capacity(pieces.len().min(MAX_PIECES * PART_KINDS.len()));
    let mut count = 0;
    for piece in pieces {
        count = if kept.last().is_some_and(|last| last.kind == piece.kind) { count + 1 } else { 1 };
        match kept.last_mut().filter(|_| count > MAX_PIECES) {
            Some(last) => {
                OTHERS.clone_into(&mut last.name);
                last.size += piece.size;
                last.count += piece.count;
            }
            None => kept.push(piece),
        }
    }
    kept
}

/// Sets tokens and shares of pieces so that those of a part add up to the part's.
fn divide(parts: &Parts, pieces: &mut [Piece]) {
    let (tokens, shares) = (parts.tokens(), parts.shares());
    for group in pieces.chunk_by_mut(|one, other| one.kind == other.kind) {
        let kind = group.first().map_or(0, |piece| piece.kind as usize);
        let sizes: Vec<u64> = group.iter().map(|piece| piece.size).collect();
        let of = |whole: Option<[u64; PART_KINDS.len()]>| whole.map(|whole| apportion(whole[kind], &sizes));
        let (tokens, shares) = (of(tokens), of(shares));
        for (index, piece) in group.iter_mut().enumerate() {
            piece.tokens = tokens.as_ref().and_then(|tokens| tokens.get(index).copied());
            piece.share = shares.as_ref().and_then(|shares| shares.get(index).copied()).unwrap_or_default();
        }
    }
}

/// Divides a whole among parts by their sizes. The result adds up to the whole; it is all 0 if there are no sizes.
pub(super) fn apportion(whole: u64, sizes: &[u64]) -> Vec<u64> {
    let sum: u128 = sizes.iter().map(|size| u128::from(*size)).sum();
    if sum == 0 {
        return vec![0; sizes.len()];
    }
    let exact = |size: u64| u128::from(size) * u128::from(whole);
    let mut shares: Vec<u64> = sizes.iter().map(|&size| (exact(size) / sum) as u64).collect();
    let missing = whole - shares.iter().sum::<u64>();
    // The largest remainders round up.
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    sort::by_key(&mut order, |&at| (std::cmp::Reverse(exact(sizes[at]) % sum), at));
    order.into_iter().take(missing as usize).for_each(|at| shares[at] += 1);
    shares
}

/// Returns the part that a segment belongs to, without wrappers in it.
pub(super) fn kind_of(segment: &Segment, is_last_question: bool) -> PartKind {
    match segment.kind {
        SegmentKind::Tool => PartKind::Tools,
        SegmentKind::System => PartKind::System,
        SegmentKind::Result => PartKind::Results,
        SegmentKind::User if is_last_question => PartKind::New,
        SegmentKind::User | SegmentKind::Other => PartKind::History,
    }
}

/// Returns the outermost wrappers of memory and knowledge in a message of the system or the user: `<name>…</name>`, with their names and
/// places.
pub(super) fn wrappers(segment: &Segment) -> Vec<(PartKind, &str, Range<usize>)> {
    if !matches!(segment.kind, SegmentKind::System | SegmentKind::User) {
        return Vec::new();
    }
    let text = segment.text.as_str();
    let (mut found, mut at, mut seen) = (Vec::new(), 0, 0);
    while let Some(open) = text[at..].find('<').map(|offset| at + offset) {
        at = open + 1;
        seen += 1;
        if seen > MAX_WRAPPERS {
            break;
        }
        let name = &text[at..];
        let length = name.bytes().take(MAX_NAME + 1).take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')).count();
        let (name, rest) = name.split_at(length);
        let Some(kind) = kind_of_wrapper(name).filter(|_| rest.starts_with(['>', ' '])) else { continue };
        let close = format!("</{name}>");
        if let Some(end) = text[at..].find(&close).map(|offset| at + offset + close.len()) {
            found.push((kind, name, open..end));
            at = end;
        }
    }
    found
}

fn kind_of_wrapper(name: &str) -> Option<PartKind> {
    let lower = name.to_ascii_lowercase().replace('-', "_");
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if lower.is_empty() || lower.len() > MAX_NAME {
        None
    } else if has(&MEMORY) {
        Some(PartKind::Memory)
    } else {
        has(&KNOWLEDGE).then_some(PartKind::Knowledge)
    }
}
