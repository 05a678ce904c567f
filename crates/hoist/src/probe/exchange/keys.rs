use std::hash::Hasher;

use super::server::SocketId;

/// What a query in flight is found by when its answer comes.
pub(super) fn key(socket: SocketId, id: u16) -> u64 {
    u64::from(socket.0) << 16 | u64::from(id)
}

/// Hashes the keys of queries. Their ids and the order of sockets are our own choice, so nobody
/// outside can make them collide.
#[derive(Debug, Default)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}
