//! A probe without a runtime: the machine that decides what is asked, driven by blocking sockets and
//! threads. One thread reads each socket; the main thread does all the rest.
//!
//! `cargo run --features exchange --example blocking_probe DNS-SERVER:PORT NAME...`

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use hoist::exchange::{Answer, Exchange, Policy, Record, SocketId, Tcp};

const DEADLINE: Duration = Duration::from_secs(30);
/// How soon a thread sees that its socket is not wanted any more.
const LOOK: Duration = Duration::from_millis(50);

/// What the threads bring.
enum Event {
    Datagram(SocketId, Vec<u8>),
    Refused(SocketId),
    Tcp(Tcp, Option<Vec<u8>>),
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let server: SocketAddr = args.next().ok_or("the first argument is DNS-SERVER:PORT")?.parse()?;
    let names: Vec<String> = args.collect();
    let policy = Policy {
        timeout: Duration::from_secs(1),
        timeout_max: Duration::from_secs(4),
        retries: 9,
        spread: true,
    };
    let mut exchange = Exchange::new(policy, &[server], None).ok_or("there is no server")?;
    let now = Instant::now();
    let mut asked = 0;
    for (owner, name) in names.iter().enumerate() {
        match exchange.ask(now, owner, name, Record::A, now + DEADLINE) {
            Ok(_) => asked += 1,
            // It is no name, and that is its outcome.
            Err(_) => println!("? {name}"),
        }
    }
    // Threads wait where it is full: what is lost then is lost in the socket, and asked again.
    let (events, arrived) = sync_channel(256);
    thread::scope(|scope| run(scope, exchange, &names, asked, &events, arrived))?;
    Ok(())
}

fn run<'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut exchange: Exchange,
    names: &[String],
    mut left: usize,
    events: &SyncSender<Event>,
    arrived: Receiver<Event>,
) -> io::Result<()> {
    let mut sockets: HashMap<SocketId, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = Vec::new();
    while left > 0 {
        let now = Instant::now();
        exchange.handle_timeout(now);
        loop {
            while let Some(transmit) = exchange.poll_transmit(now, &mut buffer) {
                let socket = transmit.socket();
                match sockets[&socket].send(&buffer) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        exchange.not_sent(now, transmit);
                        exchange.refused(now, socket, None);
                    }
                    Err(_) => exchange.not_sent(now, transmit),
                }
            }
            let Some(wanted) = exchange.poll_socket() else { break };
            match connect(wanted.address()) {
                Ok(socket) => {
                    let (id, socket) = (exchange.socket_opened(wanted), Arc::new(socket));
                    sockets.insert(id, Arc::clone(&socket));
                    let events = events.clone();
                    scope.spawn(move || read(id, &socket, &events));
                }
                Err(error) => exchange.socket_failed(now, wanted, Some(error.to_string())),
            }
        }
        while let Some(tcp) = exchange.poll_tcp(now, &mut buffer) {
            let (query, events) = (buffer.clone(), events.clone());
            scope.spawn(move || {
                let answer = ask_over_tcp(&tcp, &query).ok();
                // Nobody listens once all is answered.
                let _ = events.send(Event::Tcp(tcp, answer));
            });
        }
        while let Some(id) = exchange.poll_close() {
            sockets.remove(&id);
        }
        while let Some(settled) = exchange.poll_settled() {
            let mark = match settled.answer {
                Answer::Addresses(_) => '+',
                Answer::NoData | Answer::NoSuchName => ' ',
                Answer::Unknown(_) => '?',
            };
            writeln!(io::stdout(), "{mark} {}", names[settled.owner])?;
            left -= 1;
        }
        if left > 0 {
            let until = exchange.next_timeout().unwrap_or(now + LOOK);
            wait(&mut exchange, &arrived, until, &sockets);
        }
    }
    // Sockets first, then who reads them: none of the threads is left waiting.
    drop(sockets);
    drop(arrived);
    Ok(())
}

/// Hands in what has come; waits for something where nothing has, until then at most.
fn wait(
    exchange: &mut Exchange,
    arrived: &Receiver<Event>,
    until: Instant,
    sockets: &HashMap<SocketId, Arc<UdpSocket>>,
) {
    let mut next = arrived.recv_timeout(until.saturating_duration_since(Instant::now()));
    while let Ok(event) = next {
        let now = Instant::now();
        match event {
            // From one that is closed: its number may soon be another's.
            Event::Datagram(id, _) | Event::Refused(id) if !sockets.contains_key(&id) => {}
            Event::Datagram(id, bytes) => exchange.receive(now, id, &bytes),
            Event::Refused(id) => exchange.refused(now, id, None),
            Event::Tcp(tcp, answer) => exchange.tcp_ended(now, tcp, answer.as_deref()),
        }
        next = arrived.try_recv().map_err(|_| RecvTimeoutError::Timeout);
    }
}

/// A socket on a random port of the system's choice.
fn connect(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(LOOK))?;
    Ok(socket)
}

/// Reads until nobody else holds the socket.
fn read(id: SocketId, socket: &Arc<UdpSocket>, events: &SyncSender<Event>) {
    let mut buffer = [0; 4096];
    while Arc::strong_count(socket) > 1 {
        let event = match socket.recv(&mut buffer) {
            Ok(length) => Event::Datagram(id, buffer[..length].to_vec()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Event::Refused(id),
            Err(_) => continue,
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

/// One question over one connection (RFC 7766 §8: length and message in one segment).
fn ask_over_tcp(tcp: &Tcp, query: &[u8]) -> io::Result<Vec<u8>> {
    let time = tcp.deadline().saturating_duration_since(Instant::now()).max(LOOK);
    let mut stream = TcpStream::connect_timeout(&tcp.address(), time)?;
    stream.set_read_timeout(Some(time))?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), query].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}
