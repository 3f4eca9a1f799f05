//! What any server of the lab can do wrong on the way to an answer, in the order of the way.

use std::time::Duration;

use crate::pki::Certificate;
use crate::vocabulary::{Skew, vocabulary};

vocabulary! {
    /// One way to misbehave that does not depend on what the server is for.
    Fault {
        /// Nothing listens: the kernel answers SYN with RST.
        Refused = "refused",
        /// The accept queue is full: SYN stays unanswered.
        TcpHang = "tcp-hang",
        /// RST as soon as the connection is accepted.
        Reset = "reset",
        /// RST once the first bytes came, as filters of server names do.
        ResetOnHello = "reset-on-hello",
        /// FIN as soon as the connection is accepted.
        Close = "close",
        /// The client's hello is read and never answered.
        TlsHang = "tls-hang",
        /// The server's first flight stops in the middle, as it does behind a too small MTU.
        TlsHangPartial = "tls-hang-partial",
        /// The handshake ends in the alert `handshake_failure`.
        TlsAlert = "tls-alert",
        /// The handshake ends in the alert `protocol_version`, as at a server that knows TLS 1.0 only.
        TlsVersion = "tls-version",
        /// Plain HTTP answers on the TLS port.
        TlsPlainHttp = "tls-plain-http",
        /// Binary noise answers the client's hello.
        TlsNoise = "tls-noise",
        /// The certificate's time is over.
        CertExpired = "cert-expired",
        /// The certificate's time has not come.
        CertNotYetValid = "cert-not-yet-valid",
        /// The certificate is for another name and address.
        CertOtherName = "cert-other-name",
        /// The certificate lacks the addresses.
        CertNoAddress = "cert-no-address",
        /// An inspecting proxy's authority signed the certificate.
        CertIntercepted = "cert-intercepted",
        /// An authority with the right name and another key signed the certificate.
        CertForeignCa = "cert-foreign-ca",
        /// The certificate signed itself.
        CertSelfSigned = "cert-self-signed",
        /// An intermediate authority signed the certificate and is not sent along.
        CertIncomplete = "cert-incomplete",
        /// The chain is longer than 32 KiB.
        CertHuge = "cert-huge",
        /// A foreign certificate whose names hold escape sequences, line feeds and markup.
        CertHostile = "cert-hostile",
        /// The request is read and never answered.
        HttpHang = "http-hang",
        /// FIN instead of an answer.
        HttpClose = "http-close",
        /// RST instead of an answer.
        HttpReset = "http-reset",
        /// The answer comes byte by byte, one each second, from its first line on.
        DripHead = "drip-head",
        /// The body comes byte by byte, one each second.
        DripBody = "drip-body",
        /// The body never ends.
        EndlessBody = "endless-body",
        /// The header section never ends.
        EndlessHeaders = "endless-headers",
        /// Interim answers never end.
        EndlessInterim = "endless-interim",
        /// The header section is complete and larger than 16 KiB.
        HugeHeaders = "huge-headers",
        /// A body without status line and headers, as before HTTP/1.0.
        Http09 = "http-0-9",
        /// Binary noise instead of HTTP.
        Noise = "noise",
        /// The connection ends in the middle of the body.
        Truncated = "truncated",
        /// The body has length zero.
        Empty = "empty",
        /// The right answer, and then FIN without a word of it before.
        CloseAfterEach = "close-after-each",
        /// 400 with every header of the request in the body.
        Echo = "echo",
        /// Every redirect leads to the same place.
        RedirectLoop = "redirect-loop",
    } with {
        /// The server's hello comes late.
        TlsSlow(Duration) = "tls-slow" like "6s",
        /// The answer comes late.
        AnswerSlow(Duration) = "answer-slow" like "11s",
        /// The certificate is about to expire.
        CertExpiresIn(Duration) = "cert-expires-in" like "3600s",
        /// A page of HTML with this status.
        Html(u16) = "html" like "502",
        /// This status without a body.
        Status(u16) = "status" like "503",
        /// A redirect to another address.
        RedirectTo(String) = "redirect-to" like "https://elsewhere.example/",
        /// The `Date` header is off by so much.
        Clock(Skew) = "clock" like "+600s",
    }
}

impl Fault {
    /// The certificate that the server shows.
    pub(crate) fn certificate(&self) -> Certificate {
        match self {
            Self::CertExpired => Certificate::Expired,
            Self::CertNotYetValid => Certificate::NotYetValid,
            Self::CertOtherName => Certificate::OtherName,
            Self::CertNoAddress => Certificate::NoAddress,
            Self::CertIntercepted => Certificate::Intercepted,
            Self::CertForeignCa => Certificate::ForeignCa,
            Self::CertSelfSigned => Certificate::SelfSigned,
            Self::CertIncomplete => Certificate::Incomplete,
            Self::CertHuge => Certificate::Huge,
            Self::CertHostile => Certificate::Hostile,
            Self::CertExpiresIn(remaining) => Certificate::ExpiresIn(*remaining),
            _ => Certificate::Good,
        }
    }

    /// Whether it shows before there is a request, so that a kept connection must end for it to show.
    pub(crate) fn precedes_request(&self) -> bool {
        self.certificate() != Certificate::Good
            || matches!(
                self,
                Self::Refused
                    | Self::TcpHang
                    | Self::Reset
                    | Self::ResetOnHello
                    | Self::Close
                    | Self::TlsHang
                    | Self::TlsHangPartial
                    | Self::TlsAlert
                    | Self::TlsVersion
                    | Self::TlsPlainHttp
                    | Self::TlsNoise
                    | Self::TlsSlow(_)
            )
    }
}
