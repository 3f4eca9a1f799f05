//! Generic faults, in the order of a connection's phases.

use std::time::Duration;

use crate::fault_enum::{ClockSkew, fault_enum};
use crate::pki::CertificateKind;

fault_enum! {
    /// A fault that does not depend on what the server does.
    Fault {
        /// Nothing listens: the kernel answers SYN with RST.
        Refused = "refused",
        /// The accept queue is full: SYN stays unanswered.
        TcpHang = "tcp-hang",
        /// RST right after the connection is accepted.
        Reset = "reset",
        /// RST after the client's first bytes, as SNI filters do.
        ResetOnHello = "reset-on-hello",
        /// FIN right after the connection is accepted.
        Close = "close",
        /// The `ClientHello` is read and never answered.
        TlsHang = "tls-hang",
        /// The same in every second connection, as if one of two servers behind the address hangs.
        EverySecondHangs = "every-second-hangs",
        /// The server's first flight stops halfway, as with an MTU that is too small.
        TlsHangPartial = "tls-hang-partial",
        /// The handshake fails with the alert `handshake_failure`.
        TlsAlert = "tls-alert",
        /// The handshake fails with the alert `protocol_version`, as with a TLS 1.0 server.
        TlsVersion = "tls-version",
        /// The TLS port answers in plain HTTP.
        TlsPlainHttp = "tls-plain-http",
        /// The `ClientHello` is answered with binary garbage.
        TlsNoise = "tls-noise",
        /// The certificate has expired.
        CertExpired = "cert-expired",
        /// The certificate is not valid yet.
        CertNotYetValid = "cert-not-yet-valid",
        /// The certificate is for another name and address.
        CertWrongName = "cert-wrong-name",
        /// The certificate lacks the IP SANs.
        CertNoIpSan = "cert-no-ip-san",
        /// The certificate is signed by a TLS-inspecting proxy's CA.
        CertIntercepted = "cert-intercepted",
        /// The certificate is signed by a CA with the right name and another key.
        CertForeignCa = "cert-foreign-ca",
        /// The certificate is self-signed.
        CertSelfSigned = "cert-self-signed",
        /// The chain lacks its intermediate certificate.
        CertMissingIntermediate = "cert-missing-intermediate",
        /// The certificate chain is larger than 32 KiB.
        CertHuge = "cert-huge",
        /// The certificate is untrusted; its names hold escape sequences and markup.
        CertHostile = "cert-hostile",
        /// The request is read and never answered.
        HttpHang = "http-hang",
        /// FIN instead of a response.
        HttpClose = "http-close",
        /// RST instead of a response.
        HttpReset = "http-reset",
        /// The response arrives one byte per second, starting with its status line.
        DripHead = "drip-head",
        /// The body arrives one byte per second.
        DripBody = "drip-body",
        /// The body is endless and arrives in chunks of one byte.
        EndlessChunks = "endless-chunks",
        /// The body is endless.
        EndlessBody = "endless-body",
        /// The header section is endless.
        EndlessHeaders = "endless-headers",
        /// Interim responses repeat endlessly.
        EndlessInterim = "endless-interim",
        /// The header section is complete and larger than 16 KiB.
        HugeHeaders = "huge-headers",
        /// A body without status line and headers, as in HTTP/0.9.
        Http09 = "http-0-9",
        /// Binary garbage instead of HTTP.
        Noise = "noise",
        /// The connection closes in the middle of the body.
        Truncated = "truncated",
        /// The body is empty.
        Empty = "empty",
        /// An intact response, then FIN without a `Connection: close` header.
        CloseAfterEach = "close-after-each",
        /// 400 with all request headers in the body.
        Echo = "echo",
        /// A redirect to the same URL.
        RedirectLoop = "redirect-loop",
    } with {
        /// The `ServerHello` is delayed.
        TlsSlow(Duration) = "tls-slow" like "6s",
        /// The response is delayed.
        ResponseSlow(Duration) = "response-slow" like "11s",
        /// The certificate expires soon.
        CertExpiresIn(Duration) = "cert-expires-in" like "3600s",
        /// An HTML page with this status.
        Html(u16) = "html" like "502",
        /// This status without a body.
        Status(u16) = "status" like "503",
        /// A response with the request's credentials in this form.
        EchoAs(String) = "echo-as" like "base64",
        /// A redirect to another URL.
        RedirectTo(String) = "redirect-to" like "https://elsewhere.example/",
        /// The `Date` header is off by this much.
        Clock(ClockSkew) = "clock" like "+600s",
    }
}

impl Fault {
    /// Returns the certificate to present.
    pub(crate) fn certificate(&self) -> CertificateKind {
        match self {
            Self::CertExpired => CertificateKind::Expired,
            Self::CertNotYetValid => CertificateKind::NotYetValid,
            Self::CertWrongName => CertificateKind::WrongName,
            Self::CertNoIpSan => CertificateKind::NoIpSan,
            Self::CertIntercepted => CertificateKind::Intercepted,
            Self::CertForeignCa => CertificateKind::ForeignCa,
            Self::CertSelfSigned => CertificateKind::SelfSigned,
            Self::CertMissingIntermediate => CertificateKind::MissingIntermediate,
            Self::CertHuge => CertificateKind::Huge,
            Self::CertHostile => CertificateKind::Hostile,
            Self::CertExpiresIn(remaining) => CertificateKind::ExpiresIn(*remaining),
            _ => CertificateKind::Valid,
        }
    }

    /// Whether the fault shows before the first request. Kept-alive connections would hide it.
    pub(crate) fn precedes_request(&self) -> bool {
        self.certificate() != CertificateKind::Valid
            || matches!(
                self,
                Self::Refused
                    | Self::TcpHang
                    | Self::Reset
                    | Self::ResetOnHello
                    | Self::Close
                    | Self::TlsHang
                    | Self::EverySecondHangs
                    | Self::TlsHangPartial
                    | Self::TlsAlert
                    | Self::TlsVersion
                    | Self::TlsPlainHttp
                    | Self::TlsNoise
                    | Self::TlsSlow(_)
            )
    }
}
