//! classkeeper keeps default GatewayClasses: from files, by server-side apply, with every user's edit respected.
//!
//! The program is three lines. `check` ends with the first; `diff` prints the second, and asks the third for a dry run;
//! `apply` does one pass over each class; `run` does one whenever a file or a class has changed.
//!
//! ```no_run
//! # use std::{path::Path, sync::Arc};
//! # use classkeeper::cluster::{class_api::Classes, execute::{Pass, Task, pass}};
//! # use classkeeper::engine::live::Live;
//! # use classkeeper::files::{reload::{Loader, Reload}, snapshot::{Snapshot, SnapshotError}};
//! # fn load(path: &Path, loader: &mut Loader) -> Result<Reload, SnapshotError> {
//! let reload = loader.load(&Snapshot::read(path)?); // files, engine: what is wanted, or what is wrong with it
//! # Ok(reload) }
//! # async fn keep(classes: &Classes, task: Task, live: Option<Arc<Live>>) -> Pass {
//! let plan = task.plan(live.as_deref(), classes.manager()); // engine: a value; making it sends nothing
//! let pass = pass(classes, &task, live).await; // cluster: takes the plan's step, plans anew, until nothing is left
//! # pass }
//! ```
//!
//! # Layout
//!
//! In reading order, which is the way of a default from its file to the cluster:
//!
//! - [`files`]: what is on disk. [`snapshot`](files::snapshot) reads one generation of a directory,
//!   [`yaml`](files::yaml) alone reads YAML, [`reload`](files::reload) keeps the last good load,
//!   [`watch`](files::watch) and [`follow`](files::follow) say when to look again. Directory and ConfigMaps are
//!   [`sources`](files::sources); [`assemble`](files::assemble) puts together what is in force of all.
//! - [`engine`]: what follows from it, and from what is on the cluster. **The engine does no IO**: it knows no client,
//!   no runtime and no file system, and `tests/house.rs` holds that.
//!   - A [`document`](engine::document) with places in the text; [`validate`](engine::validate) by the
//!     [`schema`](engine::schema), which is generated from the types in [`manifest`](engine::manifest); out come
//!     [`defaults`](engine::defaults) with their [`policy`](engine::policy), or a [`diagnostic`](engine::diagnostic).
//!     What several classes have is [`shared`](engine::shared).
//!   - What a default makes depend on the cluster's [`facts`](engine::facts): its [`when`](engine::when), a compiled
//!     [`expression`](engine::expression).
//!   - A [`template`](engine::template) gives a class for each namespace that it matches. What a team may write is its
//!     boundary in [`tenancy`](engine::tenancy); whose a name is that several sources describe, [`assembly`](engine::assembly)
//!     says, and [`author`](engine::author) under which field manager it is applied.
//!   - A [`live`](engine::live) class, whose [`field_set`](engine::field_set)s tell who owns which
//!     [`unit`](engine::unit), and what users say on it in [`annotations`](engine::annotations).
//!   - The [`plan`](engine::plan), decided unit by unit: it rests, or asks for an [`intent`](engine::intent) to be
//!     applied or for [`managed_fields`](engine::managed_fields) to be moved. What came of it is an
//!     [`outcome`](engine::outcome). Apart from it, [`protection`](engine::protection) decides about our finalizer.
//! - [`cluster`]: the API server. [`class_api`](cluster::class_api) has the calls, [`execute`](cluster::execute) is the
//!   one place where a plan becomes requests, behind the [`gate`](cluster::gate) of the [`leader`](cluster::leader).
//!   - [`facts`](cluster::facts) follows what the cluster is; [`watch`](cluster::watch) fills the cache in
//!     [`classes`](cluster::classes), [`watch_gateways`](cluster::watch_gateways) that in
//!     [`gateways`](cluster::gateways). [`watch_namespaces`](cluster::watch_namespaces) tells what templates ask for, and
//!     [`watch_config_maps`](cluster::watch_config_maps) what sources hold.
//!   - [`reconcile`](cluster::reconcile) is the loop of `run`, with its queue, breaker and removal gate. What is known and
//!     what came of it stands on the [`board`](cluster::board), is told by [`events`](cluster::events), and kept a while in the
//!     [`journal`](cluster::journal).
//! - [`admission`]: what is said to whoever writes a ConfigMap or edits a class, while they do: a webhook that asks the
//!   loader and the plan, and its certificates.
//! - [`commands`]: the command line, one file for each command; only these write to stdout. [`serve`] and [`metrics`]
//!   say the same over HTTP, to programs and, as a page, to people.

pub mod admission;
pub mod cluster;
pub mod commands;
pub mod engine;
pub mod files;
pub mod metrics;
pub mod serve;
