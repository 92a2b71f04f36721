//! The proxy before a server that sends back what it gets.

use super::*;

/// How long anything may take here.
const LIMIT: Duration = Duration::from_secs(30);

/// A server that answers every byte with `greeting + byte`, until the client has no more to say.
async fn echo(greeting: u8) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut bytes = [0; 1024];
                while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                    let answer: Vec<u8> =
                        bytes[..read].iter().map(|byte| byte.wrapping_add(greeting)).collect();
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, tasks)
}

async fn ask(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(bytes).await?;
    let mut answer = vec![0; bytes.len()];
    tokio::time::timeout(LIMIT, stream.read_exact(&mut answer)).await.expect("an answer in time")?;
    Ok(answer)
}

#[tokio::test]
async fn bytes_pass_both_ways_and_are_counted() {
    let (server, _server) = echo(1).await;
    let proxy = Proxy::to(server).await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut client, b"abc").await.unwrap(), b"bcd");
    assert_eq!(proxy.passed(), Passed { to_server: 3, to_client: 3, connections: 1, open: 1 });
    client.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_piece_is_late_by_its_number_and_what_follows_waits_for_it() {
    let (server, _server) = echo(1).await;
    let proxy = Proxy::to(server).await;
    let late = Duration::from_millis(200);
    proxy.delay_each(Way::ToClient, move |number| if number == 2 { late } else { Duration::ZERO });
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut client, b"a").await.unwrap();
    let begun = Instant::now();
    ask(&mut client, b"b").await.unwrap();
    assert!(begun.elapsed() >= late);
}

#[tokio::test]
async fn what_stalls_goes_on_when_it_is_resumed() {
    let (server, _server) = echo(1).await;
    let proxy = Proxy::to(server).await;
    proxy.stall(Way::ToClient);
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    client.write_all(b"a").await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(100), client.read_u8()).await;
    assert!(nothing.is_err());
    assert_eq!(proxy.passed().to_server, 1);
    proxy.resume();
    assert_eq!(tokio::time::timeout(LIMIT, client.read_u8()).await.unwrap().unwrap(), b'b');
}

#[tokio::test]
async fn connections_are_cut_reset_and_refused() {
    let (server, _server) = echo(1).await;
    let proxy = Proxy::to(server).await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut client, b"a").await.unwrap();
    proxy.cut();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut client, b"a").await.unwrap();
    proxy.reset();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    proxy.refuse(true);
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ask(&mut client, b"a").await.is_err());
    proxy.refuse(false);
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ask(&mut client, b"a").await.is_ok());
}

#[tokio::test]
async fn a_reply_is_cut_after_so_many_bytes_and_the_next_is_whole() {
    let (server, _server) = echo(1).await;
    let proxy = Proxy::to(server).await;
    proxy.cut_after(Way::ToClient, 5);
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut client, b"abc").await.unwrap();
    client.write_all(b"defg").await.unwrap();
    let mut rest = Vec::new();
    // Some systems tell a reset, because bytes of ours were not read any more.
    let _ = tokio::time::timeout(LIMIT, client.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"ef");
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut client, b"abcdefgh").await.unwrap(), b"bcdefghi");
}

#[tokio::test]
async fn it_leads_to_another_server_when_it_is_switched() {
    let (one, _one) = echo(1).await;
    let (two, _two) = echo(2).await;
    let proxy = Proxy::to(one).await;
    let mut old = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut old, b"a").await.unwrap(), b"b");
    proxy.switch(two);
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut new, b"a").await.unwrap(), b"c");
    assert_eq!(ask(&mut old, b"a").await.unwrap(), b"b");
}

#[tokio::test]
async fn nobody_is_there_when_it_is_dropped() {
    let (server, _server) = echo(1).await;
    let proxy = Proxy::to(server).await;
    let address = proxy.address();
    let mut client = TcpStream::connect(address).await.unwrap();
    ask(&mut client, b"a").await.unwrap();
    drop(proxy);
    assert_eq!(client.read(&mut [0; 1]).await.unwrap_or(0), 0);
}
