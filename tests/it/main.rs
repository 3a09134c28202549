//! The program against a real API server, as its users run it.

mod commands;
mod http;
mod keep;
mod program;
mod proxy;
mod reload;
mod scenario;
mod yields;
