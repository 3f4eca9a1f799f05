//! Signatures of certificate chains, each of which is verified once.
//!
//! Servers present the same chain in each handshake. Whether a CA signed a certificate depends on the
//! bytes alone, so a verified signature stays verified. Validity, names and the server's own signature
//! of the handshake are checked every time.

use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm,
};

/// Number of signatures that an algorithm remembers; the oldest is dropped first.
const MAX_VERIFIED: usize = 64;

/// SHA-256 of key, message and signature.
type Digest = [u8; 32];

/// The signatures that have been verified.
#[derive(Debug, Default)]
struct VerifiedSignatures(Mutex<VecDeque<Digest>>);

/// An algorithm that verifies each signature once.
#[derive(Debug)]
struct VerifyOnce {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    verified: VerifiedSignatures,
}

impl VerifiedSignatures {
    fn contains(&self, digest: &Digest) -> bool {
        let verified = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verified.contains(digest)
    }

    fn insert(&self, digest: Digest) {
        let mut verified = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() == MAX_VERIFIED {
            verified.pop_front();
        }
        verified.push_back(digest);
    }
}

impl VerifyOnce {
    fn new(algorithm: &'static dyn SignatureVerificationAlgorithm) -> Self {
        Self {
            algorithm,
            verified: VerifiedSignatures::default(),
        }
    }
}

impl SignatureVerificationAlgorithm for VerifyOnce {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let digest = digest(&[public_key, message, signature]);
        if self.verified.contains(&digest) {
            return Ok(());
        }
        self.algorithm
            .verify_signature(public_key, message, signature)?;
        self.verified.insert(digest);
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

/// Returns ring's algorithms for certificate chains, which verify each signature once.
pub(super) fn algorithms() -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    static ALGORITHMS: LazyLock<Vec<&'static dyn SignatureVerificationAlgorithm>> =
        LazyLock::new(|| {
            let of_ring = ring::default_provider().signature_verification_algorithms;
            let once = |algorithm: &&'static dyn SignatureVerificationAlgorithm| {
                let once: &'static VerifyOnce = Box::leak(Box::new(VerifyOnce::new(*algorithm)));
                once as &dyn SignatureVerificationAlgorithm
            };
            of_ring.all.iter().map(once).collect()
        });
    &ALGORITHMS
}

fn digest(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        // The length prefix keeps the boundary between parts unambiguous.
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rcgen::{KeyPair, PublicKeyData, SigningKey};
    use tokio_rustls::rustls::pki_types::alg_id;

    use super::*;

    /// Accepts signatures that equal the message, and counts.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl SignatureVerificationAlgorithm for Counting {
        fn verify_signature(
            &self,
            _: &[u8],
            message: &[u8],
            signature: &[u8],
        ) -> Result<(), InvalidSignature> {
            self.0.fetch_add(1, Ordering::Relaxed);
            (message == signature).then_some(()).ok_or(InvalidSignature)
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_P256
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_SHA256
        }
    }

    fn counted() -> (&'static Counting, VerifyOnce) {
        let counting: &'static Counting = Box::leak(Box::default());
        (counting, VerifyOnce::new(counting))
    }

    #[test]
    fn signature_is_verified_once_per_key_and_message() {
        let (counting, algorithm) = counted();
        for _ in 0..3 {
            algorithm.verify_signature(b"key", b"a", b"a").unwrap();
        }
        assert_eq!(counting.0.load(Ordering::Relaxed), 1);
        algorithm.verify_signature(b"key", b"b", b"b").unwrap();
        algorithm.verify_signature(b"other", b"a", b"a").unwrap();
        assert_eq!(counting.0.load(Ordering::Relaxed), 3);
        // The same bytes with another boundary.
        algorithm.verify_signature(b"ke", b"ya", b"a").unwrap_err();
    }

    #[test]
    fn forged_signature_is_rejected_after_a_valid_one() {
        let ca = KeyPair::generate().unwrap();
        let other = KeyPair::generate().unwrap();
        let signature = ca.sign(b"certificate").unwrap();
        let algorithm = algorithms()
            .iter()
            .find(|one| {
                (one.public_key_alg_id(), one.signature_alg_id())
                    == (alg_id::ECDSA_P256, alg_id::ECDSA_SHA256)
            })
            .unwrap();
        let verify = |key: &KeyPair, message: &[u8], signature: &[u8]| {
            algorithm.verify_signature(key.der_bytes(), message, signature)
        };
        let mut forged = signature.clone();
        *forged.last_mut().unwrap() ^= 1;
        for _ in 0..2 {
            verify(&ca, b"certificate", &signature).unwrap();
            verify(&ca, b"certificatf", &signature).unwrap_err();
            verify(&ca, b"certificate", &forged).unwrap_err();
            verify(&other, b"certificate", &signature).unwrap_err();
        }
    }

    #[test]
    fn invalid_signature_is_never_remembered() {
        let (counting, algorithm) = counted();
        for _ in 0..2 {
            algorithm.verify_signature(b"key", b"a", b"x").unwrap_err();
        }
        assert_eq!(counting.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn remembered_signatures_are_bounded() {
        let (counting, algorithm) = counted();
        for message in 0..=MAX_VERIFIED {
            let message = message.to_be_bytes();
            algorithm
                .verify_signature(b"key", &message, &message)
                .unwrap();
        }
        assert_eq!(algorithm.verified.0.lock().unwrap().len(), MAX_VERIFIED);
        let first = 0_usize.to_be_bytes();
        algorithm.verify_signature(b"key", &first, &first).unwrap();
        assert_eq!(counting.0.load(Ordering::Relaxed), MAX_VERIFIED + 2);
    }
}
