//! The handshake of TLS in front of HTTP: bounded in time, in a task of the connection's own.
//!
//! Whoever speaks plain HTTP to the port is told so in plain HTTP; anything else that is no handshake is closed.

use std::io;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::server::TlsStream;

use super::peer::Peer;
use crate::tls::{Certificates, name_of_client};

/// The first byte of every handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
const WRONG_PORT: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\
Content-Length: 43\r\n\r\nThis port speaks TLS: the address is https.";

/// Makes the connection secret and learns who is there, until the deadline. `None`: it came to nothing, which is told in
/// the log.
pub(super) async fn shake_hands(
    stream: TcpStream,
    certificates: Certificates,
    peer: Peer,
    deadline: Instant,
) -> Option<(TlsStream<TcpStream>, Peer)> {
    let address = peer.address;
    let said = match timeout_at(deadline, shake(stream, &certificates)).await {
        Ok(Ok(stream)) => {
            let chain = stream.get_ref().1.peer_certificates();
            let certificate_name = chain.and_then(name_of_client);
            return Some((stream, Peer { tls: true, certificate_name, ..peer }));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    tracing::debug!(peer.address = address.map(tracing::field::display), said, "a handshake failed");
    None
}

async fn shake(mut stream: TcpStream, certificates: &Certificates) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
        if first.iter().all(u8::is_ascii_uppercase) {
            stream.write_all(WRONG_PORT).await?;
            stream.shutdown().await?;
        }
        return Err(io::Error::other("it began with something else than a handshake"));
    }
    certificates.acceptor().accept(stream).await
}
