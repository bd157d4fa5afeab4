//! Wildcards: `*` for any run of characters, `?` for one character.
//!
//! A pattern is cut at its `*` into pieces. The first piece must stand at the start, the last at the
//! end, and each other piece is taken at the leftmost place after the one before it. Leftmost is
//! always right, because whatever follows a later place also follows the earlier one. So the text
//! is gone through once, and the cost is that of finding pieces:
//!
//! - without `?`, linear (`memmem`);
//! - short with `?`, at most [`SHORT`] steps a character;
//! - long with `?`, one step a character for each 64 characters of the piece, all its places being
//!   followed at once as bits.

use std::collections::HashMap;

use memchr::memmem;

/// The longest piece, in characters, that is compared place by place.
const SHORT: usize = 32;

/// What a pattern is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// These characters.
    Text(&'a str),
    /// `*`
    Any,
    /// `?`
    One,
}

/// Whether `text` as a whole is what `pattern` describes, case-sensitively.
///
/// ```
/// use cloudtwin_policy::wildcard_matches;
///
/// assert!(wildcard_matches("s3:Get*", "s3:GetObject"));
/// assert!(!wildcard_matches("s3:Get?", "s3:GetObject"));
/// ```
#[must_use]
pub fn wildcard_matches(pattern: &str, text: &str) -> bool {
    matches(&tokens(pattern), text)
}

/// The tokens of a pattern without variables.
fn tokens(pattern: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['*', '?']) {
        let (text, wild) = rest.split_at(at);
        if !text.is_empty() {
            tokens.push(Token::Text(text));
        }
        tokens.push(if wild.starts_with('*') { Token::Any } else { Token::One });
        rest = wild.get(1..).unwrap_or_default();
    }
    if !rest.is_empty() {
        tokens.push(Token::Text(rest));
    }
    tokens
}

pub(crate) fn matches(tokens: &[Token<'_>], text: &str) -> bool {
    let mut pieces = tokens.split(|token| *token == Token::Any);
    let (Some(first), last) = (pieces.next(), pieces.next_back()) else { return text.is_empty() };
    let Some(rest) = strip_start(first, text) else { return false };
    let Some(last) = last else { return rest.is_empty() };
    let Some(mut rest) = strip_end(last, rest) else { return false };
    for piece in pieces {
        match after(piece, rest) {
            Some(left) => rest = left,
            None => return false,
        }
    }
    true
}

/// What is left of `text` after a piece at its start.
fn strip_start<'t>(piece: &[Token<'_>], text: &'t str) -> Option<&'t str> {
    piece.iter().try_fold(text, |rest, token| match token {
        Token::Text(expected) => rest.strip_prefix(expected),
        Token::One => skip_character(rest),
        Token::Any => None,
    })
}

/// What is left of `text` before a piece at its end.
fn strip_end<'t>(piece: &[Token<'_>], text: &'t str) -> Option<&'t str> {
    piece.iter().rev().try_fold(text, |rest, token| match token {
        Token::Text(expected) => rest.strip_suffix(expected),
        Token::One => {
            let mut characters = rest.chars();
            characters.next_back().map(|_| characters.as_str())
        }
        Token::Any => None,
    })
}

fn skip_character(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    characters.next().map(|_| characters.as_str())
}

/// What is left of `text` after the leftmost place of a piece.
fn after<'t>(piece: &[Token<'_>], text: &'t str) -> Option<&'t str> {
    match piece {
        [] => Some(text),
        [Token::Text(wanted)] => {
            let at = memmem::find(text.as_bytes(), wanted.as_bytes())?;
            text.get(at + wanted.len()..)
        }
        piece => {
            let wanted = piece.iter().flat_map(|token| match token {
                Token::Text(text) => Characters::These(text.chars()),
                Token::Any | Token::One => Characters::Anyone(1),
            });
            if wanted.clone().nth(SHORT).is_some() {
                after_long(wanted, text)
            } else {
                after_short(piece, text)
            }
        }
    }
}

/// The characters that a token wants, `None` being any.
#[derive(Clone)]
enum Characters<'a> {
    These(std::str::Chars<'a>),
    Anyone(usize),
}

