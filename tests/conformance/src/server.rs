//! Where an `OpenWhisk` is, and who asks it.

use std::net::{SocketAddr, TcpStream};

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

    /// That at an address, with this key or the guest's.
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
        // A name may have several addresses, and not all of them answer.
        let answers = TcpStream::connect(&authority).and_then(|stream| stream.peer_addr());
        let address = answers.map_err(|error| format!("OpenWhisk at {authority} cannot be reached: {error}"))?;
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
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let there = format!("http://{}", listener.local_addr().expect("an address"));
        for (address, token, expected) in [
            (there.as_str(), "", Ok(GUEST)),
            (&format!("{there}/"), "a:b", Ok("a:b")),
            (&there, "secret", Err("expected user:key")),
            (&there.replace("http", "https"), "", Err("expected http://host:port")),
            (&format!("{there}/api"), "", Err("expected http://host:port")),
            (&there.replace("://", "://a:b@"), "", Err("expected http://host:port")),
            ("127.0.0.1:3233", "", Err("expected http://host:port")),
            ("http://127.0.0.1", "", Err("expected http://host:port")),
            ("http://127.0.0.1:99999", "", Err("expected http://host:port")),
        ] {
            let token = Server::read(address, token).map(|server| server.token);
            match (token, expected) {
                (Ok(token), Ok(expected)) => assert_eq!(token, expected, "{address}"),
                (Err(error), Err(part)) => assert!(error.contains(part) && !error.contains("secret"), "{error}"),
                (token, _) => panic!("{address}: {token:?}"),
            }
        }
    }
}
