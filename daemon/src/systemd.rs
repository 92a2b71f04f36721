//! What the daemon tells systemd, where systemd asks for it: that it is ready, that it stops, that it is alive.

use sd_notify::NotifyState;

use crate::supervisor::Supervisor;

/// Everything is open.
pub fn tell_ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The daemon stops.
pub fn tell_stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Feeds the watchdog, if there is one, as long as the runtime takes up new work and finishes it. Never ends.
pub async fn feed_watchdog(supervisor: &Supervisor) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    loop {
        if supervisor.run("heartbeat", async {}).await.is_ok() {
            tell(&[NotifyState::Watchdog]);
        }
        tokio::time::sleep(limit / 3).await;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
