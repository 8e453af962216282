//! Rust source with its comments and strings blanked out, so that rules see code only.

/// Replaces what stands in comments, strings and characters by spaces; lines and columns stay as they are.
pub(super) fn only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let rest = &chars[at..];
        let after_word = at > 0 && is_word(chars[at - 1]);
        let skip = match c {
            '/' if rest.get(1) == Some(&'/') => line_comment(rest),
            '/' if rest.get(1) == Some(&'*') => block_comment(rest),
            '"' => string(rest),
            '\'' => character(rest),
            'r' | 'b' | 'c' if !after_word => raw_string(rest),
            _ => 0,
        };
        if skip == 0 {
            out.push(c);
            at += 1;
        } else {
            out.extend(rest[..skip].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at += skip;
        }
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line_comment(rest: &[char]) -> usize {
    rest.iter().position(|&c| c == '\n').unwrap_or(rest.len())
}

/// Block comments may hold others.
fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A character such as `'"'`; 0 for a lifetime.
fn character(rest: &[char]) -> usize {
    if rest.get(1) == Some(&'\\') {
        let end = rest.iter().skip(3).position(|&c| c == '\'');
        return end.map_or(0, |end| end + 4);
    }
    if rest.get(2) == Some(&'\'') { 3 } else { 0 }
}

/// A raw string, or one of bytes: `r#"…"#`, `br"…"`; 0 for anything else.
fn raw_string(rest: &[char]) -> usize {
    let prefix = rest.iter().take_while(|&&c| matches!(c, 'r' | 'b' | 'c')).count();
    let hashes = rest[prefix..].iter().take_while(|&&c| c == '#').count();
    let start = prefix + hashes;
    if prefix > 2 || !rest[..prefix].contains(&'r') || rest.get(start) != Some(&'"') {
        return 0;
    }
    let mut at = start + 1;
    while at < rest.len() {
        let closes = rest[at] == '"'
            && rest[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes;
        if closes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::only;

    #[test]
    fn only_code_is_left() {
        for (source, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x // y", z)"#, "f(        , z)"),
            (r#"f("\"", z)"#, "f(    , z)"),
            (r##"f(r#"a"b"#, z)"##, "f(        , z)"),
            (r#"f(br"\", z)"#, "f(     , z)"),
            ("f('\"', 'a')", "f(   ,    )"),
            ("f('\\'', '\\u{1F600}', '\\\\')", "f(    ,            ,     )"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("let r#type = bar\"x\";", "let r#type = bar   ;"),
        ] {
            assert_eq!(only(source).trim_end(), code.trim_end(), "{source}");
        }
    }

    #[test]
    fn lines_stay() {
        let source = "/* a\nb */ c\n\"d\ne\" f\n";
        assert_eq!(only(source).lines().count(), source.lines().count());
        assert_eq!(only(source).lines().nth(3).map(str::trim), Some("f"));
    }
}
