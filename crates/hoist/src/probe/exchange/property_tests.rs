//! Whatever comes, is lost, is repeated or is forged, in whatever order: each question has one answer
//! by its deadline.

use proptest::prelude::*;

use super::*;

/// What servers say. Nothing else may be believed.
const TRUE: [u8; 4] = [192, 0, 2, 1];

/// What may happen next. A reply may be to any query that ever went out, so answers come late, twice,
/// in any order, or never.
#[derive(Debug, Clone)]
enum Step {
    Ask { limit_ms: u16, again: bool },
    Cancel(usize),
    Pass { ms: u16 },
    Reply { which: usize, how: How },
    Refuse { which: usize, unreachable: bool },
    NotSent,
    Tcp { which: usize, how: Option<How> },
    Sockets(bool),
    Noise(Vec<u8>),
}

/// What a server says, or somebody in its name.
#[derive(Debug, Clone, Copy)]
enum How {
    Found,
    NxDomain,
    NoData,
    Alias,
    Cut,
    ServFail,
    Refused,
    FormErr,
    Referral,
    OtherId(u16),
    OtherName,
    OtherType,
    Query,
    Torn(usize),
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        4 => Just(How::Found),
        2 => Just(How::NxDomain),
        1 => Just(How::NoData),
        2 => Just(How::Alias),
        2 => Just(How::Cut),
        2 => Just(How::ServFail),
        1 => Just(How::Refused),
        1 => Just(How::FormErr),
        1 => Just(How::Referral),
        1 => any::<u16>().prop_map(How::OtherId),
        1 => Just(How::OtherName),
        1 => Just(How::OtherType),
        1 => Just(How::Query),
        1 => any::<usize>().prop_map(How::Torn),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (10_u16..20_000, any::<bool>())
            .prop_map(|(limit_ms, again)| Step::Ask { limit_ms, again }),
        1 => any::<usize>().prop_map(Step::Cancel),
        3 => (0_u16..1500).prop_map(|ms| Step::Pass { ms }),
        10 => (any::<usize>(), how()).prop_map(|(which, how)| Step::Reply { which, how }),
        1 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, unreachable)| Step::Refuse { which, unreachable }),
        1 => Just(Step::NotSent),
        3 => (any::<usize>(), proptest::option::of(how()))
            .prop_map(|(which, how)| Step::Tcp { which, how }),
        1 => any::<bool>().prop_map(Step::Sockets),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Step::Noise),
    ]
}

/// The bytes of a reply to a query.
fn reply(query: &[u8], how: How) -> Vec<u8> {
    let (name, _) = question_of(query);
    let answer = Answer::to(query);
    let found = || answer.clone().a(&name, TRUE);
    let forged = || answer.clone().a(&name, [203, 0, 113, 6]);
    match how {
        How::Found => found().bytes(),
        How::NxDomain => answer.rcode(Rcode::NXDOMAIN).bytes(),
        How::NoData => answer.soa("example", 60, 60).bytes(),
        How::Alias => answer.cname(&name, &format!("x.{name}")).bytes(),
        How::Cut => answer.cut().bytes(),
        How::ServFail => answer.rcode(Rcode::SERVFAIL).bytes(),
        How::Refused => answer.rcode(Rcode::REFUSED).bytes(),
        How::FormErr => answer.rcode(Rcode::FORMERR).bytes(),
        How::Referral => answer.lame().ns("example").bytes(),
        How::OtherId(id) => found().id(id).bytes(),
        How::OtherName => {
            let mut bytes = forged().bytes();
            // Another letter in the first label.
            bytes[13] ^= 1;
            bytes
        }
        How::OtherType => {
            let mut bytes = forged().bytes();
            let end = 12 + crate::probe::answers::name(&name).as_wire().len();
            bytes[end + 1] = 28;
            bytes
        }
        How::Query => query.to_vec(),
        How::Torn(at) => {
            let mut bytes = found().bytes();
            bytes.truncate(at % bytes.len());
            bytes
        }
    }
}

