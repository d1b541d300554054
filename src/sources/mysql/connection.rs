//! Connections.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::config::Config;
use super::error::Error;
use super::wire::Packets;
use crate::sources::postgres::tls::Mode;

/// How long connecting and each answer may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to the server, encrypted or not.
pub(super) trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// An open connection.
pub(super) type Session = Packets<Box<dyn Stream>>;

impl Config {
    /// Connects, with or without TLS as the settings allow.
    pub(super) fn connect(&self) -> Result<Session, Error> {
        let (stream, is_local) = self.open()?;
        let mut packets = Packets::new(stream);
        let greeting = packets.greeting()?;
        let mode = if is_local { Mode::Disable } else { self.tls.mode };
        let is_encrypted = match mode {
            Mode::Disable | Mode::Allow => false,
            Mode::Prefer => greeting.offers_tls(),
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull if !greeting.offers_tls() => return Err(Error::NoTls),
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => true,
        };
        if is_encrypted {
            packets.ask_for_tls()?;
            packets = packets.upgrade(|stream| self.encrypt(stream))?;
        }
        packets.log_in(&greeting, &self.user, &self.password, is_encrypted, is_encrypted || is_local)?;
        Ok(packets)
    }

    fn open(&self) -> Result<(Box<dyn Stream>, bool), Error> {
        let failed = |error: std::io::Error| Error::Unreachable(error.to_string());
        #[cfg(unix)]
        if let Some(path) = &self.socket {
            let stream = std::os::unix::net::UnixStream::connect(path).map_err(failed)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_write_timeout(Some(TIMEOUT))?;
            return Ok((Box::new(stream), true));
        }
        let mut outcome = Err(Error::Unreachable("its name has no address".to_owned()));
        for address in (self.host.as_str(), self.port).to_socket_addrs().map_err(failed)? {
            outcome = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).map_err(failed);
            if outcome.is_ok() {
                break;
            }
        }
        let stream = outcome?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok((Box::new(stream), false))
    }

    fn encrypt(&self, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, Error> {
        let config = self.tls.client_config().map_err(Error::Tls)?;
        let name = ServerName::try_from(self.host.clone()).map_err(|error| Error::Tls(error.to_string()))?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| Error::Tls(error.to_string()))?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|error| Error::Tls(error.to_string()))?;
        }
        Ok(Box::new(stream))
    }
}
