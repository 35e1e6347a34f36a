//! Numbers and texts as bytes, and back without trust.

/// An entry is not one of ours, or broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(super) &'static str);

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)) as u64);
}

pub(super) fn put_fixed(out: &mut Vec<u8>, bits: u64) {
    out.extend_from_slice(&bits.to_le_bytes());
}

/// FNV-1a over words of 8 bytes: finds what bit rot does, not what an enemy does.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    let step =
        |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let sum =
        words.iter().fold(0xcbf2_9ce4_8422_2325, |sum, word| step(sum, u64::from_le_bytes(*word)));
    let sum = rest.iter().fold(sum, |sum, byte| step(sum, u64::from(*byte)));
    step(sum, bytes.len() as u64)
}

/// What is before the checksum at its end, if that fits.
pub(super) fn unsealed(bytes: &[u8]) -> Result<Reader<'_>, Malformed> {
    let (sealed, sum) = bytes.split_last_chunk::<8>().ok_or(Malformed("it is too short"))?;
    if checksum(sealed) != u64::from_le_bytes(*sum) {
        return Err(Malformed("its checksum is wrong"));
    }
    Ok(Reader::new(sealed))
}

/// Takes bytes from the front.
pub(super) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { left: bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    /// All that is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.left
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, left) = self.left.split_first().ok_or(Malformed("it ends too early"))?;
        self.left = left;
        Ok(*byte)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed("a number is too long"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(super) fn fixed(&mut self) -> Result<u64, Malformed> {
        let (bytes, left) =
            self.left.split_first_chunk::<8>().ok_or(Malformed("it ends too early"))?;
        self.left = left;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// Of things that take at least `size_min` bytes each, so that a wrong count cannot be used to
    /// ask for memory.
    pub(super) fn count(&mut self, size_min: usize) -> Result<usize, Malformed> {
        let count = self.number()?;
        if count > (self.left.len() / size_min) as u64 {
            return Err(Malformed("a count is larger than what follows"));
        }
        Ok(count as usize)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.count(1)?;
        let (text, left) = self.left.split_at(length);
        self.left = left;
        std::str::from_utf8(text).map_err(|_| Malformed("a text is not UTF-8"))
    }
}
