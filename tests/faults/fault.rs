//! What goes wrong: the faults, what each strikes, and how much longer things may take because of it.

use std::fmt;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The server refuses with this status, and may say for how many seconds to stay away.
    Status(u16, Option<u32>),
    /// The server refuses with a 503, four times in a row.
    Outage,
    /// The connection ends without an answer; the server saw nothing.
    Reset,
    /// No answer ever comes; the server saw nothing.
    Hang,
    /// Status 200 and a page of HTML, from something on the way; the server saw nothing.
    Html,
    /// The server does it, and the connection ends without an answer.
    LostAnswer,
    /// The server does it, and no answer ever comes.
    HungAnswer,
    /// The server does it, and half of the answer comes.
    Truncated,
    /// The server does it, and what comes with status 200 isn't JSON.
    Garbled,
    /// The server does it, and its answer drips for longer than anybody waits.
    SlowBody,
    /// The server does it, and its answer comes after some seconds.
    LateAnswer,
    /// A watch ends, instead of an event.
    Cut,
    /// A connection breaks within an event.
    HalfEvent,
    /// A watch goes on without a word, and without its end.
    Stall,
    /// An event, and what follows it, comes some seconds late.
    HoldBack,
    /// An event can't be read; the next ones can.
    GarbledEvent,
    /// The version to watch from is too old: told by an event.
    GoneEvent,
    /// The same, told by a status, however often the same version is asked for.
    GoneStatus,
    /// SIGKILL before the server sees the request; the program is started again.
    KillBefore,
    /// SIGKILL after the server did it; the program is started again.
    KillAfter,
    /// After a restart the lists and watches come from an API server that is behind: as it was before the scenario.
    Behind,
    /// After a restart the lists and watches come from a second API server that is cut off from etcd since before the
    /// scenario, for some seconds.
    SecondServer,
    /// The same, without a restart: all watches end, as too old, and go on at that server.
    SecondServerGone,
    /// kube-apiserver stops and starts.
    RestartApiserver,
    /// etcd stops and starts.
    RestartEtcd,
    /// etcd stands still for longer than a request may take.
    PauseEtcd,
    /// The replica that leads stands still until the other one does.
    StopLeader,
}

/// How a fault comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On the way of a request.
    Request,
    /// On the way of an event of a watch.
    Event,
    /// At the server, when a request comes.
    Server,
    /// At the program as a whole.
    Program,
}

impl Fault {
    pub fn kind(self) -> Kind {
        match self {
            Self::Status(..)
            | Self::Outage
            | Self::Reset
            | Self::Hang
            | Self::Html
            | Self::LostAnswer
            | Self::HungAnswer
            | Self::Truncated
            | Self::Garbled
            | Self::SlowBody
            | Self::LateAnswer
            | Self::GoneStatus
            | Self::KillBefore
            | Self::KillAfter => Kind::Request,
            Self::Cut | Self::HalfEvent | Self::Stall | Self::HoldBack | Self::GarbledEvent | Self::GoneEvent => {
                Kind::Event
            }
            Self::RestartApiserver
            | Self::RestartEtcd
            | Self::PauseEtcd
            | Self::SecondServer
            | Self::SecondServerGone => Kind::Server,
            Self::Behind | Self::StopLeader => Kind::Program,
        }
    }

    /// Whether it is brought about once the scenario is over, instead of by a request or an event.
    pub fn comes_last(self) -> bool {
        matches!(self, Self::Behind | Self::SecondServer | Self::SecondServerGone)
    }

    /// How many requests in a row it strikes.
    pub fn times(self) -> u32 {
        match self {
            Self::Outage => 4,
            _ => 1,
        }
    }

    /// How many seconds longer it may take until all is as it should be.
    pub fn patience(self) -> u64 {
        match self {
            // As long as it is honoured, and the jitter.
            Self::Status(_, Some(seconds)) => u64::from(seconds.min(60)) + 20,
            Self::Stall => 100,
            Self::PauseEtcd | Self::RestartApiserver | Self::RestartEtcd | Self::StopLeader => 60,
            Self::Hang
            | Self::HungAnswer
            | Self::SlowBody
            | Self::Outage
            | Self::SecondServer
            | Self::SecondServerGone => 30,
            _ => 10,
        }
    }
}

/// What strikes a request that is answered at once.
pub const AT_REQUESTS: [Fault; 18] = [
    Fault::Status(429, None),
    Fault::Status(429, Some(2)),
    Fault::Status(429, Some(3600)),
    Fault::Status(500, None),
    Fault::Status(502, None),
    Fault::Status(503, None),
    Fault::Status(504, None),
    Fault::Outage,
    Fault::Reset,
    Fault::Hang,
    Fault::Html,
    Fault::LostAnswer,
    Fault::HungAnswer,
    Fault::Truncated,
    Fault::Garbled,
    Fault::SlowBody,
    Fault::LateAnswer,
    Fault::KillBefore,
];
/// What strikes any request when faults come without a plan, and kills nobody.
pub const FOR_A_WHILE: [Fault; 14] = [
    Fault::Status(429, None),
    Fault::Status(429, Some(2)),
    Fault::Status(500, None),
    Fault::Status(502, None),
    Fault::Status(503, None),
    Fault::Status(504, None),
    Fault::Reset,
    Fault::Hang,
    Fault::Html,
    Fault::LostAnswer,
    Fault::HungAnswer,
    Fault::Truncated,
    Fault::Garbled,
    Fault::LateAnswer,
];
/// What strikes an Event, which nobody waits for.
pub const AT_ASIDES: [Fault; 5] =
    [Fault::Status(429, Some(2)), Fault::Outage, Fault::Hang, Fault::LostAnswer, Fault::KillBefore];
/// What strikes the beginning of a watch.
pub const AT_WATCHES: [Fault; 13] = [
    Fault::Status(429, None),
    Fault::Status(429, Some(2)),
    Fault::Status(429, Some(3600)),
    Fault::Status(500, None),
    Fault::Status(502, None),
    Fault::Status(503, Some(2)),
    Fault::Status(504, None),
    Fault::Outage,
    Fault::Reset,
    Fault::Hang,
    Fault::Html,
    Fault::GoneStatus,
    Fault::KillBefore,
];
/// What strikes an event.
pub const AT_EVENTS: [Fault; 6] =
    [Fault::Cut, Fault::HalfEvent, Fault::Stall, Fault::HoldBack, Fault::GarbledEvent, Fault::GoneEvent];
pub const AT_SERVERS: [Fault; 3] = [Fault::RestartApiserver, Fault::RestartEtcd, Fault::PauseEtcd];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code, None) => write!(f, "{code}"),
            Self::Status(code, Some(seconds)) => write!(f, "{code}-after-{seconds}"),
            other => write!(f, "{other:?}"),
        }
    }
}
