//! What a run does: a scenario, a fault, and where it strikes. Plans are values with a name, by which they are replayed.

use std::fmt;

use crate::recording::Target;

/// What happens in a cluster, faults apart. A tenant's change has its place here once there are tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// The program starts beside classes that are missing, right, edited, and not ours.
    Start,
    /// One default changes, and one comes.
    Reload,
    /// Somebody deletes classes: one comes back, one stays deleted.
    Deletion,
    /// Users take a unit, remove one, change one that is enforced, and edit a class that is paused.
    Edit,
    /// A class that Helm made is taken over.
    Adoption,
    /// Defaults leave the files: one class is released, one deleted, one deleted when its last Gateway goes.
    Release,
    /// The controller changes: the class is deleted and created anew when its last Gateway goes.
    Replacement,
    /// A Gateway comes and goes: the finalizer does, too.
    Protection,
    /// Two replicas, and one default changes.
    Replicas,
}

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
    /// kube-apiserver stops and starts.
    RestartApiserver,
    /// etcd stops and starts.
    RestartEtcd,
    /// etcd stands still for longer than a request may take.
    PauseEtcd,
    /// The replica that leads stands still until the other one does.
    StopLeader,
}

/// Which request, or which event of a watch, counted from where the scenario begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub target: Target,
    /// From 1.
    pub nth: u32,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plan {
    pub scenario: Scenario,
    pub fault: Fault,
    pub position: Position,
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
            Self::RestartApiserver | Self::RestartEtcd | Self::PauseEtcd => Kind::Server,
            Self::Behind | Self::StopLeader => Kind::Program,
        }
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
            Self::Hang | Self::HungAnswer | Self::SlowBody | Self::Outage => 30,
            _ => 10,
        }
    }
}

/// What strikes a request that is answered at once.
const AT_REQUESTS: [Fault; 18] = [
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
/// What strikes an Event, which nobody waits for.
const AT_ASIDES: [Fault; 5] =
    [Fault::Status(429, Some(2)), Fault::Outage, Fault::Hang, Fault::LostAnswer, Fault::KillBefore];
/// What strikes the beginning of a watch.
const AT_WATCHES: [Fault; 13] = [
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
const AT_EVENTS: [Fault; 6] =
    [Fault::Cut, Fault::HalfEvent, Fault::Stall, Fault::HoldBack, Fault::GarbledEvent, Fault::GoneEvent];
const AT_SERVERS: [Fault; 3] = [Fault::RestartApiserver, Fault::RestartEtcd, Fault::PauseEtcd];

/// How many plans of each scenario a sample has at least.
const PER_SCENARIO: usize = 6;

impl Scenario {
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::Reload,
        Self::Deletion,
        Self::Edit,
        Self::Adoption,
        Self::Release,
        Self::Replacement,
        Self::Protection,
        Self::Replicas,
    ];

    /// How many requests of each target a run without faults has at least, from where the scenario begins.
    fn requests(self) -> &'static [(Target, u32)] {
        use Target::{ClassRead, ClassWrite, Crd, Discovery, Event, GatewayList, Lease, StateRead, StateWrite};
        match self {
            Self::Start => &[(Discovery, 3), (Crd, 1), (ClassWrite, 3), (StateRead, 1), (StateWrite, 1), (Event, 1)],
            Self::Reload | Self::Edit | Self::Protection => &[(ClassWrite, 2), (Event, 1)],
            Self::Deletion => &[(ClassWrite, 1), (Event, 1)],
            Self::Adoption => &[(ClassRead, 1), (ClassWrite, 2), (Event, 1)],
            Self::Release => &[(ClassRead, 4), (ClassWrite, 3), (GatewayList, 2), (Event, 1)],
            Self::Replacement => &[(ClassRead, 2), (ClassWrite, 2), (GatewayList, 1), (Event, 1)],
            Self::Replicas => &[(ClassWrite, 2), (Lease, 2)],
        }
    }

    /// The watches whose beginning is struck. Where the program runs already, they are cut before.
    fn watches(self) -> &'static [Target] {
        match self {
            Self::Start => &[Target::CrdWatch, Target::ClassWatch],
            Self::Reload => &[Target::ClassWatch, Target::CrdWatch],
            Self::Deletion | Self::Edit | Self::Adoption | Self::Replicas => &[Target::ClassWatch],
            Self::Release | Self::Replacement | Self::Protection => &[Target::ClassWatch, Target::GatewayWatch],
        }
    }

    /// How many events each watch has at least.
    fn events(self) -> &'static [(Target, u32)] {
        match self {
            Self::Start | Self::Reload | Self::Deletion | Self::Adoption | Self::Replicas => &[(Target::ClassWatch, 2)],
            Self::Edit => &[(Target::ClassWatch, 3)],
            Self::Release | Self::Replacement => &[(Target::ClassWatch, 2), (Target::GatewayWatch, 1)],
            Self::Protection => &[(Target::ClassWatch, 1), (Target::GatewayWatch, 2)],
        }
    }
}

impl Plan {
    /// Every plan there is.
    pub fn all() -> Vec<Self> {
        let mut plans = Vec::new();
        for scenario in Scenario::ALL {
            let mut add = |faults: &[Fault], target, nth| {
                let position = Position { target, nth };
                plans.extend(faults.iter().map(|&fault| Self { scenario, fault, position }));
            };
            for &(target, most) in scenario.requests() {
                for nth in 1..=most {
                    add(if target == Target::Event { &AT_ASIDES } else { &AT_REQUESTS[..] }, target, nth);
                    // Nothing is done by a read, so that it doesn't matter when.
                    if matches!(target, Target::ClassWrite | Target::StateWrite | Target::Lease) {
                        add(&[Fault::KillAfter], target, nth);
                    }
                }
            }
            for &target in scenario.watches() {
                add(&AT_WATCHES, target, 1);
            }
            for &(target, most) in scenario.events() {
                for nth in 1..=most {
                    add(&AT_EVENTS, target, nth);
                }
            }
            add(&AT_SERVERS, Target::ClassWrite, 1);
            add(&AT_SERVERS, Target::ClassWatch, 1);
            match scenario {
                Scenario::Replicas => {
                    for (target, nth) in [(Target::ClassWrite, 1), (Target::ClassWrite, 2), (Target::Lease, 1)] {
                        add(&[Fault::StopLeader], target, nth);
                    }
                }
                _ => add(&[Fault::Behind], Target::ClassWatch, 1),
            }
        }
        plans
    }

    /// Some of them, by a seed: of each fault and of each scenario at least one, and few that take long.
    pub fn sample(seed: u64) -> Vec<Self> {
        let mut plans = Self::all();
        fastrand::Rng::with_seed(seed).shuffle(&mut plans);
        let (mut faults, mut scenarios, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
        for plan in plans {
            let is_new = !faults.contains(&plan.fault);
            if is_new
                || scenarios.iter().filter(|known| **known == plan.scenario).count() < PER_SCENARIO && plan.is_short()
            {
                faults.push(plan.fault);
                scenarios.push(plan.scenario);
                chosen.push(plan);
            }
        }
        chosen
    }

    /// Whether it takes seconds rather than a minute, and no server of its own.
    fn is_short(&self) -> bool {
        self.fault.patience() < 60 && self.fault.kind() != Kind::Server
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code, None) => write!(f, "{code}"),
            Self::Status(code, Some(seconds)) => write!(f, "{code}-after-{seconds}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, fault, position: Position { target, nth } } = self;
        write!(f, "{scenario:?}/{fault}/{target:?}-{nth}")
    }
}
