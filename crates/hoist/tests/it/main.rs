//! The engine against real sockets: rehearsal servers on free ports of loopback.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod aside;
mod cancel;
mod ceilings;
mod disk;
mod ends;
mod examples;
mod files;
mod get;
mod hands;
mod http2;
mod http2_server;
mod kinds;
mod lists;
mod manners;
mod many_origins;
mod names;
mod oracle;
mod permits;
mod proxies;
mod pseudo_fields;
mod redirects;
mod support;
mod test_proxy;
mod timing;
mod tls;
mod whole;
