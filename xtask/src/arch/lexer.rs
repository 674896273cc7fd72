//! Rust text to tokens, as far as the house rules need it.
//!
//! Comments and white space go, literals become one token each, `::` is one token, every other punctuation
//! character is its own. Each token knows its line. This is not a parser: macro bodies, attributes and broken code
//! pass through as tokens, so that a rule cannot be dodged by hiding behind a macro.
//!
//! Not here: what the tokens mean ([`crate::arch::source`]).

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An identifier or keyword.
    Ident,
    /// One punctuation character, or `::`.
    Punct,
    /// A string, character or number.
    Literal,
    /// A lifetime or label.
    Lifetime,
}

/// One token and the line it starts on (from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: TokenKind,
    /// Its text; of literals, only plain strings keep theirs.
    pub(crate) text: String,
    /// Line, from 1.
    pub(crate) line: usize,
}

impl Token {
    /// Whether this is the identifier or punctuation `text`.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text && self.kind != TokenKind::Literal
    }
}

/// Splits `text` into tokens.
pub(crate) fn tokenize(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1, tokens: Vec::new() };
    while lexer.step() {}
    lexer.tokens
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn bump(&mut self) -> char {
        let c = self.peek(0);
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        }
        c
    }

    fn push(&mut self, kind: TokenKind, text: String, line: usize) {
        self.tokens.push(Token { kind, text, line });
    }

    fn step(&mut self) -> bool {
        if self.at >= self.chars.len() {
            return false;
        }
        let line = self.line;
        match self.peek(0) {
            c if c.is_whitespace() => {
                self.bump();
            }
            '/' if self.peek(1) == '/' => {
                while self.at < self.chars.len() && self.peek(0) != '\n' {
                    self.bump();
                }
            }
            '/' if self.peek(1) == '*' => self.block_comment(),
            '"' => self.string(line),
            '\'' => self.quote(line),
            c if c.is_ascii_digit() => self.number(line),
            c if c.is_alphabetic() || c == '_' => self.word(line),
            ':' if self.peek(1) == ':' => {
                self.at += 2;
                self.push(TokenKind::Punct, "::".to_owned(), line);
            }
            _ => {
                let c = self.bump();
                self.push(TokenKind::Punct, c.to_string(), line);
            }
        }
        true
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        while self.at < self.chars.len() {
            if self.peek(0) == '/' && self.peek(1) == '*' {
                depth += 1;
                self.at += 2;
            } else if self.peek(0) == '*' && self.peek(1) == '/' {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.bump();
            }
        }
    }

    /// A string with escapes; the cursor stands on its opening quote.
    fn string(&mut self, line: usize) {
        self.bump();
        let mut text = String::new();
        while self.at < self.chars.len() {
            match self.bump() {
                '\\' => {
                    self.bump();
                }
                '"' => break,
                c => text.push(c),
            }
        }
        self.push(TokenKind::Literal, text, line);
    }

    /// A raw string; the cursor stands on its first `#` or quote.
    fn raw_string(&mut self, line: usize) {
        let mut hashes = 0;
        while self.peek(0) == '#' {
            self.bump();
            hashes += 1;
        }
        self.bump();
        while self.at < self.chars.len() {
            if self.bump() == '"' && (0..hashes).all(|i| self.peek(i) == '#') {
                self.at += hashes;
                break;
            }
        }
        self.push(TokenKind::Literal, String::new(), line);
    }

    /// A character literal or a lifetime.
    fn quote(&mut self, line: usize) {
        self.bump();
        if self.peek(0) == '\\' {
            self.bump();
            self.bump();
            while self.at < self.chars.len() && self.bump() != '\'' {}
            self.push(TokenKind::Literal, String::new(), line);
        } else if self.peek(1) == '\'' {
            self.bump();
            self.bump();
            self.push(TokenKind::Literal, String::new(), line);
        } else {
            let name = self.take_word();
            self.push(TokenKind::Lifetime, name, line);
        }
    }

    fn number(&mut self, line: usize) {
        loop {
            let c = self.peek(0);
            let fraction = c == '.' && self.peek(1).is_ascii_digit();
            if !(c.is_alphanumeric() || c == '_' || fraction) {
                break;
            }
            self.bump();
        }
        self.push(TokenKind::Literal, String::new(), line);
    }

    fn word(&mut self, line: usize) {
        let word = self.take_word();
        let raw = matches!(word.as_str(), "r" | "br" | "cr");
        let quoted_after_hashes = {
            let hashes = (0..).take_while(|&i| self.peek(i) == '#').count();
            self.peek(hashes) == '"'
        };
        if raw && quoted_after_hashes {
            self.raw_string(line);
        } else if matches!(word.as_str(), "b" | "c") && self.peek(0) == '"' {
            self.string(line);
        } else if word == "b" && self.peek(0) == '\'' {
            self.quote(line);
        } else if word == "r" && self.peek(0) == '#' {
            self.bump();
            let name = self.take_word();
            self.push(TokenKind::Ident, name, line);
        } else {
            self.push(TokenKind::Ident, word, line);
        }
    }

    fn take_word(&mut self) -> String {
        let mut word = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            word.push(self.bump());
        }
        word
    }
}
