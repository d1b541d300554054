//! The bodies that came, kept as long as a span of theirs is held.

use std::collections::HashMap;

use bytes::Bytes;

use crate::model::Address;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Protobuf,
    Json,
}

/// Bodies by number. An address is a body's number and, in its lower half, where in it a span begins.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    by_number: HashMap<u32, Body>,
    next: u32,
    held: u64,
}

#[derive(Debug)]
struct Body {
    form: Form,
    bytes: Bytes,
    /// Spans of it that are held.
    spans: usize,
}

impl Bodies {
    /// Keeps a body for its spans, of which there must be one at least, and gives it a number.
    pub(super) fn keep(&mut self, form: Form, bytes: Bytes, spans: usize) -> u32 {
        // Half of the numbers, so that an address is never negative. They start anew after two billion bodies.
        while self.by_number.contains_key(&self.next) {
            self.next = (self.next + 1) & 0x7fff_ffff;
        }
        let number = self.next;
        self.next = (self.next + 1) & 0x7fff_ffff;
        self.held += bytes.len() as u64;
        self.by_number.insert(number, Body { form, bytes, spans });
        number
    }

    /// The body that an address lies in, and where in it.
    pub(super) fn find(&self, address: Address) -> Option<(Form, Bytes, usize)> {
        let (number, at) = split(address);
        self.by_number.get(&number).map(|body| (body.form, body.bytes.clone(), at))
    }

    /// The numbers of all bodies, the newest last.
    pub(super) fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.by_number.keys().copied().collect();
        // Numbers start anew after the highest; those from the next one on are older.
        numbers.sort_unstable_by_key(|number| (*number < self.next, *number));
        numbers
    }

    /// A body by its number.
    pub(super) fn body(&self, number: u32) -> Option<(Form, Bytes)> {
        self.by_number.get(&number).map(|body| (body.form, body.bytes.clone()))
    }

    /// Lets go of the spans at these addresses, and of bodies that have none left.
    pub(super) fn release(&mut self, addresses: &[Address]) {
        for (number, _) in addresses.iter().copied().map(split) {
            let Some(body) = self.by_number.get_mut(&number) else { continue };
            body.spans -= 1;
            if body.spans == 0 {
                self.held -= body.bytes.len() as u64;
                self.by_number.remove(&number);
            }
        }
    }

    /// Bytes held.
    pub(super) fn held(&self) -> u64 {
        self.held
    }
}

/// The address of the span at `at` in a body.
pub(super) fn address(number: u32, at: usize) -> Address {
    Address(i64::from(number) << 32 | at as i64 & 0xffff_ffff)
}

/// An address's body, and where in it the span begins.
pub(super) fn split(Address(address): Address) -> (u32, usize) {
    ((address >> 32) as u32, (address & 0xffff_ffff) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_goes_with_its_last_span() {
        let mut bodies = Bodies::default();
        let one = bodies.keep(Form::Protobuf, Bytes::from_static(b"one"), 2);
        let two = bodies.keep(Form::Json, Bytes::from_static(b"other"), 1);
        assert_eq!(bodies.held(), 8);
        assert_eq!(bodies.find(address(two, 4)), Some((Form::Json, Bytes::from_static(b"other"), 4)));
        bodies.release(&[address(one, 0), address(two, 4)]);
        assert_eq!((bodies.held(), bodies.find(address(two, 4))), (3, None));
        bodies.release(&[address(one, 2)]);
        bodies.release(&[address(one, 2)]);
        assert_eq!((bodies.held(), bodies.by_number.len()), (0, 0));
    }
}
