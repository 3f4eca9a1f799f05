//! Recognises that this process, not its peer, ran out of resources.
//!
//! Such a failure looks like one of the network: without a file descriptor, no name resolves. An
//! attempt that fails during a shortage proves nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

// The numbers are the same on all architectures of Linux that the exporter is built for.
const ENOMEM: i32 = 12;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const EADDRNOTAVAIL: i32 = 99;
const ENOBUFS: i32 = 105;

static SHORTAGES: Shortages = Shortages(Mutex::new(None));

/// The last shortage of this process: its time and the resource.
struct Shortages(Mutex<Option<(Instant, &'static str)>>);

/// Runs an attempt, and returns the resource that this process lacked in the meantime.
pub async fn watch<F: Future>(attempt: F) -> (F::Output, Option<&'static str>) {
    let began = Instant::now();
    let output = attempt.await;
    (output, SHORTAGES.since(began))
}

/// Notes an error if it means that this process lacks a resource.
pub fn note(error: &io::Error) {
    SHORTAGES.note(error);
}

/// Notes an error of a connection to an address.
pub fn note_connect(address: SocketAddr, error: &io::Error) {
    SHORTAGES.note_connect(address, error);
}

impl Shortages {
    fn since(&self, began: Instant) -> Option<&'static str> {
        let latest = *self.lock();
        latest
            .filter(|(at, _)| *at >= began)
            .map(|(_, resource)| resource)
    }

    fn note(&self, error: &io::Error) {
        let resource = match error.raw_os_error() {
            Some(EMFILE) => "file descriptors (EMFILE; see ulimit -n)",
            Some(ENFILE) => "file descriptors, as did the whole node (ENFILE)",
            Some(ENOMEM) => "kernel memory (ENOMEM)",
            Some(ENOBUFS) => "socket buffers (ENOBUFS)",
            _ => return,
        };
        *self.lock() = Some((Instant::now(), resource));
    }

    fn note_connect(&self, address: SocketAddr, error: &io::Error) {
        // For IPv6 it means that this pod has no address of that family.
        if error.raw_os_error() == Some(EADDRNOTAVAIL) && address.is_ipv4() {
            *self.lock() = Some((Instant::now(), "local ports (EADDRNOTAVAIL)"));
        }
        self.note(error);
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, &'static str)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(note: impl FnOnce(&Shortages)) -> bool {
        let (began, shortages) = (Instant::now(), Shortages(Mutex::new(None)));
        note(&shortages);
        shortages.since(began).is_some()
    }

    #[test]
    fn only_errors_of_this_process_are_a_shortage() {
        let error = io::Error::from_raw_os_error;
        for code in [ENOMEM, ENFILE, EMFILE, ENOBUFS] {
            assert!(noted(|shortages| shortages.note(&error(code))), "{code}");
        }
        for code in [13, 101, 104, 110, 111, 113, EADDRNOTAVAIL] {
            assert!(!noted(|shortages| shortages.note(&error(code))), "{code}");
        }
        let ipv4 = SocketAddr::from(([192, 0, 2, 1], 443));
        let ipv6 = SocketAddr::from(([1; 8], 443));
        let no_address = error(EADDRNOTAVAIL);
        assert!(noted(|shortages| shortages.note_connect(ipv4, &no_address)));
        assert!(!noted(|shortages| shortages.note_connect(ipv6, &no_address)));
    }

    #[test]
    fn a_shortage_before_the_attempt_does_not_count() {
        let shortages = Shortages(Mutex::new(None));
        shortages.note(&io::Error::from_raw_os_error(EMFILE));
        let noted = shortages.lock().unwrap().0;
        assert!(shortages.since(noted).is_some());
        assert_eq!(
            shortages.since(noted + std::time::Duration::from_nanos(1)),
            None
        );
    }
}
