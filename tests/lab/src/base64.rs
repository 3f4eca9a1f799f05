//! Base64 (RFC 4648): padded for `Proxy-Authorization`, for URLs and without padding for tokens.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) fn padded(bytes: &[u8]) -> String {
    let mut text = encode(bytes, STANDARD);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

pub(crate) fn for_url(bytes: &[u8]) -> String {
    encode(bytes, URL)
}

/// Undoes [`for_url`]; `None` is something else.
pub(crate) fn from_url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.as_bytes().chunks(4) {
        let mut group = 0_u32;
        for letter in chunk {
            let place = URL.iter().position(|known| known == letter)?;
            group = (group << 6) | u32::try_from(place).ok()?;
        }
        let length = (chunk.len() * 6) / 8;
        if length == 0 {
            return None;
        }
        group <<= 6 * (4 - chunk.len());
        bytes.extend(&group.to_be_bytes()[1..=length]);
    }
    Some(bytes)
}

fn encode(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| (group << 8) | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(
                alphabet[(group >> (18 - 6 * place)) as usize & 63],
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabets_and_the_padding_differ() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("user:pass", "dXNlcjpwYXNz"),
        ];
        for (plain, encoded) in cases {
            assert_eq!(padded(plain.as_bytes()), encoded);
        }
        assert_eq!(
            (
                padded(&[0xfb, 0xff]).as_str(),
                for_url(&[0xfb, 0xff]).as_str()
            ),
            ("+/8=", "-_8")
        );
        for plain in ["", "f", "fo", "foo", "user:pass"] {
            assert_eq!(
                from_url(&for_url(plain.as_bytes())).unwrap(),
                plain.as_bytes()
            );
        }
        assert_eq!(
            (from_url("-_8"), from_url("A"), from_url("Zg==")),
            (Some(vec![0xfb, 0xff]), None, None)
        );
    }
}
