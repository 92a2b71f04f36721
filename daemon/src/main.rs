//! The cairn daemon: chunked uploads over HTTP into any storage.

fn main() -> std::process::ExitCode {
    cairnd::run::main()
}
