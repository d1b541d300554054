//! The client/server protocol of MySQL and MariaDB: packets, the handshake and text results. Reads only; of the data that a server sends nothing is trusted.

use std::io::{self, BufReader, Read, Write};

use super::auth::{self, Step};
use super::error::Error;

/// The most bytes of a packet; a longer message has several.
const MAX_PACKET: usize = 0xff_ffff;
/// The most bytes of a message: no row of spans comes near.
const MAX_MESSAGE: usize = 256 << 20;
/// The bytes that are read at once.
const BUFFER: usize = 1 << 16;
/// `utf8mb4_general_ci`.
const UTF8MB4: u8 = 45;

/// Capabilities of the client.
const LONG_PASSWORD: u32 = 1;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;
const CLIENT: u32 = LONG_PASSWORD | PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH;

/// A stream of packets.
pub(in crate::sources) struct Packets<S> {
    stream: BufReader<S>,
    sequence: u8,
}

/// What a server says first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) version: String,
    nonce: Vec<u8>,
    plugin: String,
    capabilities: u32,
}

impl Greeting {
    /// Whether the server offers TLS.
    pub(super) fn offers_tls(&self) -> bool {
        self.capabilities & SSL != 0
    }

    fn parse(message: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields(message);
        match fields.byte()? {
            10 => {}
            0xff => return Err(error_in(&message[1..])),
            _ => return Err(Error::NoServer),
        }
        let version = String::from_utf8_lossy(fields.until_zero()?).into_owned();
        fields.take(4)?;
        let mut nonce = fields.take(8)?.to_vec();
        fields.take(1)?;
        let low = u32::from(u16::from_le_bytes([fields.byte()?, fields.byte()?]));
        let (mut high, mut rest) = (0, 0);
        if fields.take(3).is_ok() {
            high = u32::from(u16::from_le_bytes([fields.byte()?, fields.byte()?]));
            rest = usize::from(fields.byte()?);
            fields.take(10)?;
        }
        let more = fields.take(rest.saturating_sub(8).max(13).min(fields.0.len()))?;
        nonce.extend_from_slice(more.strip_suffix(b"\0").unwrap_or(more));
        let plugin = String::from_utf8_lossy(fields.until_zero().unwrap_or(fields.0)).into_owned();
        Ok(Self { version, nonce, plugin, capabilities: low | high << 16 })
    }
}

