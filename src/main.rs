//! Set-up, dispatch and exit status; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    classkeeper::commands::main()
}
