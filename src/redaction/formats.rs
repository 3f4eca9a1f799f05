//! Finds credentials by their format: tokens that their issuer gives a prefix, password hashes,
//! webhooks, and long random words.

use crate::redaction::entropy;

type Range = (usize, usize);

/// Prefixes of tokens, with the shortest length of what follows.
const TOKEN_PREFIXES: &[(&str, usize)] = &[
    // CAST AI
    ("castai_v1_", 20),
    // GitHub and GitLab
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("gldt-", 16),
    // Slack
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    // Google and Azure
    ("AIza", 30),
    ("ya29.", 20),
    ("GOCSPX-", 20),
    // Others
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("sk-", 32),
    ("glsa_", 20),
    ("glc_", 20),
    ("hvs.", 20),
    ("hvb.", 20),
    ("npm_", 30),
    ("pypi-", 30),
    ("dckr_pat_", 20),
    ("SG.", 30),
    ("dop_v1_", 32),
    ("shpat_", 20),
    ("NRAK-", 20),
    ("PMAK-", 20),
    ("AGE-SECRET-KEY-1", 20),
];

/// Prefixes of password hashes in crypt(3) and related formats.
const HASH_PREFIXES: &[&str] = &[
    "$2a$", "$2b$", "$2y$", "$1$", "$5$", "$6$", "$y$", "$apr1$", "$argon2", "$pbkdf2", "$scrypt$",
    "{SHA}", "{SSHA}",
];
/// Shortest password hash, in bytes.
const MIN_HASH_BYTES: usize = 20;

/// Beginnings of URLs with a credential as path.
const WEBHOOKS: &[&str] = &[
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "webhook.office.com/webhookb2/",
    "logic.azure.com/workflows/",
    "events.pagerduty.com/integration/",
    "api.telegram.org/bot",
];

/// Longest token, in bytes; the rest of a longer word is searched on its own.
const MAX_TOKEN_BYTES: usize = 4096;
/// Length of an AWS secret access key, and the shortest other word that is searched for
/// randomness.
const MIN_RANDOM_BYTES: usize = 40;

/// Returns the tokens, hashes and webhooks in a text.
pub(super) fn known(text: &str) -> Vec<Range> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    for (prefix, min) in TOKEN_PREFIXES {
        found.extend(text.match_indices(prefix).filter_map(|(at, _)| {
            let from = at + prefix.len();
            let to = run(bytes, from, is_token_byte);
            // A word with a digit: `sk-` also starts ordinary names.
            let is_token = starts_word(bytes, at)
                && to - from >= *min
                && bytes[from..to].iter().any(u8::is_ascii_digit);
            is_token.then_some((at, to))
        }));
    }
    for prefix in HASH_PREFIXES {
        found.extend(text.match_indices(prefix).filter_map(|(at, _)| {
            let to = run(bytes, at, |byte| {
                byte.is_ascii_alphanumeric() || b"$./+={},_-".contains(&byte)
            });
            (to - at >= MIN_HASH_BYTES).then_some((at, to))
        }));
    }
    for webhook in WEBHOOKS {
        found.extend(text.match_indices(webhook).filter_map(|(at, _)| {
            let from = at + webhook.len();
            let to = run(bytes, from, |byte| {
                byte.is_ascii_graphic() && !b"\"'<>\\".contains(&byte)
            });
            (to > from).then_some((from, to))
        }));
    }
    found
}

/// Returns long words that look random, such as secret keys without a name.
pub(super) fn random_words(text: &str) -> Vec<Range> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let to = run(bytes, at, is_base64);
        if to - at >= MIN_RANDOM_BYTES && entropy::is_random_word(&bytes[at..to]) {
            found.push((at, to));
        }
        at = to.max(at + 1);
    }
    found
}

fn starts_word(bytes: &[u8], at: usize) -> bool {
    at == 0 || !bytes[at - 1].is_ascii_alphanumeric()
}

/// Returns the end of the bytes from a position that belong together, up to a limit.
fn run(bytes: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let belonging = rest.iter().take(MAX_TOKEN_BYTES);
    from + belonging.take_while(|byte| belongs(**byte)).count()
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/_-=".contains(&byte)
}
