//! SCRAM-SHA-256 (RFC 5802, RFC 7677): a password is proven without being sent, and what is kept of
//! it lets nobody in.
//!
//! A [`Verifier`] is what PostgreSQL keeps, in its spelling. [`Exchange`] is the server's side of
//! one proof. Channel binding (`SCRAM-SHA-256-PLUS`) is not offered.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pgwire::api::auth::sasl::scram::gen_salted_password;
use ring::{digest, hmac};

use super::random;

/// Rounds of the key derivation in a new verifier, as PostgreSQL has it.
const ITERATIONS: u32 = 4096;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// Most bytes of a message of the exchange.
const MESSAGE_BYTES_MAX: usize = 4096;

type Key = [u8; KEY_BYTES];

/// What is kept of a password: enough to check a proof, too little to make one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Verifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: Key,
    server_key: Key,
}

impl Verifier {
    /// Of a password in clear. Cost: some milliseconds.
    pub(crate) fn of(password: &str) -> Verifier {
        let salt = random::<SALT_BYTES>().to_vec();
        let salted = gen_salted_password(password, &salt, ITERATIONS as usize);
        let client_key = sign(&salted, b"Client Key");
        Verifier {
            iterations: NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN),
            salt,
            stored_key: hash(&client_key),
            server_key: sign(&salted, b"Server Key"),
        }
    }

    /// For a name that nobody has: looks like that of a user, always the same for a name, and no
    /// password fits it. `secret`: of this store.
    pub(crate) fn of_nobody(name: &str, secret: &[u8]) -> Verifier {
        Verifier {
            iterations: NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN),
            salt: sign(secret, name.as_bytes())[..SALT_BYTES].to_vec(),
            stored_key: random(),
            server_key: random(),
        }
    }

    /// `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`. `None`: it is not written like that.
    pub(crate) fn parse(text: &str) -> Option<Verifier> {
        let (parameters, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let key = |text: &str| Key::try_from(STANDARD.decode(text).ok()?).ok();
        Some(Verifier {
            iterations: iterations.parse().ok()?,
            salt: STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty())?,
            stored_key: key(stored)?,
            server_key: key(server)?,
        })
    }

    /// As [`Verifier::parse`] reads it.
    pub(crate) fn print(&self) -> String {
        let text = |bytes: &[u8]| STANDARD.encode(bytes);
        format!(
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations,
            text(&self.salt),
            text(&self.stored_key),
            text(&self.server_key)
        )
    }
}

/// Why a proof was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// A message is not of the protocol.
    Malformed(&'static str),
    /// The password is not the one of the verifier.
    Wrong,
}

/// One proof: the client's first message has come, its last one is awaited.
pub(crate) struct Exchange {
    verifier: Verifier,
    /// What the client said of channel binding, to be repeated.
    header: String,
    nonce: String,
    first: String,
    server_first: String,
}

impl Exchange {
    /// Takes the client's first message; [`Exchange::challenge`] answers it.
    pub(crate) fn begin(verifier: Verifier, message: &[u8]) -> Result<Exchange, Unproven> {
        let message = text(message)?;
        let malformed = Unproven::Malformed;
        let mut parts = message.splitn(3, ',');
        let (Some(binding), Some(authority), Some(first)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("the first message of SCRAM is too short"));
        };
        if binding.starts_with("p=") {
            return Err(malformed("channel binding is not offered"));
        }
        if !matches!(binding, "n" | "y") || !authority.is_empty() {
            return Err(malformed("the header of SCRAM is not understood"));
        }
        // `n=name,r=nonce`; the name is that of the startup, as in PostgreSQL.
        let mut attributes = first.split(',');
        let name = attributes.next().and_then(|name| name.strip_prefix("n="));
        let client_nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r="));
        let (Some(_), Some(client_nonce)) = (name, client_nonce) else {
            return Err(malformed("the first message of SCRAM is not understood"));
        };
        let nonce = format!("{client_nonce}{}", STANDARD.encode(random::<18>()));
        let server_first =
            format!("r={nonce},s={},i={}", STANDARD.encode(&verifier.salt), verifier.iterations);
        let header = format!("{binding},,");
        Ok(Exchange { verifier, header, nonce, first: first.to_owned(), server_first })
    }

    /// The answer to the client's first message.
    pub(crate) fn challenge(&self) -> &str {
        &self.server_first
    }

    /// Checks the proof; gives the server's own, which the client checks.
    pub(crate) fn finish(self, message: &[u8]) -> Result<String, Unproven> {
        let message = text(message)?;
        let malformed = Unproven::Malformed("the last message of SCRAM is not understood");
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(malformed)?;
        let mut attributes = without_proof.split(',');
        let binding = attributes.next().and_then(|binding| binding.strip_prefix("c="));
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r="));
        if binding != Some(&STANDARD.encode(&self.header)) || nonce != Some(&self.nonce) {
            return Err(malformed);
        }
        let proof: Key =
            STANDARD.decode(proof).ok().and_then(|proof| proof.try_into().ok()).ok_or(malformed)?;
        let signed = format!("{},{},{without_proof}", self.first, self.server_first);
        let signature = sign(&self.verifier.stored_key, signed.as_bytes());
        let client_key: Vec<u8> = proof.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        if !equal(&hash(&client_key), &self.verifier.stored_key) {
            return Err(Unproven::Wrong);
        }
        let own = sign(&self.verifier.server_key, signed.as_bytes());
        Ok(format!("v={}", STANDARD.encode(own)))
    }
}

