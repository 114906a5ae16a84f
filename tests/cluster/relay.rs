//! A relay for TCP connections that can be cut, and pointed elsewhere.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it does with a connection.
struct State {
    /// Port of the other side; `None` while the relay is cut.
    to: Option<u16>,
    streams: Vec<TcpStream>,
}

pub struct Relay {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Relay {
    /// Listens on `port` (0: any), and cuts until it is pointed somewhere.
    pub fn listen(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let state = Arc::new(Mutex::new(State { to: None, streams: Vec::new() }));
        let relay = Self { port: listener.local_addr().unwrap().port(), state: state.clone() };
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut state = state.lock().unwrap();
                let Some(to) = state.to else { continue };
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let copy = |from: &TcpStream, to: &TcpStream| (from.try_clone().unwrap(), to.try_clone().unwrap());
                state.streams.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                for (mut from, mut to) in [copy(&client, &server), copy(&server, &client)] {
                    std::thread::spawn(move || {
                        let mut buffer = [0; 16384];
                        while let Ok(count @ 1..) = from.read(&mut buffer) {
                            if to.write_all(&buffer[..count]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        relay
    }

    /// Ends what is open; what comes now goes there.
    pub fn point_at(&self, port: u16) {
        self.end(Some(port));
    }

    /// Ends what is open, and lets nothing through.
    pub fn cut(&self) {
        self.end(None);
    }

    fn end(&self, to: Option<u16>) {
        let mut state = self.state.lock().unwrap();
        state.to = to;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
