//! Whether a compressed file is whole.
//!
//! The engine reads the beginning of a truncated `.gz` or `.zst` file as if it were all of it, so this is looked at
//! before a file is read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstandard,
    /// Of an xlsx file.
    Zip,
}

impl Compression {
    /// As the file's name tells; none of a file that is not compressed.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if name.ends_with(".gz") {
            Some(Self::Gzip)
        } else if name.ends_with(".zst") || name.ends_with(".zstd") {
            Some(Self::Zstandard)
        } else if name.ends_with(".xlsx") {
            Some(Self::Zip)
        } else {
            None
        }
    }

    /// Fails with [`ErrorKind::UnexpectedEof`] or [`ErrorKind::InvalidData`] where the packed content is cut or damaged.
    pub(crate) fn check(self, mut packed: impl BufRead + Seek) -> io::Result<()> {
        match self {
            Self::Gzip => io::copy(&mut MultiGzDecoder::new(packed), &mut io::sink()).map(drop),
            Self::Zstandard => check_zstd(&mut packed),
            Self::Zip => check_zip(&mut packed),
        }
    }
}

/// As [`Compression::check`] of a file on this machine. Files that are not compressed are whole for all that can be
/// told.
pub(crate) fn check_complete(file: &Path) -> io::Result<()> {
    match Compression::of(&file.to_string_lossy()) {
        Some(compression) => compression.check(BufReader::new(File::open(file)?)),
        None => Ok(()),
    }
}

/// What the record at the end of a zip archive begins with, and its length without the comment that ends it.
const ZIP_END: &[u8] = b"PK\x05\x06";
const ZIP_END_BYTES: usize = 22;

/// Looks for the record that ends a zip archive (PKWARE's APPNOTE, section 4.3.16); the engine's reader would look for
/// it for ever.
fn check_zip(reader: &mut (impl Read + Seek)) -> io::Result<()> {
    let size = reader.seek(SeekFrom::End(0))?;
    let longest = (ZIP_END_BYTES + usize::from(u16::MAX)) as u64;
    reader.seek(SeekFrom::Start(size.saturating_sub(longest)))?;
    let mut end = Vec::new();
    reader.read_to_end(&mut end)?;
    let is_end = |record: &[u8]| {
        let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
        record.starts_with(ZIP_END) && record.len() == ZIP_END_BYTES + comment
    };
    let starts = 0..=end.len().saturating_sub(ZIP_END_BYTES);
    if end.len() >= ZIP_END_BYTES && starts.into_iter().any(|start| is_end(&end[start..])) {
        Ok(())
    } else {
        Err(io::Error::new(
            ErrorKind::InvalidData,
            "it does not end like an xlsx file",
        ))
    }
}

const ZSTD_MAGIC: u32 = 0xFD2F_B528;
/// Skippable frames begin with 0x184D2A50 to 0x184D2A5F.
const SKIPPABLE_MAGIC: u32 = 0x184D_2A50;

/// Walks over the frames and blocks of a Zstandard file (RFC 8878, section 3.1) without unpacking them.
fn check_zstd(reader: &mut (impl Read + Seek)) -> io::Result<()> {
    let size = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    let mut position = 0;
    while position < size {
        match u32::from_le_bytes(read_bytes(reader)?) {
            ZSTD_MAGIC => skip_zstd_frame(reader)?,
            magic if magic & !0xF == SKIPPABLE_MAGIC => {
                let length = u32::from_le_bytes(read_bytes(reader)?);
                reader.seek_relative(i64::from(length))?;
            }
            _ => {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "not a Zstandard file",
                ));
            }
        }
        position = reader.stream_position()?;
    }
    // Skipping may have gone beyond the end.
    if position > size {
        Err(ErrorKind::UnexpectedEof.into())
    } else {
        Ok(())
    }
}

fn skip_zstd_frame(reader: &mut (impl Read + Seek)) -> io::Result<()> {
    let [descriptor] = read_bytes(reader)?;
    let is_single_segment = descriptor & 0b10_0000 != 0;
    let has_checksum = descriptor & 0b100 != 0;
    let window_bytes = if is_single_segment { 0 } else { 1 };
    let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 0b11)];
    let size_bytes = match descriptor >> 6 {
        0 => i64::from(is_single_segment),
        flag => 1 << flag,
    };
    reader.seek_relative(window_bytes + dictionary_bytes + size_bytes)?;
    loop {
        let [low, middle, high] = read_bytes(reader)?;
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let is_last = header & 1 != 0;
        let length = match (header >> 1) & 0b11 {
            // A raw or a compressed block; a run of one byte; 3 is reserved.
            0 | 2 => header >> 3,
            1 => 1,
            _ => {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "a damaged Zstandard block",
                ));
            }
        };
        reader.seek_relative(i64::from(length))?;
        if is_last {
            break;
        }
    }
    reader.seek_relative(if has_checksum { 4 } else { 0 })
}

fn read_bytes<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(name: &str, bytes: &[u8]) -> Result<(), ErrorKind> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        check_complete(&file).map_err(|error| error.kind())
    }

    #[test]
    fn every_cut_of_a_gzip_file_is_seen() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"id,name\n1,a\n2,b\n").unwrap();
        let whole = encoder.finish().unwrap();
        assert_eq!(check("a.csv.gz", &whole), Ok(()));
        assert_eq!(
            check("a.csv.gz", &[whole.clone(), whole.clone()].concat()),
            Ok(())
        );
        for length in 1..whole.len() {
            assert!(
                check("a.csv.gz", &whole[..length]).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn every_cut_of_a_zip_archive_is_seen() {
        // An archive of nothing with a comment, after bytes that stand for its files.
        let mut whole = b"PK\x03\x04files".to_vec();
        whole.extend(ZIP_END);
        whole.extend([0; 16]);
        whole.extend([3, 0]);
        whole.extend(b"end");
        assert_eq!(check("a.xlsx", &whole), Ok(()));
        for length in 0..whole.len() {
            let cut = check("a.xlsx", &whole[..length]);
            assert_eq!(cut, Err(ErrorKind::InvalidData), "{length} bytes");
        }
    }

    #[test]
    fn every_cut_of_a_zstandard_file_is_seen() {
        // A frame with a raw block of 3 bytes, a run block and a checksum, made by hand; then a skippable frame.
        let mut frame = ZSTD_MAGIC.to_le_bytes().to_vec();
        frame.extend([0b0010_0100, 5]);
        frame.extend([3 << 3, 0, 0, b'a', b'b', b'c']);
        frame.extend([(2 << 3) | 0b011, 0, 0, b'd']);
        frame.extend([1, 2, 3, 4]);
        let first_frame = frame.len();
        frame.extend((SKIPPABLE_MAGIC + 3).to_le_bytes());
        frame.extend([2, 0, 0, 0, 9, 9]);
        assert_eq!(check("a.csv.zst", &frame), Ok(()));
        for length in (1..frame.len()).filter(|length| *length != first_frame) {
            assert_eq!(
                check("a.csv.zst", &frame[..length]),
                Err(ErrorKind::UnexpectedEof),
                "{length} bytes"
            );
        }
        assert_eq!(
            check("a.csv.zst", b"id,name\n"),
            Err(ErrorKind::InvalidData)
        );
    }
}
