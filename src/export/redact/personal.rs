//! Personal data: numbers of cards, accounts and phones, IP addresses, and e-mail addresses of any script.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::Regex;

use super::{MASK, apply};

/// Replaces personal data. What has a checksum is checked, so that other long numbers stay.
pub(super) fn redact(text: &mut Cow<'_, str>) {
    for (pattern, is_personal) in PATTERNS.iter() {
        apply(pattern, text, |captures, rest| {
            let (before, found) = (&captures[1], &captures[2]);
            // A part of a longer word or number is another one.
            let is_cut = rest.trim_start_matches('.').starts_with(|c: char| c.is_alphanumeric());
            if is_cut || !is_personal(found) { captures[0].to_owned() } else { format!("{before}{MASK}") }
        });
    }
}

type Check = fn(&str) -> bool;

/// Patterns of two groups: what is before, and the data.
static PATTERNS: LazyLock<Vec<(Regex, Check)>> = LazyLock::new(|| {
    let patterns: [(&str, Check); 6] = [
        (r"()([\p{L}\p{N}_.%+-]+@[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*\.\p{L}{2,})", |_| true),
        (r"(^|[^A-Za-z0-9])([A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)", is_iban),
        (r"(^|[^0-9A-Za-z.-])([2-6](?:[ -]?[0-9]){12,18})", is_card),
        (r"(^|[^0-9A-Za-z.])((?:[0-9]{1,3}\.){3}[0-9]{1,3})", is_address),
        (r"(^|[^0-9A-Za-z:.])((?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:[0-9]{1,3}\.){3}[0-9]{1,3})?)", is_address),
        (
            r"(^|[^0-9A-Za-z.+-])(\+[1-9](?:[ ()./-]{0,2}[0-9]){7,14}|\([0-9]{2,5}\)[ ./-]?[0-9]{3,4}(?:[ ./-]?[0-9]{2,4}){1,3}|[0-9]{3}[-.][0-9]{3}[-.][0-9]{4})",
            |_| true,
        ),
    ];
    patterns.into_iter().filter_map(|(pattern, check)| Some((Regex::new(pattern).ok()?, check))).collect()
});

/// Whether digits have the checksum of card numbers (Luhn's).
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits.iter().rev().enumerate().map(|(at, &digit)| if at % 2 == 1 { doubled(digit) } else { digit }).sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

/// Whether a text has the checksum of account numbers (ISO 13616).
fn is_iban(text: &str) -> bool {
    let characters: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
    let Some((country, account)) = characters.split_at_checked(4) else { return false };
    let rest = account.iter().chain(country).filter_map(|c| c.to_digit(36));
    (15..=34).contains(&characters.len()) && rest.fold(0, |rest, value| (rest * if value > 9 { 100 } else { 10 } + value) % 97) == 1
}

/// Whether a text is an address of a machine, other than this one, any or a documented mask.
fn is_address(text: &str) -> bool {
    match text.parse() {
        Ok(IpAddr::V4(address)) => !address.is_loopback() && address != Ipv4Addr::UNSPECIFIED && address.octets()[0] != 255,
        Ok(IpAddr::V6(address)) => !address.is_loopback() && address != Ipv6Addr::UNSPECIFIED && text.len() > 5,
        Err(_) => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::export::Redactor;

    #[test]
    fn personal_data_is_redacted_and_other_numbers_stay() {
        let redactor = Redactor::with_personal(&[]).unwrap();
        // The numbers are those that payment networks and the standard publish as examples.
        for (text, hidden) in [
            ("pay with 4111 1111 1111 1111 now", "pay with [redacted] now"),
            ("card: 5555-5555-5555-4444.", "card: [redacted]."),
            ("378282246310005", "[redacted]"),
            ("to DE89 3704 0044 0532 0130 00, please", "to [redacted], please"),
            ("GB29NWBK60161331926819", "[redacted]"),
            ("call +49 30 1234567 or (555) 123-4567", "call [redacted] or [redacted]"),
            ("call 555-123-4567", "call [redacted]"),
            ("from 192.168.17.4 and 2001:db8::8a2e:370:7334", "from [redacted] and [redacted]"),
            ("schreib an jürgen@müller.de oder 用户@例子.公司", "schreib an [redacted] oder [redacted]"),
        ] {
            assert_eq!(redactor.text(text), hidden, "{text}");
        }
        for plain in [
            "order 4111 1111 1111 1112",
            "4111111111111111111111111111",
            "DE89 3704 0044 0532 0130 02",
            "127.0.0.1:4317, 0.0.0.0, 255.255.255.0",
            "version 1.2.3, 300.1.2.3, 1.2.3.4.5",
            "at 12:30:45, 2026-11-22T05:59:04.229975+00:00",
            "std::fmt::Debug, a::b",
            "trace a35b86bdb9064fb97aada36fc5895679",
            "1795327144000000000 ns, 123456789012345",
            "1 + 2 = 3, 10-20-30",
        ] {
            assert_eq!(redactor.text(plain), plain);
        }
        assert_eq!(Redactor::new(&[]).unwrap().text("4111 1111 1111 1111"), "4111 1111 1111 1111");
    }
}