/// A question that was asked, and what was seen of it.
struct Asked {
    handle: Handle,
    deadline: Instant,
    cancelled: bool,
    answers: u32,
    over_udp: u32,
    over_tcp: u32,
    /// Names that were asked for: its own, and its aliases.
    names: u32,
    /// Nobody else asks for these, so that a query shows whose it is.
    alone: bool,
}

/// The world, with all that went out and is told.
struct Play {
    world: World,
    asked: Vec<Asked>,
    sent: Vec<Query>,
    over_tcp: Vec<(Tcp, Vec<u8>)>,
    /// Times that a server was not there.
    refusals: u32,
    /// How often a question may be asked.
    tries: u32,
    /// Useless replies that a name is given up after, at most.
    useless_max: u32,
}

impl Play {
    fn new(servers: usize, retries: u32) -> Self {
        Self {
            world: World::with(servers, retries),
            asked: Vec::new(),
            sent: Vec::new(),
            over_tcp: Vec::new(),
            refusals: 0,
            tries: retries + 1,
            useless_max: u32::try_from(servers).unwrap().max(3),
        }
    }

    fn play(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Ask { limit_ms, again } => self.ask(limit_ms, again),
            Step::Cancel(which) if !self.asked.is_empty() => {
                let which = which % self.asked.len();
                let asked = &mut self.asked[which];
                // After its answer, it changes nothing.
                self.world.exchange.cancel(asked.handle);
                asked.cancelled |= asked.answers == 0;
            }
            Step::Pass { ms } => {
                let until = self.world.now + Duration::from_millis(ms.into());
                while let Some(next) = self.world.exchange.next_timeout() {
                    if next > until {
                        break;
                    }
                    self.world.pass(next.saturating_duration_since(self.world.now));
                    self.look()?;
                }
                self.world.pass(until.saturating_duration_since(self.world.now));
            }
            Step::Reply { which, how } if !self.sent.is_empty() => {
                let query = self.sent[which % self.sent.len()].clone();
                // The shell reads from a socket as long as it is open.
                if self.world.sockets.contains_key(&query.socket) {
                    self.world.receive(&query, &reply(&query.bytes, how));
                }
            }
            Step::Refuse { which, unreachable } if !self.sent.is_empty() => {
                let socket = self.sent[which % self.sent.len()].socket;
                let reason = unreachable.then(|| "no route".to_owned());
                self.world.exchange.refused(self.world.now, socket, reason);
                self.refusals += 1;
            }
            Step::NotSent => {
                let mut buffer = Vec::new();
                let now = self.world.now;
                if let Some(transmit) = self.world.exchange.poll_transmit(now, &mut buffer) {
                    self.world.exchange.not_sent(now, transmit);
                }
            }
            Step::Tcp { which, how } if !self.over_tcp.is_empty() => {
                let (tcp, query) = self.over_tcp.swap_remove(which % self.over_tcp.len());
                let answer = how.map(|how| reply(&query, how));
                self.world.exchange.tcp_ended(self.world.now, tcp, answer.as_deref().into());
            }
            Step::Sockets(are_there) => self.world.no_sockets = !are_there,
            Step::Noise(bytes) => {
                for socket in self.world.sockets.keys() {
                    self.world.exchange.receive(self.world.now, *socket, &bytes);
                }
            }
            _ => {}
        }
        self.look()
    }

    /// A new name, or one that is asked for already.
    fn ask(&mut self, limit_ms: u16, again: bool) {
        let owner = self.asked.len();
        let limit = Duration::from_millis(limit_ms.into());
        let name = if again { name("twice.example") } else { name(&format!("n{owner}.example")) };
        let now = self.world.now;
        let handle = self.world.exchange.ask(now, owner, name, Rtype::A, now + limit);
        self.asked.push(Asked {
            handle,
            deadline: now + limit,
            cancelled: false,
            answers: 0,
            over_udp: 0,
            over_tcp: 0,
            names: 1,
            alone: !again,
        });
    }

    /// Takes what goes out and what is settled.
    fn look(&mut self) -> Result<(), TestCaseError> {
        for query in self.world.sent() {
            if let Some(asked) = owner(&mut self.asked, &query.bytes) {
                asked.over_udp += 1;
            }
            self.sent.push(query);
        }
        let mut buffer = Vec::new();
        while let Some(tcp) = self.world.exchange.poll_tcp(self.world.now, &mut buffer) {
            if let Some(asked) = owner(&mut self.asked, &buffer) {
                asked.over_tcp += 1;
            }
            self.over_tcp.push((tcp, buffer.clone()));
        }
        while let Some(settled) = self.world.settled() {
            let (now, refusals, tries, useless_max) =
                (self.world.now, self.refusals, self.tries, self.useless_max);
            let asked = &mut self.asked[settled.owner];
            asked.answers += 1;
            prop_assert!(!asked.cancelled, "it was called off: {:?}", settled);
            // Deadlines are looked at every 100 ms where there are no sockets.
            prop_assert!(now <= asked.deadline + 100 * MS, "too late: {:?}", settled);
            if let Resolved::Addresses { addresses, .. } = &settled.resolved {
                prop_assert_eq!(addresses, &[std::net::IpAddr::from(TRUE)]);
            }
            if asked.alone {
                prop_assert_eq!(settled.queries, asked.over_udp + asked.over_tcp);
                // One more without EDNS; and one that reached nobody is no try.
                prop_assert!(asked.over_udp <= tries * asked.names + 1 + refusals, "{:?}", settled);
                prop_assert!(asked.over_tcp <= useless_max * asked.names, "{:?}", settled);
            }
        }
        Ok(())
    }

    /// From here on nothing is answered.
    fn end(mut self) -> Result<(), TestCaseError> {
        let mut turns = 0;
        self.look()?;
        while self.world.exchange.len() > 0 {
            self.world.wait();
            self.look()?;
            turns += 1;
            prop_assert!(turns < 20_000, "it does not end");
        }
        self.look()?;
        for (owner, asked) in self.asked.iter().enumerate() {
            prop_assert_eq!(asked.answers, u32::from(!asked.cancelled), "{}", owner);
        }
        for (tcp, _) in self.over_tcp {
            self.world.exchange.tcp_ended(self.world.now, tcp, TcpEnd::Silence);
        }
        prop_assert!(self.world.exchange.is_clean());
        // What comes now is nobody's.
        for query in &self.sent {
            if self.world.sockets.contains_key(&query.socket) {
                let bytes = query.found();
                self.world.receive(query, &bytes);
            }
        }
        prop_assert!(self.world.sent().is_empty() && self.world.settled().is_none());
        prop_assert!(self.world.exchange.is_clean());
        Ok(())
    }
}

/// Whose name a query asks for, or an alias of it; notes how many aliases there are.
fn owner<'a>(asked: &'a mut [Asked], query: &[u8]) -> Option<&'a mut Asked> {
    let (name, _) = question_of(query);
    let own = name.trim_start_matches("x.");
    let aliases = (name.len() - own.len()) / 2;
    let at: usize = own.strip_prefix('n')?.strip_suffix(".example")?.parse().ok()?;
    let asked = asked.get_mut(at)?;
    asked.names = asked.names.max(1 + u32::try_from(aliases).unwrap());
    Some(asked)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// One answer by the deadline, none where it was called off; no more queries than tries allow;
    /// nothing left behind.
    #[test]
    fn each_question_is_answered_once(
        servers in 1_usize..4,
        retries in 0_u32..5,
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut play = Play::new(servers, retries);
        for step in steps {
            play.play(step)?;
        }
        play.end()?;
    }
}