impl<S: Read + Write> Packets<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: BufReader::with_capacity(BUFFER, stream), sequence: 0 }
    }

    /// Goes on with another stream, such as an encrypted one.
    pub(super) fn upgrade<T: Read>(self, upgrade: impl FnOnce(S) -> Result<T, Error>) -> Result<Packets<T>, Error> {
        // Nothing may stand before the encryption.
        if !self.stream.buffer().is_empty() {
            return Err(Error::NoServer);
        }
        Ok(Packets { stream: BufReader::with_capacity(BUFFER, upgrade(self.stream.into_inner())?), sequence: self.sequence })
    }

    /// Reads a message.
    fn read(&mut self) -> Result<Vec<u8>, Error> {
        let mut message = Vec::new();
        loop {
            let mut head = [0; 4];
            self.stream.read_exact(&mut head)?;
            let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
            if head[3] != self.sequence {
                return Err(Error::NoServer);
            }
            self.sequence = self.sequence.wrapping_add(1);
            if message.len() + length > MAX_MESSAGE {
                return Err(Error::Other("a message of the server is too large".to_owned()));
            }
            let read = (&mut self.stream).take(length as u64).read_to_end(&mut message)?;
            if read < length {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            if length < MAX_PACKET {
                return Ok(message);
            }
        }
    }

    /// Writes a message, which is shorter than a packet may be.
    fn write(&mut self, message: &[u8]) -> Result<(), Error> {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut packet = vec![length[0], length[1], length[2], self.sequence];
        packet.extend_from_slice(message);
        self.sequence = self.sequence.wrapping_add(1);
        self.stream.get_mut().write_all(&packet)?;
        Ok(self.stream.get_mut().flush()?)
    }

    /// Reads what the server says first.
    pub(super) fn greeting(&mut self) -> Result<Greeting, Error> {
        Greeting::parse(&self.read()?)
    }

    /// Asks the server to go on with TLS.
    pub(super) fn ask_for_tls(&mut self) -> Result<(), Error> {
        self.write(&head(CLIENT | SSL))
    }

    /// Logs in. Passwords are sent in the clear only if the stream `is_private`.
    pub(super) fn log_in(
        &mut self,
        greeting: &Greeting,
        user: &str,
        password: &str,
        is_encrypted: bool,
        is_private: bool,
    ) -> Result<(), Error> {
        let password = password.as_bytes();
        let answer = auth::answer(&greeting.plugin, password, &greeting.nonce, is_private);
        // A server goes on with the plugin of the user whatever is answered here.
        let answer = answer.unwrap_or_default();
        let mut response = head(CLIENT | if is_encrypted { SSL } else { 0 });
        response.extend_from_slice(user.as_bytes());
        response.push(0);
        response.push(answer.len() as u8);
        response.extend_from_slice(&answer);
        response.extend_from_slice(greeting.plugin.as_bytes());
        response.push(0);
        self.write(&response)?;
        let mut plugin = greeting.plugin.clone();
        // Each server asks once or twice.
        for _ in 0..8 {
            let message = self.read()?;
            match message.split_first() {
                Some((0, _)) => return Ok(()),
                Some((0xff, rest)) => return Err(error_in(rest)),
                Some((0xfe, rest)) => {
                    let mut fields = Fields(rest);
                    plugin = String::from_utf8_lossy(fields.until_zero()?).into_owned();
                    let nonce = fields.0.strip_suffix(b"\0").unwrap_or(fields.0);
                    let answer = auth::answer(&plugin, password, nonce, is_private)?;
                    self.write(&answer)?;
                }
                Some((1, rest)) => match auth::go_on(&plugin, rest, password, is_private)? {
                    Step::Wait => {}
                    Step::Send(answer) => self.write(&answer)?,
                },
                _ => return Err(Error::NoServer),
            }
        }
        Err(Error::NoServer)
    }

    /// Runs a statement. Visits the rows: the values as text, `None` for null.
    pub(in crate::sources) fn query(&mut self, sql: &str, mut visit: impl FnMut(&[Option<&[u8]>])) -> Result<(), Error> {
        self.sequence = 0;
        self.write(&[b"\x03", sql.as_bytes()].concat())?;
        let first = self.read()?;
        let columns = match first.split_first() {
            Some((0, _)) => return Ok(()),
            Some((0xff, rest)) => return Err(error_in(rest)),
            // The server asks for a file of this machine.
            Some((0xfb, _)) | None => return Err(Error::NoServer),
            Some(_) => Fields(&first).length()?.ok_or(Error::NoServer)?,
        };
        for _ in 0..columns {
            self.read()?;
        }
        self.read()?;
        loop {
            let message = self.read()?;
            match message.split_first() {
                Some((0xff, rest)) => return Err(error_in(rest)),
                Some((0xfe, rest)) if rest.len() < 8 => return Ok(()),
                _ => {}
            }
            let mut fields = Fields(&message);
            let mut values = Vec::new();
            for _ in 0..columns {
                values.push(match fields.length()? {
                    Some(length) => Some(fields.take(usize::try_from(length).unwrap_or(usize::MAX))?),
                    None => None,
                });
            }
            visit(&values);
        }
    }
}

/// The beginning of a response to the greeting.
fn head(capabilities: u32) -> Vec<u8> {
    let mut head = capabilities.to_le_bytes().to_vec();
    head.extend_from_slice(&(MAX_PACKET as u32).to_le_bytes());
    head.push(UTF8MB4);
    head.extend_from_slice(&[0; 23]);
    head
}

/// Returns the error in a message, whose first byte was read.
fn error_in(rest: &[u8]) -> Error {
    let Some((code, text)) = rest.split_first_chunk::<2>() else { return Error::NoServer };
    // A state of SQL may stand before the text.
    let text = if text.first() == Some(&b'#') { text.get(6..).unwrap_or_default() } else { text };
    Error::of_server(u16::from_le_bytes(*code), String::from_utf8_lossy(text).into_owned())
}

/// The unread fields of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Error::NoServer)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.take(1)?[0])
    }

    fn until_zero(&mut self) -> Result<&'a [u8], Error> {
        let end = memchr::memchr(0, self.0).ok_or(Error::NoServer)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    /// Reads a length; `None` for null.
    fn length(&mut self) -> Result<Option<u64>, Error> {
        let bytes = match self.byte()? {
            0xfb => return Ok(None),
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            0xff => return Err(Error::NoServer),
            length => return Ok(Some(u64::from(length))),
        };
        let mut length = [0; 8];
        length[..bytes].copy_from_slice(self.take(bytes)?);
        Ok(Some(u64::from_le_bytes(length)))
    }
}

#[cfg(test)]
mod tests;
