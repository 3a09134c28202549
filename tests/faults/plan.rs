//! What a run does: a scenario, a fault, and where it strikes. Plans are values with a name, by which they are replayed.

use std::fmt;

use crate::fault::{AT_ASIDES, AT_EVENTS, AT_REQUESTS, AT_SERVERS, AT_WATCHES, Fault, Kind};
use crate::recording::Target;

/// What happens in a cluster, faults apart.
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
    /// A tenant's ConfigMap changes, another one is deleted, the tenant's boundary is narrowed, and a second tenant comes.
    Tenants,
    /// Namespaces of a template come, change and go, and a second template comes.
    Templates,
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

/// How many plans of each scenario a sample has at least.
const PER_SCENARIO: usize = 6;

impl Scenario {
    pub const ALL: [Self; 11] = [
        Self::Start,
        Self::Reload,
        Self::Deletion,
        Self::Edit,
        Self::Adoption,
        Self::Release,
        Self::Replacement,
        Self::Protection,
        Self::Replicas,
        Self::Tenants,
        Self::Templates,
    ];

    /// How many requests of each target a run without faults has at least, from where the scenario begins.
    fn requests(self) -> &'static [(Target, u32)] {
        use Target::{
            ClassRead, ClassWrite, ConfigMapRead, Crd, Discovery, Event, GatewayList, Lease, StateRead, StateWrite,
        };
        match self {
            Self::Start => &[(Discovery, 3), (Crd, 1), (ClassWrite, 3), (StateRead, 1), (StateWrite, 1), (Event, 1)],
            Self::Reload | Self::Edit | Self::Protection => &[(ClassWrite, 2), (Event, 1)],
            Self::Deletion => &[(ClassWrite, 1), (Event, 1)],
            Self::Adoption => &[(ClassRead, 1), (ClassWrite, 2), (Event, 1)],
            Self::Release => &[(ClassRead, 4), (ClassWrite, 3), (GatewayList, 2), (Event, 1)],
            Self::Replacement => &[(ClassRead, 2), (ClassWrite, 2), (GatewayList, 1), (Event, 1)],
            Self::Replicas => &[(ClassWrite, 2), (Lease, 2)],
            Self::Tenants => &[(ConfigMapRead, 2), (ClassWrite, 4), (GatewayList, 1), (Event, 1)],
            Self::Templates => &[(ClassRead, 1), (ClassWrite, 4), (GatewayList, 1), (Event, 1)],
        }
    }

    /// The watches whose beginning is struck, and how many requests they have at least. Where the program runs already, they
    /// are cut before: the first request is for a watch that goes on. Another list comes with a further namespace of tenants,
    /// or with a template that asks for more of the namespaces, and then its watch.
    fn watches(self) -> &'static [(Target, u32)] {
        use Target::{ClassWatch, ConfigMapWatch, CrdWatch, GatewayWatch, NamespaceWatch};
        match self {
            Self::Start => &[(CrdWatch, 1), (ClassWatch, 1)],
            Self::Reload => &[(ClassWatch, 1), (CrdWatch, 1)],
            Self::Deletion | Self::Edit | Self::Adoption | Self::Replicas => &[(ClassWatch, 1)],
            Self::Release | Self::Replacement | Self::Protection => &[(ClassWatch, 1), (GatewayWatch, 1)],
            Self::Tenants => &[(ClassWatch, 1), (ConfigMapWatch, 3)],
            Self::Templates => &[(ClassWatch, 1), (NamespaceWatch, 3)],
        }
    }

    /// How many events each watch has at least.
    fn events(self) -> &'static [(Target, u32)] {
        match self {
            Self::Start | Self::Reload | Self::Deletion | Self::Adoption | Self::Replicas => &[(Target::ClassWatch, 2)],
            Self::Edit => &[(Target::ClassWatch, 3)],
            Self::Release | Self::Replacement => &[(Target::ClassWatch, 2), (Target::GatewayWatch, 1)],
            Self::Protection => &[(Target::ClassWatch, 1), (Target::GatewayWatch, 2)],
            Self::Tenants => &[(Target::ClassWatch, 2), (Target::ConfigMapWatch, 4)],
            Self::Templates => &[(Target::ClassWatch, 2), (Target::NamespaceWatch, 4)],
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
            for &(target, most) in scenario.watches() {
                for nth in 1..=most {
                    add(&AT_WATCHES, target, nth);
                }
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
                _ => add(&[Fault::Behind, Fault::SecondServer, Fault::SecondServerGone], Target::ClassWatch, 1),
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

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, fault, position: Position { target, nth } } = self;
        write!(f, "{scenario:?}/{fault}/{target:?}-{nth}")
    }
}
