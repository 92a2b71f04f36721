//! Any bytes at all, over a connection of their own: for requests that no HTTP client would send.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long the daemon may take to answer, or to close.
const LIMIT: Duration = Duration::from_secs(30);

/// A connection that says what the test says.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl RawConnection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("the connection lives");
        Self { stream, received: Vec::new() }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The other side has closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Says that no more bytes will come from here.
    pub async fn finish(&mut self) {
        // The other side may have closed already: then there is nobody to tell.
        let _ = self.stream.shutdown().await;
    }

    /// Reads until an answer's headers are whole; gives them back, with the blank line, and keeps what follows.
    pub async fn read_head(&mut self) -> String {
        let reading = async {
            loop {
                if let Some(end) = find(&self.received, b"\r\n\r\n") {
                    let rest = self.received.split_off(end + 4);
                    return std::mem::replace(&mut self.received, rest);
                }
                let count = self.stream.read_buf(&mut self.received).await.expect("an answer");
                assert!(count > 0, "closed before the answer was whole: {:?}", self.so_far());
            }
        };
        let head = tokio::time::timeout(LIMIT, reading).await.expect("an answer in time");
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Reads until the daemon closes, by a reset too; what came. Panics if it does not close in time.
    pub async fn read_to_close(mut self) -> String {
        let reading = async {
            while let Ok(1..) = self.stream.read_buf(&mut self.received).await {}
            self.so_far()
        };
        tokio::time::timeout(LIMIT, reading).await.expect("the daemon closes in time")
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}

/// Sends bytes over a connection of their own and reads until the daemon closes; what came.
///
/// The request should say `Connection: close` unless closing is what is tested.
pub async fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let mut connection = RawConnection::open(address).await;
    // A daemon that has heard enough may close before everything is sent; its answer is still there to read.
    let _ = connection.send(request).await;
    connection.read_to_close().await
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}
