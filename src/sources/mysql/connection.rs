//! Connections.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::config::Config;
use super::error::{Error, NO_ANSWER};
use super::wire::Packets;
use crate::sources::tls::Mode;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long each message may take until the login is done. A server greets at once.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(4);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to the server, encrypted or not.
pub(in crate::sources) trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// An open connection.
pub(in crate::sources) type Session = Packets<Box<dyn Stream>>;

/// Another handle of the connection's socket, which shares its settings.
enum Socket {
    #[cfg(unix)]
    Local(UnixStream),
    Remote(TcpStream),
}

impl Socket {
    /// Limits the time of each read and each write.
    fn limit(&self, time: Duration) -> std::io::Result<()> {
        let time = Some(time);
        match self {
            #[cfg(unix)]
            Self::Local(socket) => socket.set_read_timeout(time).and_then(|()| socket.set_write_timeout(time)),
            Self::Remote(socket) => socket.set_read_timeout(time).and_then(|()| socket.set_write_timeout(time)),
        }
    }
}

impl Config {
    /// Connects, with or without TLS as the settings allow.
    pub(in crate::sources) fn connect(&self) -> Result<Session, Error> {
        let (stream, socket) = self.open()?;
        let is_local = !matches!(socket, Socket::Remote(_));
        socket.limit(LOGIN_TIMEOUT)?;
        let mut packets = Packets::new(stream);
        let greeting = packets.greeting().map_err(|error| match error {
            Error::Lost(reason) if reason == NO_ANSWER => Error::Silent(LOGIN_TIMEOUT),
            error => error,
        })?;
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
        socket.limit(TIMEOUT)?;
        Ok(packets)
    }

    fn open(&self) -> Result<(Box<dyn Stream>, Socket), Error> {
        let failed = |error: std::io::Error| Error::Unreachable(error.to_string());
        #[cfg(unix)]
        if let Some(path) = &self.socket {
            let stream = UnixStream::connect(path).map_err(failed)?;
            let socket = Socket::Local(stream.try_clone()?);
            return Ok((Box::new(stream), socket));
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
        let socket = Socket::Remote(stream.try_clone()?);
        Ok((Box::new(stream), socket))
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
