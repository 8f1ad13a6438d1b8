//! Connections without blocking, many to a thread.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

/// How many events are taken at a time.
const EVENTS: usize = 512;

/// How many bytes are read at a time.
const CHUNK: usize = 256 << 10;

/// What waits for events of connections.
pub struct Poll {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poll {
    /// One that waits for nothing yet. Timers of this thread become as exact as they can be.
    pub fn new() -> io::Result<Self> {
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(EVENTS) })
    }

    /// Waits for whatever happens to `source` from now on, under this name.
    pub fn add(&self, source: impl AsFd, name: usize) -> io::Result<()> {
        let name = EventData::new_u64(u64::try_from(name).map_err(io::Error::other)?);
        Ok(epoll::add(&self.epoll, source, name, EventFlags::IN | EventFlags::OUT | EventFlags::ET)?)
    }

    /// The names of those to which something happened: none if nothing did in that time.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<impl Iterator<Item = usize>> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.events.iter().filter_map(|event| usize::try_from(event.data.u64()).ok()))
    }
}

/// A connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    output: Arc<[u8]>,
    written: usize,
}

impl Wire {
    /// Without blocking from now on.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, output: Arc::from([]), written: 0 })
    }

    /// Writes these bytes, as far as that is possible now. Those of the last time must be written.
    pub fn write(&mut self, bytes: &Arc<[u8]>) -> io::Result<()> {
        self.output = Arc::clone(bytes);
        self.written = 0;
        self.flush()
    }

    /// Writes on, as far as that is possible now.
    pub fn flush(&mut self) -> io::Result<()> {
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Hands over all that has come: whether more can come.
    pub fn read(
        &mut self,
        buffer: &mut Buffer,
        mut take: impl FnMut(&mut Self, &[u8]) -> Result<(), String>,
    ) -> Result<bool, String> {
        loop {
            match self.stream.read(&mut buffer.0) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    take(self, buffer.0.get(..count).unwrap_or_default())?;
                    // Less than there is room for: an event tells of what comes later.
                    if count < buffer.0.len() {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Where a thread puts what it reads.
#[derive(Debug)]
pub struct Buffer(Vec<u8>);

impl Default for Buffer {
    fn default() -> Self {
        Self(vec![0; CHUNK])
    }
}