impl Iterator for Characters<'_> {
    type Item = Option<char>;

    fn next(&mut self) -> Option<Option<char>> {
        match self {
            Self::These(characters) => characters.next().map(Some),
            Self::Anyone(left) => {
                *left = left.checked_sub(1)?;
                Some(None)
            }
        }
    }
}

fn after_short<'t>(piece: &[Token<'_>], text: &'t str) -> Option<&'t str> {
    let mut rest = text;
    loop {
        if let Some(left) = strip_start(piece, rest) {
            return Some(left);
        }
        rest = skip_character(rest)?;
    }
}

/// Bit `n` of the state says that the last `n + 1` characters of the text are the first of the piece.
fn after_long(piece: impl Iterator<Item = Option<char>>, text: &str) -> Option<&str> {
    let piece: Vec<Option<char>> = piece.collect();
    let bit = |place: usize| 1_u64 << (place % 64);
    let last = bit(piece.len().checked_sub(1)?);
    // The places where any character fits, and for each character of the piece where it fits.
    let mut anyone = vec![0_u64; piece.len().div_ceil(64)];
    for (place, _) in piece.iter().enumerate().filter(|(_, wanted)| wanted.is_none()) {
        if let Some(word) = anyone.get_mut(place / 64) {
            *word |= bit(place);
        }
    }
    let mut fitting: HashMap<char, Vec<u64>> = HashMap::new();
    for (place, wanted) in piece.iter().enumerate() {
        let Some(wanted) = wanted else { continue };
        if let Some(word) = fitting.entry(*wanted).or_insert_with(|| anyone.clone()).get_mut(place / 64) {
            *word |= bit(place);
        }
    }
    let mut state = vec![0_u64; anyone.len()];
    for (at, character) in text.char_indices() {
        let mut carry = 1;
        for (word, fits) in state.iter_mut().zip(fitting.get(&character).unwrap_or(&anyone)) {
            let next = *word >> 63;
            *word = ((*word << 1) | carry) & fits;
            carry = next;
        }
        if state.last().is_some_and(|word| word & last != 0) {
            return text.get(at + character.len_utf8()..);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The plainest matcher: what is right, however slow.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((&'*', rest)), _) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            (Some((&'?', pattern)), Some((_, text))) => naive(pattern, text),
            (Some((expected, pattern)), Some((found, text))) => expected == found && naive(pattern, text),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn agrees_with_the_plainest_matcher(pattern in "[ab*?é]{0,9}", text in "[abé]{0,9}") {
            let expected = naive(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(wildcard_matches(&pattern, &text), expected, "{} {}", pattern, text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn long_pieces_are_found_where_short_ones_are(piece in "[ab?é]{1,150}", before in "[abé]{0,40}", noise in "[abé]{0,200}") {
            // What fits the piece for sure, somewhere; and what may or may not.
            let fitting = format!("{before}{}", piece.replace('?', "b"));
            for text in [fitting + &noise, noise.clone()] {
                let tokens = tokens(&piece);
                let wanted = piece.chars().map(|c| Some(c).filter(|c| *c != '?'));
                prop_assert_eq!(after_long(wanted, &text), after_short(&tokens, &text));
            }
        }
    }

    #[test]
    fn time_grows_with_the_text_and_not_with_its_square() {
        // As many places as there are, each of which fails at its very end: 2·10⁹ comparisons.
        let text = "a".repeat(100_000);
        assert!(!wildcard_matches(&format!("*{}b*", "a?".repeat(10_000)), &text));
    }

    #[test]
    fn hostile_patterns_take_bounded_time() {
        // Each would take longer than the age of the universe with backtracking into every `*`.
        let text = "a".repeat(2000);
        assert!(!wildcard_matches(&format!("{}b", "a*".repeat(3000)), &text));
        assert!(!wildcard_matches(&format!("{}b", "*a?".repeat(2000)), &text));
        assert!(!wildcard_matches(&format!("*{}b*", "a?".repeat(900)), &text));
        assert!(!wildcard_matches(&format!("*{}b", "?*".repeat(3000)), &text));
        assert!(wildcard_matches(&"*".repeat(6000), &text));
    }

    #[test]
    fn a_question_mark_is_a_character_and_not_a_byte() {
        assert!(wildcard_matches("?", "é"));
        assert!(wildcard_matches("*?x", "éx"));
        assert!(!wildcard_matches("??", "é"));
    }
}
