//! Ports of this machine.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpSocket;

/// A port that nobody listens on, and that the system gives to nobody else while the socket is held, not even for the
/// other end of an attempt to connect to it. Who is told may listen there.
pub fn free() -> io::Result<(u16, TcpSocket)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    // Only now: where the system chooses the port it would give it to two.
    socket.set_reuseaddr(true)?;
    Ok((socket.local_addr()?.port(), socket))
}
