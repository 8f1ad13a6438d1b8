//! Where an `OpenWhisk` is, and who asks it.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};

use corpus::GUEST;
use testbed::PATIENCE;

/// An address, and a key.
#[derive(Debug)]
pub struct Server {
    /// `host:port`, as `host` of a request has it.
    pub authority: String,
    /// The same as an address.
    pub address: SocketAddr,
    /// The key.
    pub token: String,
}

impl Server {
    /// That on a port of this machine, with the guest's key.
    pub fn local(port: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self { authority: address.to_string(), address, token: GUEST.to_owned() }
    }

    /// Reads an address, and a key or nothing for the guest's.
    pub fn read(address: &str, token: &str) -> Result<Self, String> {
        let wrong = || format!("OPENWHISK is {address:?}, expected http://host:port");
        let authority = address.strip_prefix("http://").ok_or_else(wrong)?.trim_end_matches('/').to_owned();
        let (_, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
        if authority.contains(['/', '@']) || port.parse::<u16>().is_err() {
            return Err(wrong());
        }
        let token = if token.is_empty() { GUEST } else { token }.to_owned();
        if !token.contains(':') {
            return Err("OPENWHISK_TOKEN has no colon, expected user:key".to_owned());
        }
        let mut found = authority.to_socket_addrs().map_err(|error| format!("{authority}: {error}"))?;
        let address = found.next().ok_or_else(|| format!("{authority} has no address"))?;
        Ok(Self { authority, address, token })
    }

    /// Connects, for one request.
    pub fn connect(&self) -> Result<TcpStream, String> {
        let connect = || {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok::<_, std::io::Error>(stream)
        };
        connect().map_err(|error| format!("OpenWhisk at {} cannot be reached: {error}", self.authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        for (address, token, expected) in [
            ("http://127.0.0.1:3233", "", Ok(("127.0.0.1:3233", GUEST))),
            ("http://127.0.0.1:80/", "a:b", Ok(("127.0.0.1:80", "a:b"))),
            ("http://[::1]:80", "a:b", Ok(("[::1]:80", "a:b"))),
            ("https://127.0.0.1:443", "", Err("expected http://host:port")),
            ("127.0.0.1:3233", "", Err("expected http://host:port")),
            ("http://127.0.0.1", "", Err("expected http://host:port")),
            ("http://127.0.0.1:3233/api", "", Err("expected http://host:port")),
            ("http://127.0.0.1:99999", "", Err("expected http://host:port")),
            ("http://127.0.0.1:3233", "secret", Err("expected user:key")),
        ] {
            let read = Server::read(address, token);
            match (read, expected) {
                (Ok(read), Ok(expected)) => assert_eq!((read.authority.as_str(), read.token.as_str()), expected),
                (Err(error), Err(part)) => {
                    assert!(error.contains(part) && !error.contains("secret"), "{address}: {error}");
                }
                (read, _) => panic!("{address}: {read:?}"),
            }
        }
    }
}
