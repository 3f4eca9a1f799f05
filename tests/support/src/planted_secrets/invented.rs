//! Invented values, and the encodings in which they may appear.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Returns a text in every encoding.
pub(super) fn encoded(text: &str) -> Vec<String> {
    let json = Value::from(text).to_string();
    let mut forms = vec![
        text.to_owned(),
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        json.trim_matches('"').to_owned(),
        text.replace('&', "&amp;").replace('<', "&lt;"),
    ];
    // At each position in a larger text, without the characters that depend on its surroundings.
    for (before, skip) in [("", 0), ("x", 2), ("xx", 3)] {
        let text = format!("{before}{text}");
        let whole = (text.len() * 4 / 3).saturating_sub(3);
        for engine in [&STANDARD as &dyn Fn64, &URL_SAFE_NO_PAD] {
            forms.push(engine.encoded(&text)[skip..whole].to_owned());
        }
    }
    forms
}

/// The two alphabets of base64 are two types.
trait Fn64 {
    fn encoded(&self, text: &str) -> String;
}

impl<E: Engine> Fn64 for E {
    fn encoded(&self, text: &str) -> String {
        self.encode(text)
    }
}

pub(super) fn private_key(body: &str) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}

pub(super) fn jwt(subject: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        part(json!({ "alg": "RS256" })),
        part(json!({ "sub": subject })),
        random("s", 60)
    )
}

/// Returns a word that looks random, of letters and digits.
pub(super) fn random(start: &str, length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = start.bytes().fold(0x9E37_79B9_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let letters = u64::try_from(LETTERS.len()).expect("it is short");
        let at = usize::try_from((state >> 33) % letters).expect("it is short");
        char::from(LETTERS[at])
    };
    let rest = length - start.len();
    format!("{start}{}", (0..rest).map(|_| next()).collect::<String>())
}

/// Returns hexadecimal digits.
pub(super) fn hexadecimal(start: &str, length: usize) -> String {
    let random = random(start, length);
    let digit = |c: char| char::from_digit(u32::from(c) % 16, 16).expect("it is below 16");
    format!(
        "{start}{}",
        random[start.len()..].chars().map(digit).collect::<String>()
    )
}
