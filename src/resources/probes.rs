//! Probes of the web and cron pods. Each was tried against a database that goes away and comes back.

use k8s_openapi::api::core::v1::{ExecAction, HTTPGetAction, HTTPHeader, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Inputs, odoo_conf};

/// Tells whether the cron threads live; see the script.
const CRON_ALIVE: &str = include_str!("../../scripts/jobs/cron-alive.sh");

/// The published default of the existing operator. It never fails, so it says nothing: read as not given.
pub const PUBLISHED_DEFAULT: &str = "/web/health";

/// The process is up. Only the port by default: a database that is away must not restart pods.
pub(super) fn web_startup(inputs: &Inputs<'_>) -> Probe {
    let path = inputs.spec().probes.as_ref().and_then(|probes| given(probes.startup_path.as_deref()));
    Probe {
        // Once a second: until this probe succeeds the kubelet asks no other, and right after it asks for readiness.
        period_seconds: Some(1),
        timeout_seconds: Some(5),
        // Ten minutes: a large set of modules on a slow volume.
        failure_threshold: Some(600),
        ..web(inputs, path)
    }
}

/// The process hangs. Only the port by default, as above.
pub(super) fn web_liveness(inputs: &Inputs<'_>) -> Probe {
    let path = inputs.spec().probes.as_ref().and_then(|probes| given(probes.liveness_path.as_deref()));
    Probe { period_seconds: Some(15), timeout_seconds: Some(5), failure_threshold: Some(3), ..web(inputs, path) }
}

/// The pod can serve a page out of its database.
pub(super) fn web_readiness(inputs: &Inputs<'_>) -> Probe {
    let path = inputs.spec().probes.as_ref().and_then(|probes| given(probes.readiness_path.as_deref()));
    // The manifest is the only cheap page that fails when the instance's own database is gone. Of a version that is
    // not known nothing is assumed: a 404 would keep the pod out of service for good.
    let by_version = if inputs.odoo_version.is_some_and(super::OdooVersion::has_web_manifest) {
        "/web/manifest.webmanifest"
    } else {
        "/web/health?db_server_status=1"
    };
    Probe {
        period_seconds: Some(5),
        timeout_seconds: Some(5),
        failure_threshold: Some(3),
        ..web(inputs, Some(path.unwrap_or_else(|| by_version.to_owned())))
    }
}

/// The cron threads have started. A cron pod has no readiness probe: it is ready from here on.
pub(super) fn cron_startup() -> Probe {
    Probe {
        // Odoo takes longer than this to load, and each try costs as much CPU as a short command.
        initial_delay_seconds: Some(2),
        period_seconds: Some(1),
        failure_threshold: Some(600),
        ..cron()
    }
}

/// A restart of PostgreSQL ends the cron threads and leaves a process that does nothing. Odoo looks for what is due a
/// minute after it started, so the restart comes within 20 s: scheduled actions run 90 s after PostgreSQL's return.
pub(super) fn cron_liveness() -> Probe {
    Probe { period_seconds: Some(10), failure_threshold: Some(2), ..cron() }
}

fn cron() -> Probe {
    Probe {
        exec: Some(ExecAction { command: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), CRON_ALIVE.to_owned()]) }),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}

fn web(inputs: &Inputs<'_>, path: Option<String>) -> Probe {
    let port = IntOrString::Int(odoo_conf::HTTP_PORT);
    let Some(path) = path else {
        return Probe { tcp_socket: Some(TCPSocketAction { port, host: None }), ..Probe::default() };
    };
    // A dbfilter may look at the host name; the pod's address would not pass it.
    let host = inputs.spec().ingress.hosts.first();
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path),
            port,
            http_headers: host.map(|host| vec![HTTPHeader { name: "Host".to_owned(), value: host.clone() }]),
            ..HTTPGetAction::default()
        }),
        ..Probe::default()
    }
}

fn given(path: Option<&str>) -> Option<String> {
    let path = path.filter(|path| !path.is_empty() && *path != PUBLISHED_DEFAULT)?;
    Some(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}
