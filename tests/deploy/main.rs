//! What is under `deploy/`, tried as its users use it: rendered by kubectl and by Helm 3 and 4, taken by a real API server
//! that validates strictly, run with no more than the rights it gives, watched by Prometheus' own rule checker.

#![allow(unreachable_pub, reason = "a test has no users")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod admission;
mod admission_policy;
mod alerts;
mod chart;
mod cluster;
mod docs;
mod examples;
mod helm;
mod kustomize;
mod lifecycle;
mod metrics;
mod program;
mod query;
mod yaml;
