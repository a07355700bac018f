//! Whether a compressed file is whole.
//!
//! The engine reads the beginning of a truncated `.gz` or `.zst` file as if it were all of it, so this is looked at
//! before a file is read.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// Fails with [`ErrorKind::UnexpectedEof`] or [`ErrorKind::InvalidData`] where a compressed file is cut or damaged.
/// Files that are not compressed are whole for all that can be told.
pub(crate) fn check_complete(file: &Path) -> io::Result<()> {
    let name = file.to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".gz") {
        let mut decoder = MultiGzDecoder::new(BufReader::new(File::open(file)?));
        io::copy(&mut decoder, &mut io::sink()).map(drop)
    } else if name.ends_with(".zst") || name.ends_with(".zstd") {
        check_zstd(&mut BufReader::new(File::open(file)?))
    } else {
        Ok(())
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