fn text(message: &[u8]) -> Result<&str, Unproven> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(Unproven::Malformed("a message of SCRAM is too long"));
    }
    std::str::from_utf8(message).map_err(|_| Unproven::Malformed("SCRAM is not in UTF-8"))
}

fn sign(key: &[u8], data: &[u8]) -> Key {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    bytes(tag.as_ref())
}

/// SHA-256.
pub(super) fn hash(data: &[u8]) -> Key {
    bytes(digest::digest(&digest::SHA256, data).as_ref())
}

fn bytes(data: &[u8]) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(data);
    key
}

/// In a time that does not tell where they differ.
pub(super) fn equal(a: &Key, b: &Key) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client's side, for one password.
    fn prove(verifier: Verifier, password: &str) -> Result<String, Unproven> {
        let first = "n=,r=rOprNGfwEbeRWgbNEkqO";
        let exchange = Exchange::begin(verifier.clone(), format!("n,,{first}").as_bytes())?;
        let challenge = exchange.challenge().to_owned();
        let nonce = challenge.split(',').next().unwrap();
        let salted =
            gen_salted_password(password, &verifier.salt, verifier.iterations.get() as usize);
        let client_key = sign(&salted, b"Client Key");
        let without_proof = format!("c=biws,{nonce}");
        let signed = format!("{first},{challenge},{without_proof}");
        let signature = sign(&hash(&client_key), signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        exchange.finish(format!("{without_proof},p={}", STANDARD.encode(proof)).as_bytes())
    }

    #[test]
    fn the_right_password_is_proven_and_a_wrong_one_is_not() {
        let verifier = Verifier::of("pencil");
        assert!(prove(verifier.clone(), "pencil").unwrap().starts_with("v="));
        assert_eq!(prove(verifier, "pen"), Err(Unproven::Wrong));
        assert_eq!(prove(Verifier::of_nobody("x", b"s"), "pencil"), Err(Unproven::Wrong));
    }

    #[test]
    fn a_verifier_is_written_as_postgresql_writes_it() {
        let text = Verifier::of("pencil").print();
        assert!(text.starts_with("SCRAM-SHA-256$4096:"), "{text}");
        assert!(Verifier::parse(&text).is_some_and(|read| read.print() == text));
        for text in ["md5abc", "SCRAM-SHA-256$0:YQ==$a:b", "SCRAM-SHA-256$4096:$YQ==:YQ==", ""] {
            assert!(Verifier::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn nobody_has_a_salt_that_stays() {
        let salt = |name| Verifier::of_nobody(name, b"secret").salt;
        assert_eq!(salt("ann"), salt("ann"));
        assert_ne!(salt("ann"), salt("bob"));
    }

    #[test]
    fn messages_that_are_not_of_the_protocol_are_refused() {
        for message in ["", "n,,", "n,,r=x", "p=tls-unique,,n=,r=x", "n,a=x,n=,r=x", "\u{0}"] {
            assert!(Exchange::begin(Verifier::of("x"), message.as_bytes()).is_err(), "{message}");
        }
        for message in ["", "c=biws", "c=biws,r=x,p=AAAA", "c=,r=,p="] {
            let exchange = Exchange::begin(Verifier::of("x"), b"n,,n=,r=abc").unwrap();
            assert!(exchange.finish(message.as_bytes()).is_err(), "{message}");
        }
    }
}
