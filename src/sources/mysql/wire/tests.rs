#![allow(clippy::unwrap_used)]

use std::io::Cursor;

use super::*;

/// What a server sends, and room for what it receives.
struct Server {
    says: Cursor<Vec<u8>>,
    hears: Vec<u8>,
}

impl Read for Server {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.says.read(buffer)
    }
}

impl Write for Server {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hears.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn packets(from: u8, messages: &[&[u8]]) -> Packets<Server> {
    let mut says = Vec::new();
    for (message, sequence) in messages.iter().zip(from..) {
        says.extend_from_slice(&(message.len() as u32).to_le_bytes()[..3]);
        says.push(sequence);
        says.extend_from_slice(message);
    }
    Packets::new(Server { says: Cursor::new(says), hears: Vec::new() })
}

const EOF: &[u8] = b"\xfe\0\0\x02\0";

fn query(messages: &[&[u8]]) -> Result<Vec<Vec<Option<String>>>, Error> {
    let mut rows = Vec::new();
    let text = |value: Option<&[u8]>| value.map(|value| String::from_utf8(value.to_vec()).unwrap());
    packets(1, messages).query("SELECT 1", |row| rows.push(row.iter().map(|value| text(*value)).collect()))?;
    Ok(rows)
}

#[test]
fn rows_have_texts_and_nulls() {
    let long = [b"\xfc\x2c\x01".as_slice(), &[b'x'; 300], b"\xfb"].concat();
    let rows = query(&[b"\x02", b"column", b"column", EOF, b"\x01a\xfb", &long, EOF]).unwrap();
    assert_eq!(rows, [vec![Some("a".to_owned()), None], vec![Some("x".repeat(300)), None]]);
    assert_eq!(query(&[b"\0\0\0\x02\0\0\0"]).unwrap(), Vec::<Vec<Option<String>>>::new());
}

#[test]
fn what_no_server_says_is_an_error() {
    let cases: [&[&[u8]]; 8] = [
        &[],
        &[b""],
        &[b"\xfb/etc/passwd"],
        &[b"\xff\x7a\x04#42S02no table"],
        &[b"\x01", b"column", EOF, b"\x05ab"],
        &[b"\x01", b"column", EOF, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"],
        &[b"\x01", b"column", EOF, b"\x01a"],
        &[b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"],
    ];
    for case in cases {
        assert!(query(case).is_err(), "{case:?}");
    }
    assert_eq!(query(cases[3]), Err(Error::NoTable(Vec::new())));
    // A sequence that skips a packet.
    assert_eq!(packets(2, &[b"\0"]).query("x", |_| {}), Err(Error::NoServer));
}

#[test]
fn any_bytes_of_a_greeting_are_read_or_refused() {
    let greeting =
        b"\x0a10.11.6-MariaDB\0\x01\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0mysql_native_password\0";
    let parsed = Greeting::parse(greeting).unwrap();
    assert_eq!((parsed.nonce.as_slice(), parsed.plugin.as_str()), (b"abcdefghijklmnopqrst".as_slice(), "mysql_native_password"));
    for length in 0..greeting.len() {
        let _ = Greeting::parse(&greeting[..length]);
    }
    assert!(Greeting::parse(b"\x09old\0").is_err());
    assert!(matches!(Greeting::parse(b"\xff\x15\x04Access denied"), Err(Error::Refused(_))));
}
