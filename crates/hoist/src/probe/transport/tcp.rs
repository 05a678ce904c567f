use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::is_shortage;

/// Before another look for a free descriptor.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(20);

/// Asks one question over one connection (RFC 7766). `None`: no answer came before the deadline.
pub(crate) async fn ask(server: SocketAddr, query: &[u8], deadline: Instant) -> Option<Vec<u8>> {
    match timeout_at(deadline.into(), exchange(server, query)).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(_)) | Err(_) => None,
    }
}

async fn exchange(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let stream = loop {
        match TcpStream::connect(server).await {
            Err(error) if is_shortage(&error) => tokio::time::sleep(DESCRIPTOR_PAUSE).await,
            other => break other?,
        }
    };
    // Length and message in one segment (RFC 7766 §8).
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    let mut framed = Vec::with_capacity(2 + query.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(query);
    write_all(&stream, &framed).await?;
    let mut length = [0; 2];
    read_exact(&stream, &mut length).await?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    read_exact(&stream, &mut answer).await?;
    Ok(answer)
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn read_exact(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        stream.readable().await?;
        match stream.try_read(&mut buffer[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
