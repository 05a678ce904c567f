//! Where the records go: nowhere, to memory, to a writer.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::record::{DnsRecord, HttpRecord};
use super::writer::Writer;

/// Records kept in memory, of each kind; the oldest are dropped first.
const KEPT: usize = 1_000_000;

/// Where the records go. Clones share the same log.
#[derive(Clone, Debug, Default)]
pub struct Truth(Option<Arc<Log>>);

#[derive(Debug)]
enum Log {
    Memory(Mutex<Memory>),
    Writer(Writer),
}

#[derive(Debug, Default)]
struct Memory {
    http: VecDeque<HttpRecord>,
    dns: VecDeque<DnsRecord>,
}

impl Truth {
    /// Keeps nothing.
    pub fn none() -> Self {
        Self(None)
    }

    /// Keeps the last million records of each kind in memory.
    pub fn memory() -> Self {
        Self(Some(Arc::new(Log::Memory(Mutex::default()))))
    }

    /// Appends JSON lines to a new file at `path` (an old one is emptied). Lines reach it about every
    /// 100 ms, at [`flush`](Self::flush), and when the server stops.
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::writer(std::fs::File::create(path)?)
    }

    /// The same to any writer.
    pub fn writer(to: impl io::Write + Send + 'static) -> io::Result<Self> {
        Ok(Self(Some(Arc::new(Log::Writer(Writer::start(Box::new(to))?)))))
    }

    /// The HTTP records in memory, in the order the exchanges ended. Empty for other logs.
    pub fn http(&self) -> Vec<HttpRecord> {
        self.recall(|memory| memory.http.iter().cloned().collect())
    }

    /// The DNS records in memory, in the order the queries arrived. Empty for other logs.
    pub fn dns(&self) -> Vec<DnsRecord> {
        self.recall(|memory| memory.dns.iter().cloned().collect())
    }

    /// Returns when every record so far has been handed to the system. The error is the first one
    /// that writing met; nothing is written after it.
    pub fn flush(&self) -> io::Result<()> {
        match self.0.as_deref() {
            Some(Log::Writer(writer)) => writer.flush(),
            _ => Ok(()),
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn add_http(&self, record: HttpRecord) {
        match self.0.as_deref() {
            None => {}
            Some(Log::Memory(memory)) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                push(&mut memory.http, record);
            }
            Some(Log::Writer(writer)) => writer.line(|out| record.write_json(out)),
        }
    }

    pub(crate) fn add_dns(&self, record: DnsRecord) {
        match self.0.as_deref() {
            None => {}
            Some(Log::Memory(memory)) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                push(&mut memory.dns, record);
            }
            Some(Log::Writer(writer)) => writer.line(|out| record.write_json(out)),
        }
    }

    fn recall<T>(&self, take: impl FnOnce(&Memory) -> Vec<T>) -> Vec<T> {
        match self.0.as_deref() {
            Some(Log::Memory(memory)) => {
                take(&memory.lock().unwrap_or_else(PoisonError::into_inner))
            }
            _ => Vec::new(),
        }
    }
}

fn push<T>(records: &mut VecDeque<T>, record: T) {
    if records.len() >= KEPT {
        records.pop_front();
    }
    records.push_back(record);
}
